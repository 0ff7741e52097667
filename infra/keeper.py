"""What keeps knowledge fresh in the background of a web process: visiting sources, indexing, vectors, repairs.

All of it can wait for a conversation, and none of it is lost when the process ends: the stores hold what is to be done.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from domain.errors import ParleyError, Unavailable
from domain.knowledge.crawl import Crawler
from domain.knowledge.encoding import Encoder
from domain.knowledge.ports import Hosts, Sources, VectorIndex
from domain.knowledge.publish import Publisher
from domain.knowledge.reconcile import Reconciler
from domain.ports import Clock
from infra.background import Background, pause

log = logging.getLogger(__name__)
AT_ONCE = 4  # sources that are visited side by side
OF_ONE = 2  # and of one owner: five hundred slow pages take two hours, in which others get their turn
DUE = 500  # that are looked at for those of others
LOOK_S = 15.0  # how often it looks for what has come due, unless it is woken
AWAY_S = 20.0  # before it tries again what was out of reach
KEEP_REMOVED = timedelta(days=7)  # a source that was removed can be brought back for so long
KEEP_HOSTS = timedelta(days=30)
DAY_S = 86_400.0
YIELD_S = 0.25


def when_idle(busy: Callable[[], bool]) -> Callable[[], Awaitable[None]]:
    """Return a wait for the moment when nobody is being answered."""

    async def wait() -> None:
        while busy():  # noqa: ASYNC110 - a property of the turns, and nothing that could be waited for
            await asyncio.sleep(YIELD_S)

    return wait


class Keeper:
    def __init__(
        self, sources: Sources, hosts: Hosts, index: VectorIndex, crawler: Crawler, publisher: Publisher,
        encoder: Encoder, reconciler: Reconciler, clock: Clock, crawls: bool = True, indexes: bool = True,
    ) -> None:  # fmt: skip
        """With `crawls` off it visits nothing and indexes what others have fetched; with `indexes` off, too, it only
        sees that the index is open for searches.
        """
        self._sources, self._hosts, self._index, self._crawler = sources, hosts, index, crawler
        self._publisher, self._encoder, self._reconciler = publisher, encoder, reconciler
        self._clock, self._crawls = clock, crawls
        self._indexes = indexes
        self._background = Background()
        self._visits: dict[str, asyncio.Task[None]] = {}
        self._owners: dict[str, str] = {}  # of the sources that are visited
        self._news, self._work = asyncio.Event(), asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told: set[str] = set()

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        loops = [self._keep_indexing, self._keep_daily] if self._indexes else [self._open]
        self._background.start(*loops, *([self._keep_visiting] if self._crawls else []))

    def wake(self) -> None:
        """Look now. Any thread may call; before `start` and after `stop` it does nothing."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._news.set()
        self._work.set()

    async def stop(self) -> None:
        """Leave everything as it is: whoever starts next goes on from there."""
        self._loop = None
        await self._background.stop()
        visits = list(self._visits.values())
        for visit in visits:
            visit.cancel()
        await asyncio.gather(*visits, return_exceptions=True)
        self._visits, self._owners = {}, {}

    # -- visiting ----------------------------------------------------------------------------------

    async def _keep_visiting(self) -> None:
        while True:
            self._news.clear()
            await self._quietly("visiting sources", self._visit_due)
            await pause(LOOK_S, until=self._news)

    async def _visit_due(self) -> bool:
        free = len(self._visits) < AT_ONCE
        due = await asyncio.to_thread(self._sources.due, self._clock.now(), DUE) if free else []
        for source in due:
            owner = source.shelf.owner
            if len(self._visits) >= AT_ONCE:
                break
            if source.id in self._visits or list(self._owners.values()).count(owner) >= OF_ONE:
                continue
            self._owners[source.id] = owner
            task = self._visits[source.id] = asyncio.create_task(self._visit(source.id))
            task.add_done_callback(lambda _, name=source.id: self._visited(name))  # type: ignore[misc]
        return True

    async def _visit(self, source_id: str) -> None:
        await self._quietly("visiting a source", lambda: self._crawler.crawl(source_id))
        self._work.set()

    def _visited(self, source_id: str) -> None:
        self._visits.pop(source_id, None)
        self._owners.pop(source_id, None)
        self._news.set()

    # -- indexing ----------------------------------------------------------------------------------

    async def _open(self) -> None:
        while not await self._quietly("opening the index", self._ensure):
            await pause(AWAY_S, until=self._work)
            self._work.clear()

    async def _ensure(self) -> bool:
        await asyncio.to_thread(self._reconciler.open)
        return True

    async def _keep_indexing(self) -> None:
        """Open the index, put right what is not, then index and embed whatever comes."""
        await self._open()
        while not await self._quietly("putting the index right", self._repair):
            await pause(AWAY_S, until=self._work)
            self._work.clear()
        while True:
            self._work.clear()
            if not await self._quietly("indexing", self._index_some):
                await pause(AWAY_S if self._told else LOOK_S, until=self._work)

    async def _repair(self) -> bool:
        await asyncio.to_thread(self._reconciler.repair)
        return True

    async def _index_some(self) -> bool:
        published = await asyncio.to_thread(self._publisher.waiting, 20)
        swept = await asyncio.to_thread(self._publisher.sweep, 50)
        embedded = await self._encoder.some(1)
        return bool(published or swept or embedded)

    async def _keep_daily(self) -> None:
        while True:
            await self._quietly("erasing removed sources", self._erase)
            await asyncio.sleep(DAY_S)
            await self._quietly("comparing SQL and the index", self._repair)

    async def _erase(self) -> bool:
        return await asyncio.to_thread(erase_removed, self._sources, self._hosts, self._index, self._clock)

    async def _quietly(self, what: str, work: Callable[[], Awaitable[object]]) -> bool:
        """Return whether it did something. What is out of reach is said once, and again when it is back."""
        try:
            done = bool(await work())
        except Unavailable as error:
            if what not in self._told:
                log.warning("%s waits: %s", what, error.code)
            self._told.add(what)
            return False
        except ParleyError as error:
            log.warning("%s: %s", what, error.code)
            return False
        except Exception:
            log.exception("%s failed", what)
            return False
        if what in self._told:
            self._told.discard(what)
            log.info("%s goes on", what)
        return done


def erase_removed(sources: Sources, hosts: Hosts, index: VectorIndex, clock: Clock) -> bool:
    """Erase for good what was removed a week ago, and forget hosts that nobody has asked for a month.

    Points that cannot be reached now are taken out by the reconciler.
    """
    hosts.purge(clock.now() - KEEP_HOSTS)
    if page_ids := sources.purge(clock.now() - KEEP_REMOVED):
        log.info("erased the %d pages of sources that were removed a week ago", len(page_ids))
        try:
            index.delete_pages(page_ids)
        except Unavailable as error:
            log.warning("their points go later: %s", error.code)
    return True
