"""All that crawls and indexes, on SQLite, over a made-up web."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event

from db.connect import connect, disconnect
from db.frontier import SqlFrontier
from db.hosts import SqlHosts
from db.pages import SqlPages
from db.sources import SqlSources
from db.tables.pages import metadata
from domain.knowledge.crawl import Crawler
from domain.knowledge.encoding import Encoder
from domain.knowledge.ingest import Ingest
from domain.knowledge.model import Filter, Page, Run, Shelf, Source
from domain.knowledge.plan import Planner
from domain.knowledge.ports import Query, VectorIndex
from domain.knowledge.publish import Publisher
from domain.knowledge.reconcile import Reconciler
from domain.knowledge.sparse import passage_weights, query_weights
from domain.knowledge.walk import Work
from tests.fakes_crawl import Numbers, Reader, Web
from tests.fakes_index import MemoryIndex

SHELF = Shelf("", "socrates")
SITE = "https://site.example/"
MODEL = "numbers"


class Hands:
    """A clock that goes on when somebody sleeps, and when the test says so."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 5, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        await asyncio.sleep(0.001)  # threads of others get their turn, too


class KnowledgeHouse:
    """`wrap` puts something around a part by its name, such as a fault before or behind each of its methods."""

    def __init__(self, url: str, index: VectorIndex | None = None, work: Work | None = None, **parts: Any) -> None:
        self.engine = connect(url)
        if self.engine.name == "sqlite":  # a commit here need not survive the machine's loss of power
            event.listen(self.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
        metadata.create_all(self.engine)
        self.clock: Any = parts.get("clock") or Hands()
        self.web, self.reader, self.numbers = Web(), Reader(), Numbers()
        wrap = parts.get("wrap") or (lambda name, part: part)
        self.sources = wrap("sources", SqlSources(self.engine))
        self.frontier = wrap("frontier", SqlFrontier(self.engine))
        self.pages = wrap("pages", SqlPages(self.engine))
        self.hosts = SqlHosts(self.engine)
        self.memory: Any = MemoryIndex() if index is None else index
        self.index = wrap("index", self.memory)
        self.publisher = Publisher(self.pages, self.index, passage_weights, MODEL)
        self.encoder = Encoder(self.pages, self.publisher, self.numbers, batch=parts.get("batch", 4))
        self.reconciler = Reconciler(self.pages, self.index, self.publisher, self.numbers.size)
        self.ingest = Ingest(self.web, self.reader, self.pages, self.publisher, self.clock)
        planner = Planner(self.web, self.reader, self.hosts, self.clock)
        self.crawler = Crawler(
            self.sources, self.frontier, self.pages, planner, self.ingest, self.publisher, self.clock,
            work or Work(), self.clock.sleep,
        )  # fmt: skip
        self.index.ensure(MODEL, self.numbers.size)

    def source(self, kind: str = "site", url: str = SITE, shelf: Shelf = SHELF, **more: Any) -> Source:
        now = self.clock.now()
        made = Source(
            id=more.pop("id", "source-1"), shelf=shelf, kind=kind, url=url, created_at=now, next_at=now, **more  # type: ignore[arg-type]
        )  # fmt: skip
        return self.sources.add(made)  # type: ignore[no-any-return]

    async def crawl(self, source: Source) -> Run:
        """Visit it as if its time had come."""
        self.clock.time += timedelta(seconds=1)
        run = await self.crawler.crawl(source.id)
        assert run is not None
        return run

    async def embed_all(self) -> None:
        while await self.encoder.some():
            pass

    def find(self, words: str, shelf: Shelf = SHELF) -> list[str]:
        """Return the texts of the chunks that a search by words finds, by both stores as the program's does."""
        only = Filter(shelves=(shelf,))
        [hits] = self.index.search([Query(sparse=query_weights(words))], only, 50)
        found = self.pages.look_up([hit.id for hit in hits], only)
        return [found[hit.id][0].text for hit in hits if hit.id in found]

    def page(self, url: str, source_id: str = "source-1") -> Page:
        found = self.pages.find(source_id, url)
        assert found is not None, url
        return found  # type: ignore[no-any-return]

    def urls(self, source_id: str = "source-1") -> Sequence[str]:
        return [page.url for page in self.pages.of(source_id, 100)]

    def troubles(self, source_id: str = "source-1") -> dict[str, str]:
        run = self.sources.runs(source_id, 1)[0]
        return {trouble.url: trouble.code for trouble in self.sources.troubles(run.id)}

    def close(self) -> None:
        disconnect(self.engine)


def house(folder: Path, **parts: Any) -> KnowledgeHouse:
    return KnowledgeHouse(f"sqlite:///{folder / 'pages.db'}", **parts)
