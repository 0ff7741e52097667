"""What the parts of long attachments mean: vectors, made in the background once an attachment was read.

They are held in memory, by the attachment's id, and nowhere else: whoever is given no attachment gets no vector of it.
After a restart, and in another process, they are made when a question first looks at the attachment; until they are
there its words alone decide.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import copy_context

import numpy as np
from numpy.typing import NDArray

from domain.errors import ParleyError, Unavailable
from domain.filing.model import Attachment
from domain.filing.passages import Part, parts_of
from domain.filing.transcribing import patiently
from domain.ports import Embedder, Vector
from domain.usage import TURN

log = logging.getLogger(__name__)
MOST_PARTS = 160  # 20,000 characters are 50 to 90; what has more is lists of headings, and goes by its words
KNOWN = 128  # attachments: 13 MB with the embedded encoder, 36 with a large one
TRIES, AWAY_S = 5, 20.0  # of one call, and what lies between: a busy machine is late, a container has to wake
KEEP_S = 86_400.0  # without being asked about
MOST_WAITING = 64  # whose turn it is not yet: the rest begins when it is asked about again
MOST_QUESTION = 2_000  # characters

Vectors = NDArray[np.float32]  # a row for each part


async def _at_once() -> None:
    return


class Meanings:
    """One per process; all but `near` from its loop. `close` it there."""

    def __init__(
        self, embedder: Embedder, characters: int, batch: int = 16, side_by_side: int = 1,
        idle: Callable[[], Awaitable[None]] = _at_once,
    ) -> None:  # fmt: skip
        """`characters`: what the LLM is given to read, which needs no choosing where a text fits into it. `batch` parts
        to a call, of so many attachments side by side; `idle` waits for a moment when nobody is being answered: they go
        first, for a while.
        """
        self._embedder, self._characters, self._batch, self._idle = embedder, characters, batch, idle
        self._known: OrderedDict[str, Vectors] = OrderedDict()  # the longest unused first
        self._used: dict[str, float] = {}
        self._making: dict[str, asyncio.Task[None]] = {}
        self._gate = asyncio.Semaphore(side_by_side)

    def make(self, attachment: Attachment) -> None:
        """Begin to make what is not there; returns at once. Whatever becomes of it, words are there."""
        id_ = attachment.id
        if len(attachment.text) <= self._characters or id_ in self._known or id_ in self._making:
            return
        if len(self._making) >= MOST_WAITING:
            return
        account = copy_context()
        account.run(TURN.set, "")  # no turn pays for it, whichever asked first
        task = asyncio.create_task(self._make(attachment), name=f"meaning of {id_}", context=account)
        self._making[id_] = task
        task.add_done_callback(lambda done: self._making.pop(id_, None) if self._making.get(id_) is done else None)

    def has(self, ids: Sequence[str]) -> bool:
        """Whether anything is known of any of these; what is asked for is held the longest."""
        known = [id_ for id_ in ids if id_ in self._known]
        for id_ in known:
            self._known.move_to_end(id_)
            self._used[id_] = _now()
        return bool(known)

    async def asked(self, question: str) -> Vector | None:
        """Return the vector of a question, None where there is none to be had."""
        try:
            (vector,) = await self._embedder.embed([question[:MOST_QUESTION]], "query")
        except ParleyError as error:
            log.warning("an attachment is looked at by its words alone: %s", error.code)
            return None
        return vector

    def near(self, vector: Vector, parts: Mapping[str, Sequence[Part]]) -> dict[str, list[float]]:
        """Return the cosines of the parts of those attachments that are known. Any thread may call."""
        asked = np.asarray(vector, np.float32)
        found = {}
        for id_, some in parts.items():
            vectors = self._known.get(id_)
            if vectors is not None and vectors.shape == (len(some), len(asked)):
                found[id_] = [float(cosine) for cosine in vectors @ asked]
        return found

    def forget(self, ids: Sequence[str]) -> None:
        """They are gone."""
        for id_ in ids:
            if (task := self._making.pop(id_, None)) is not None:
                task.cancel()
            self._known.pop(id_, None)
            self._used.pop(id_, None)

    def tidy(self) -> None:
        """Forget what nobody has asked about for long: whose chat is deleted asks no more, nor does who is erased."""
        self.forget([id_ for id_, used in self._used.items() if _now() - used > KEEP_S])

    async def idle(self) -> None:
        """Wait until everything that was begun is there."""
        await asyncio.gather(*self._making.values(), return_exceptions=True)

    async def close(self) -> None:
        for task in list(self._making.values()):
            task.cancel()
        await self.idle()

    async def _make(self, attachment: Attachment) -> None:
        try:
            async with self._gate:
                vectors = await self._vectors(attachment)
        except ParleyError as error:
            log.warning("an attachment is looked at by its words alone: %s", error.code)
            return
        except Exception:
            log.exception("an attachment is looked at by its words alone")
            return
        if vectors is not None:
            self._known[attachment.id], self._used[attachment.id] = vectors, _now()
            self.forget(list(self._known)[:-KNOWN])

    async def _vectors(self, one: Attachment) -> Vectors | None:
        parts = await asyncio.to_thread(parts_of, one.id, one.name, one.text, self._characters)
        if not 1 < len(parts) <= MOST_PARTS:
            return None
        made: list[Vector] = []
        for start in range(0, len(parts), self._batch):
            made += await self._some([part.meant for part in parts[start : start + self._batch]])
        return np.asarray(made, np.float32)

    async def _some(self, texts: Sequence[str]) -> list[Vector]:
        """What was made before is not lost when one call fails. Raises what the last of its tries raised."""
        for _ in range(TRIES - 1):
            try:
                return await self._embed(texts)
            except Unavailable:
                await asyncio.sleep(AWAY_S)
        return await self._embed(texts)

    async def _embed(self, texts: Sequence[str]) -> list[Vector]:
        await patiently(self._idle)
        return await self._embedder.embed(texts, "passage")


def _now() -> float:
    return asyncio.get_running_loop().time()
