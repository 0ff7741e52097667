"""One slice of a run: a few visits side by side until the time, the number or the frontier is at its end."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import msgspec

from domain.errors import ParleyError, TooMany, Unavailable
from domain.knowledge.ingest import OURS, Ingest
from domain.knowledge.model import Run, Source, Trouble
from domain.knowledge.ports import Frontier, FrontierItem, Sources
from domain.knowledge.urls import allowed
from domain.ports import Clock

RECHECK = 1_000  # the depth of what is no longer in the plan: after all else, and never followed
LEASE = timedelta(minutes=2)  # a visit is over in half of that: 15 s to fetch, as long to read
TRIES = 3
AGAIN = (timedelta(seconds=20), timedelta(seconds=90))  # what another try may mend is tried again then
LONG_S = 120.0  # who asks for a longer pause than this has the run end, and the next one later
PULSE_S = 1.0  # to look again whether something has come due


class Work(msgspec.Struct, frozen=True):
    """How much a slice does: a function has five minutes, a laptop other things to do."""

    seconds: float = 50.0
    pages: int = 100
    at_once: int = 2


class Pause(Exception):
    """The host asked not to be visited for so long."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Walk:
    """`stopped` and `exhausted` tell why it came back; neither means that time or number were used up."""

    def __init__(
        self, source: Source, run: Run, sources: Sources, frontier: Frontier, ingest: Ingest, clock: Clock,
        work: Work, sleep: Callable[[float], Awaitable[None]],
    ) -> None:  # fmt: skip
        self._source, self.run, self._sources, self._frontier = source, run, sources, frontier
        self._ingest, self._clock, self._work, self._sleep = ingest, clock, work, sleep
        self._writing, self._filling = asyncio.Lock(), asyncio.Lock()
        self._active, self._taken = 0, 0
        self._held: int | None = None
        self._until = clock.monotonic() + work.seconds
        self._broken: BaseException | None = None
        self.stopped, self.exhausted, self.code = run.stop, False, ""

    async def on(self) -> Run:
        """Raises Pause, and Unavailable of our own stores."""
        self.exhausted = False
        await asyncio.gather(*[self._worker() for _ in range(self._work.at_once)])
        if self._broken is not None:
            raise self._broken
        if not self.stopped:
            self.exhausted = await asyncio.to_thread(self._frontier.left, self._source.id) == 0
        return self.run

    def _over(self) -> bool:
        used_up = self._clock.monotonic() >= self._until or self._taken >= self._work.pages
        return self.stopped or used_up or self._broken is not None

    async def _worker(self) -> None:
        """Whatever breaks it ends the others too, after the page that each has in hand."""
        try:
            while not self._over():
                self._active += 1
                try:
                    item = await asyncio.to_thread(self._frontier.take, self._source.id, self._clock.now(), LEASE)
                    if item is not None:
                        self._taken += 1
                        await self._one(item)
                        continue
                finally:
                    self._active -= 1
                # Another worker's page may still name more; and what waits comes due.
                if not self._active and await asyncio.to_thread(self._frontier.left, self._source.id) == 0:
                    return
                await self._heartbeat()
                await self._sleep(PULSE_S)
        except (Pause, ParleyError) as error:
            self._broken = self._broken or error

    async def _one(self, item: FrontierItem) -> None:
        if item.tries >= TRIES:  # its lease ran out so often: it ends whoever reads it
            self.code = self.code or "page_failed"
            await self._ingest.given_up(self._source, item.url, "page_failed")
            await self._note(item, "page_failed")
            await self._done(item, 0, failed=1)
            return
        follow = self._source.kind == "site" and item.depth < self._source.depth  # a feed names the whole web
        try:
            visit = await self._ingest.visit(self._source, item.url, links=follow)
        except ParleyError as error:
            if error.code in OURS:
                raise
            await self._failed(item, error)
            return
        found = 0
        if visit.links:
            async with self._filling:
                found = await asyncio.to_thread(self._fill, visit.links, item.depth + 1)
        if visit.code and visit.outcome in ("missed", "gone"):
            await self._note(item, visit.code)
        await self._done(
            item, found, fetched=1, bytes=visit.bytes, changed=visit.outcome in ("changed", "duplicate"),
            duplicates=visit.outcome == "duplicate", unchanged=visit.outcome == "unchanged",
            gone=visit.outcome == "gone",
        )  # fmt: skip

    def _fill(self, links: tuple[str, ...], depth: int) -> int:
        """Return how many addresses are in the plan by now. What it held before this run is not of it."""
        inside = [(url, depth) for url in links if allowed(url, self._source)]
        if self._held is None:
            self._held = self._frontier.fill(self._source.id, [], self._source.max_pages) - self.run.found
        return self._frontier.fill(self._source.id, inside, self._source.max_pages) - self._held

    async def _failed(self, item: FrontierItem, error: ParleyError) -> None:
        wait = timedelta(seconds=float(str(error.detail.get("seconds", 1)))) if isinstance(error, TooMany) else None
        if wait is not None and wait.total_seconds() > LONG_S:
            await self._later(item, AGAIN[0])  # how long the host is to be left alone, the fetcher knows
            await self._note(item, error.code)
            raise Pause(wait.total_seconds())
        if isinstance(error, (Unavailable, TooMany)) and item.tries + 1 < TRIES:
            await self._later(item, wait or AGAIN[min(item.tries, len(AGAIN) - 1)])
            return
        self.code = self.code or error.code
        await self._note(item, error.code)
        await self._done(item, 0, failed=1)

    async def _later(self, item: FrontierItem, wait: timedelta) -> None:
        await asyncio.to_thread(self._frontier.later, item.source_id, item.url, self._clock.now() + wait)

    async def _note(self, item: FrontierItem, code: str) -> None:
        await asyncio.to_thread(self._sources.trouble, self.run.id, Trouble(item.url, code, self._clock.now()))

    async def _done(self, item: FrontierItem, found: int, **counts: int) -> None:
        """Count the page, then forget its address: a crash in between has it visited again, and found unchanged."""
        async with self._writing:
            more = {name: getattr(self.run, name) + int(count) for name, count in counts.items()}
            run = msgspec.structs.replace(self.run, **more, moved_at=self._clock.now())
            self.run = msgspec.structs.replace(run, found=max(run.found, found, run.fetched + run.failed))
            await self._tell()
        await asyncio.to_thread(self._frontier.done, item.source_id, item.url)

    async def _heartbeat(self) -> None:
        async with self._writing:
            self.run = msgspec.structs.replace(self.run, moved_at=self._clock.now())
            await self._tell()

    async def _tell(self) -> None:
        row = await asyncio.to_thread(self._sources.progress, self.run)
        self.stopped = self.stopped or row.stop
