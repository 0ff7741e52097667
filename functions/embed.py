"""The embedding handler: text to vectors, and what can be told from them."""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np

from domain.errors import BadInput, ParleyError
from domain.ports import Vector
from domain.usage import Meter
from functions import checked, offload
from functions.checked import Kind
from functions.engine_room import EngineRoom
from functions.gate import Gate

log = logging.getLogger(__name__)
T = TypeVar("T")
MOST = 256
SIZE = 384  # of the default model; another is probed when it loads


class Engine(Protocol):
    """Blocking; for one thread at a time. Unit vectors, all of one dimension."""

    def embed(self, texts: Sequence[str], kind: Kind) -> list[Vector]: ...

    def rerank(self, query: str, texts: Sequence[str]) -> list[float]: ...


class Embed:
    """Implements domain.ports.Embedder. `load` blocks; a call before it loads the model itself."""

    def __init__(self, make: Callable[[], Engine], size: int = SIZE, at_once: int = 1, most: int = MOST) -> None:
        """`size` is the dimension that the index was made for, 0 if it is to be as the model has it.

        `at_once` texts go to the engine together.
        """
        self._room = EngineRoom[Engine]("embed", make)
        self._gate = Gate("embed", most)
        self._at_once = at_once
        self.size = size

    def load(self) -> None:
        """Load the model and have it embed a word, which warms it up and shows its dimension.

        Raises BadInput("dimension_wrong") when the index was made for another.
        """
        (probe,) = self._room.engine().embed(["Hello"], "query")
        self.size = self.size or len(probe)
        check_dimension(len(probe), self.size)

    def close(self) -> None:
        self._room.close()

    async def embed(self, texts: Sequence[str], kind: Kind, meter: Meter | None = None) -> list[Vector]:
        """One unit vector per text. Raises BadInput, TooLong, Unavailable."""
        return await self._embed(checked.texts(texts, kind), kind, meter)

    async def batch(
        self, asked: Sequence[Sequence[str]], kinds: Sequence[str], meter: Meter
    ) -> list[list[Vector] | ParleyError]:
        """Answer several callers with as few runs of the model as can be; each has its vectors, or its own error."""
        answers: list[list[Vector] | ParleyError] = [[] for _ in asked]
        places: dict[str, list[tuple[int, str]]] = {}
        for number, (texts, kind) in enumerate(zip(asked, kinds, strict=True)):
            try:
                some = [(number, text) for text in checked.texts(texts, kind)]
            except ParleyError as error:
                answers[number] = error
            else:
                places.setdefault(kind, []).extend(some)
        for kind, asked_for in places.items():
            vectors = await self._embed([text for _, text in asked_for], kind, meter)  # type: ignore[arg-type]
            for (number, _), vector in zip(asked_for, vectors, strict=True):
                answer = answers[number]
                if isinstance(answer, list):
                    answer.append(vector)
        return answers

    async def _embed(self, texts: list[str], kind: Kind, meter: Meter | None) -> list[Vector]:
        vectors: list[Vector] = []
        # Some texts per call of the pool: a long batch of pages lets a visitor's query in between.
        for start in range(0, len(texts), self._at_once):
            some = texts[start : start + self._at_once]
            vectors += await self._run(lambda engine, some=some: engine.embed(some, kind), meter)  # type: ignore[misc]
        return vectors

    async def _run(self, work: Callable[[Engine], T], meter: Meter | None) -> T:
        with self._gate.through():
            return await offload.run(self._room.pool, lambda: work(self._room.engine()), meter)

    async def similarity(self, one: str, other: str, meter: Meter | None = None) -> float:
        """Return the cosine of two texts, -1 to 1."""
        first, second = await self.embed([one, other], "passage", meter)
        return float(np.dot(first, second))

    async def rerank(self, query: str, texts: Sequence[str], meter: Meter | None = None) -> list[float]:
        """Return how well each text answers the query, in the order of the texts; higher is better."""
        (asked,), found = checked.texts([query], "query"), checked.texts(texts, "passage")
        return await self._run(lambda engine: engine.rerank(asked, found), meter)


def check_dimension(found: int, expected: int) -> None:
    """Refuse vectors that do not fit the index: mixed sizes would be found by nobody."""
    if found != expected:
        raise BadInput("dimension_wrong", found=found, expected=expected)
