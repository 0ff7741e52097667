"""The part of the composition root that is about files: rows, bytes, and who keeps order among them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta

import msgspec
from sqlalchemy import Engine

from db.files import SqlFiles
from domain.errors import NotFound, ParleyError, Unavailable
from domain.filing.cabinet import Cabinet
from domain.filing.model import Stored
from domain.filing.ports import Blobs
from domain.filing.recording import Recorder
from domain.filing.rooms import MB, Rules
from domain.membership.model import Allowance, Feature
from domain.membership.ports import Allowances
from domain.ports import Clock
from infra.background import Background
from infra.config import Config
from infra.storage import storage

log = logging.getLogger(__name__)
SWEEP_S = 600.0  # how often it looks for what has expired
LOST_EVERY = 144  # of these, once, for bytes that no row names: about once a day
EXPORT_S = 60.0  # for the next piece of a file that is taken along


class Everything:
    """Allowances where nobody sells anything: what the settings allow."""

    def allowance(self, owner: str, feature: Feature) -> Allowance:
        return Allowance(1 << 50, "")


class Filing:
    def __init__(self, cabinet: Cabinet, blobs: Blobs, recorder: Recorder, sweep_s: float = SWEEP_S) -> None:
        self.cabinet, self.recorder, self._blobs, self._sweep_s = cabinet, recorder, blobs, sweep_s
        self._background = Background()
        self._told: set[str] = set()

    def start(self) -> None:
        self._background.start(self._sweep)

    async def stop(self) -> None:
        await self._background.stop()
        await self._blobs.close()

    def erase_owner(self, owner: str, loop: asyncio.AbstractEventLoop) -> int:
        """Erase all files of an account; return how many. For threads beside `loop`. Raises Unavailable.

        The rows go first: nobody finds a file from here on. Bytes that are out of reach are swept once they are not.
        """
        ids = self.cabinet.forget_owner(owner)
        try:
            asyncio.run_coroutine_threadsafe(self.cabinet.erase(ids), loop).result()
        except Unavailable as error:
            log.warning("bytes of an erased account go later: %s", error.code)
        return len(ids)

    def export(self, owner: str) -> Iterator[tuple[str, bytes | Iterator[bytes]]]:
        """Return what somebody takes along, names and bytes, for a thread beside this loop to go through.

        Raises within it what the stores raise.
        """
        return self._exported(owner, asyncio.get_running_loop())

    def _exported(
        self, owner: str, loop: asyncio.AbstractEventLoop
    ) -> Iterator[tuple[str, bytes | Iterator[bytes]]]:
        stored = self.cabinet.owned(owner)
        if stored:
            yield "files.json", msgspec.json.format(msgspec.json.encode(stored), indent=2)
        for each in stored:
            try:
                yield f"files/{each.id}/{each.name}", self._bytes(each, loop)
            except NotFound:
                continue  # removed while the others were written

    def _bytes(self, stored: Stored, loop: asyncio.AbstractEventLoop) -> Iterator[bytes]:
        _, pieces = asyncio.run_coroutine_threadsafe(self.cabinet.open(stored.owner, stored.id), loop).result(EXPORT_S)

        async def following() -> bytes:
            return await anext(pieces, b"")

        def rest() -> Iterator[bytes]:
            while piece := asyncio.run_coroutine_threadsafe(following(), loop).result(EXPORT_S):
                yield piece

        return rest()

    async def _sweep(self) -> None:
        look = 0
        while True:
            await self._quietly("sweeping files", self.cabinet.sweep)
            if look % LOST_EVERY == 0:
                await self._quietly("looking for bytes that no row names", self.cabinet.sweep_lost)
            look += 1
            await asyncio.sleep(self._sweep_s)

    async def _quietly(self, what: str, work: Callable[[], Awaitable[int]]) -> None:
        """What is out of reach is said once, and again when it is back."""
        try:
            if erased := await work():
                log.info("%s: %d were erased", what, erased)
        except ParleyError as error:
            if what not in self._told:
                log.warning("%s waits: %s", what, error.code)
            self._told.add(what)
        except Exception:
            log.exception("%s failed", what)
        else:
            if what in self._told:
                self._told.discard(what)
                log.info("%s goes on", what)


def filing(
    config: Config, database: Engine, clock: Clock, allowances: Allowances | None = None,
    busy: Callable[[], bool] = lambda: False,
) -> Filing:  # fmt: skip
    """`busy`: somebody is being answered, so that what is spoken again for a recording waits."""
    blobs = storage(config)
    rules = Rules(config.files_most, config.files_most_mb * MB, timedelta(hours=config.files_temporary_hours))
    cabinet = Cabinet(SqlFiles(database), blobs, allowances or Everything(), clock, rules)
    return Filing(cabinet, blobs, Recorder(busy))
