"""A run of a source, in slices: each short enough for a serverless call, and the next goes on where it stopped.

What is to be visited stands in the frontier, what was found in the pages, how far it is in the run. So a run that is
killed is taken over once it has been silent for a while, and nothing is lost or done twice but the page in hand.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

import msgspec

from domain.errors import ParleyError, TooMany, Unavailable
from domain.knowledge.ingest import Ingest
from domain.knowledge.model import Page, Run, Source, Trouble
from domain.knowledge.plan import Planner
from domain.knowledge.ports import Frontier, Pages, Sources
from domain.knowledge.publish import Publisher
from domain.knowledge.urls import allowed
from domain.knowledge.walk import RECHECK, Pause, Walk, Work
from domain.ports import Clock

log = logging.getLogger(__name__)
SILENT_FOR = timedelta(minutes=2)  # then a run is taken over: whoever worked on it is no more
HOUR = timedelta(hours=1)
AWAY_S, PATIENCE = 5.0, 120  # the database is away: so often, so many times it is asked again
BUSY = "host_busy"  # a run that ended by this is gone on with: its frontier stays
ENDED = frozenset({"done", "stopped", "failed"})


class Crawler:
    def __init__(
        self, sources: Sources, frontier: Frontier, pages: Pages, planner: Planner, ingest: Ingest,
        publisher: Publisher, clock: Clock, work: Work | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep, welcome: Callable[[str], bool] = lambda _: True,
    ) -> None:  # fmt: skip
        """`welcome` says whether what an owner gave is visited now; it is asked in threads, before every slice."""
        self._sources, self._frontier, self._pages = sources, frontier, pages
        self._planner, self._ingest, self._publisher, self._clock = planner, ingest, publisher, clock
        self._work, self._sleep, self._welcome = work or Work(), sleep, welcome

    async def crawl(self, source_id: str) -> Run | None:
        """Visit a source to the end. None when another works on it. Raises Unavailable when the stores stay away."""
        run = await self.begin(source_id)
        away = 0
        while run is not None and run.state not in ENDED:
            try:
                if away:  # it got further than we knew when the stores went away
                    run = await self.resume(source_id, run.id) or run
                run, away = await self.slice(run), 0
            except Unavailable:  # a page's own troubles never come here
                away += 1
                if away > PATIENCE:
                    raise
                await self._sleep(AWAY_S)
        return run

    async def begin(self, source_id: str) -> Run | None:
        return await asyncio.to_thread(self._sources.start, source_id, self._clock.now(), SILENT_FOR)

    async def resume(self, source_id: str, run_id: str) -> Run | None:
        """Return the run that the slice before has left to us; None when it has ended or was taken over."""
        runs = await asyncio.to_thread(self._sources.runs, source_id, 1)
        return runs[0] if runs and runs[0].id == run_id and runs[0].state not in ENDED else None

    async def slice(self, run: Run) -> Run:
        """Work for a while on a run; its state tells whether there is more. Raises Unavailable of our stores."""
        source = await asyncio.to_thread(self._sources.get, run.source_id)
        if source.removed_at is not None or run.stop:
            return await self._finish(source, run, "stopped")
        if source.shelf.owner and not await asyncio.to_thread(self._welcome, source.shelf.owner):
            return await self._finish(source, run, "stopped")
        try:
            run = await self._planned(source, run)
        except ParleyError as error:
            return await self._could_not_begin(source, run, error)
        walk = Walk(source, run, self._sources, self._frontier, self._ingest, self._clock, self._work, self._sleep)
        try:
            run = await walk.on()
            if not walk.stopped and walk.exhausted and await self._rechecks(source, run):
                run = await walk.on()
        except Pause as pause:
            return await self._finish(source, walk.run, "failed", BUSY, pause.seconds)
        if walk.stopped:
            return await self._finish(source, run, "stopped")
        if not walk.exhausted:
            return run
        await self._drop_the_rest(source, run)
        failed = run.failed > 0 and run.fetched == 0
        return await self._finish(source, run, "failed" if failed else "done", walk.code if failed else "")

    async def _planned(self, source: Source, run: Run) -> Run:
        """Fill the frontier once per run. Done again after a crash it adds nothing."""
        if run.found:
            return run
        plan = await self._planner.plan(source)
        await asyncio.to_thread(self._frontier.fill, source.id, plan, source.max_pages)
        left = await asyncio.to_thread(self._frontier.left, source.id)
        return await asyncio.to_thread(self._sources.progress, msgspec.structs.replace(run, found=max(left, 1)))

    async def _could_not_begin(self, source: Source, run: Run, error: ParleyError) -> Run:
        if error.code == "store_unavailable":
            raise error
        trouble = Trouble(source.url, error.code, self._clock.now())
        await asyncio.to_thread(self._sources.trouble, run.id, trouble)
        failed = msgspec.structs.replace(run, found=max(run.found, 1), failed=run.failed + 1)
        return await self._finish(source, failed, "failed", error.code, _seconds(error))

    async def _rechecks(self, source: Source, run: Run) -> bool:
        """Have pages that the plan names no longer looked at again, the newest first, as far as the budget goes."""
        old = await asyncio.to_thread(self._unseen, source, run)
        if unwanted := [page.id for page in old if source.kind != "page" and not allowed(page.url, source)]:
            await asyncio.to_thread(self._publisher.drop, unwanted)
        again = [page for page in old if page.id not in set(unwanted)]
        again.sort(key=_written, reverse=True)
        urls = [(page.url, RECHECK) for page in again]
        if urls:
            await asyncio.to_thread(self._frontier.fill, source.id, urls, source.max_pages)
        return await asyncio.to_thread(self._frontier.left, source.id) > 0

    async def _drop_the_rest(self, source: Source, run: Run) -> None:
        """A source holds `max_pages`. What this run came to neither by its plan nor by a recheck is beyond that."""
        rest = await asyncio.to_thread(self._unseen, source, run)
        await asyncio.to_thread(self._publisher.drop, [page.id for page in rest])

    def _unseen(self, source: Source, run: Run) -> list[Page]:
        """Return the pages that this run has not come to, nor those before it that went on from one another."""
        since = run.started_at
        for before in [each for each in self._sources.runs(source.id, 20) if each.started_at < run.started_at]:
            if before.error != BUSY:
                break
            since = before.started_at
        pages: list[Page] = []
        while some := self._pages.of(source.id, 200, pages[-1].url if pages else ""):
            pages += some
        return [page for page in pages if page.checked_at < since]

    async def _finish(self, source: Source, run: Run, state: str, error: str = "", pause_s: float = 0.0) -> Run:
        now = self._clock.now()
        failed = state == "failed"
        wait = min(HOUR * 2 ** min(source.fails, 10), 4 * source.every) if failed else source.every
        ended = msgspec.structs.replace(run, state=state, ended_at=now, moved_at=now, error=error)
        if error != BUSY:
            await asyncio.to_thread(self._frontier.clear, source.id)
        next_at = now + max(wait, timedelta(seconds=pause_s))
        await asyncio.to_thread(self._sources.finish, ended, next_at, failed)
        log.info(
            "crawled %s: %s, %d changed, %d unchanged, %d gone, %d failed", source.id, error or state,
            run.changed, run.unchanged, run.gone, run.failed,
        )  # fmt: skip
        return ended


def _written(page: Page) -> float:
    if page.version is None:
        return page.checked_at.timestamp()
    return (page.version.published or page.version.fetched_at).timestamp()


def _seconds(error: ParleyError) -> float:
    return float(str(error.detail.get("seconds", 0))) if isinstance(error, TooMany) else 0.0
