"""The part of the composition root that is about knowledge: stores, fetcher, parser, index, crawler."""

import asyncio
import logging
from collections.abc import Callable, Iterator

import msgspec
from sqlalchemy import Engine

from db.connect import connect, disconnect
from db.frontier import SqlFrontier
from db.hosts import SqlHosts
from db.pages import SqlPages
from db.sources import SqlSources
from domain.errors import Unavailable
from domain.knowledge.crawl import Crawler
from domain.knowledge.encoding import Encoder
from domain.knowledge.ingest import Ingest
from domain.knowledge.model import Source
from domain.knowledge.plan import Planner
from domain.knowledge.ports import Fetcher, Frontier, Hosts, Pages, Sources, VectorIndex
from domain.knowledge.publish import Publisher
from domain.knowledge.reconcile import Reconciler
from domain.knowledge.search import Reranker, Search
from domain.knowledge.sparse import passage_weights
from domain.knowledge.walk import Work
from domain.ports import Clock, Embedder
from infra.config import Config
from infra.encoders import EncoderName, encoder
from infra.fetch_later import LateFetcher
from infra.keeper import Keeper, erase_removed, when_idle
from infra.parsing import ChildParser

log = logging.getLogger(__name__)
NAME = "ParleyBot/1.0"  # the first word is what a robots.txt knows us by


class KnownPage(msgspec.Struct, frozen=True):
    """A page as its owner is given it to take along."""

    url: str
    title: str
    text: str


class Owned(msgspec.Struct, frozen=True):
    source: Source
    pages: list[KnownPage]


class Knowledge(msgspec.Struct, frozen=True):
    config: Config
    engine: Engine
    sources: Sources
    frontier: Frontier
    hosts: Hosts
    pages: Pages
    index: VectorIndex
    fetcher: Fetcher
    parser: ChildParser
    embedder: Embedder
    encoder_name: EncoderName
    publisher: Publisher
    encoder: Encoder
    reconciler: Reconciler
    crawler: Crawler
    search: Search
    keeper: Keeper
    clock: Clock
    hand_over: Callable[[], None]  # tells whoever crawls elsewhere that there is work; does nothing where nobody does

    async def start(self) -> None:
        """Begin what is done in the background, and return. Nothing that is away keeps the program from starting."""
        self.keeper.start()

    def open_index(self) -> bool:
        """Have searches find something; False when the index is out of reach, or another process owns it."""
        try:
            self.index.ensure(self.encoder_name.model, self.encoder_name.size)
        except Unavailable as error:
            log.warning("the search index is away: %s", error.code)
            return False
        return True

    def wake(self) -> None:
        """There is work: look now, and not when it is time. Any thread may call."""
        if self.config.crawl:
            self.keeper.wake()
        else:
            self.hand_over()

    async def stop(self) -> None:
        await self.keeper.stop()
        await self.parser.close()
        await asyncio.to_thread(self.index.close)
        disconnect(self.engine)  # a thread of what was cancelled may be at work with it

    def erase(self) -> None:
        """Erase for good what was removed a week ago."""
        erase_removed(self.sources, self.hosts, self.index, self.clock)

    def erase_owner(self, owner: str) -> int:
        """Erase all that a user had: SQL now; what the index cannot be told now, the reconciler takes out.

        Returns the number of pages. Nothing of it is found from here on: searches ask SQL for every hit.
        """
        page_ids = self.sources.erase(owner)
        if page_ids:
            try:
                self.index.delete_pages(page_ids)
            except Unavailable as error:
                log.warning("points of an erased account go later: %s", error.code)
        return len(page_ids)

    def export(self, owner: str) -> Iterator[tuple[str, bytes]]:
        """Yield a file per source of a user, with the texts of its pages as they are live: name and JSON."""
        for source in self.sources.owned(owner):
            known = msgspec.json.encode(Owned(source, self._texts(source.id)))
            yield f"knowledge/{source.id}.json", msgspec.json.format(known, indent=2)

    def _texts(self, source_id: str) -> list[KnownPage]:
        found: list[KnownPage] = []
        after = ""
        while some := self.pages.of(source_id, 100, after):
            for page in some:
                version = self.pages.version(page.id, page.live) if page.live else None
                if version is not None:
                    found.append(KnownPage(page.url, version.title, version.text))
            after = some[-1].url
        return found


def assemble(
    config: Config, embedder: Embedder, clock: Clock, busy: Callable[[], bool] = lambda: False, *,
    fetching: Callable[[Hosts], Fetcher] | None = None, index: VectorIndex | None = None, work: Work | None = None,
    hand_over: Callable[[], None] = lambda: None, reranker: Reranker | None = None,
    welcome: Callable[[str], bool] = lambda _: True,
) -> Knowledge:  # fmt: skip
    """Put it together; nothing is opened or asked yet. `busy`: somebody is being answered, so vectors wait. `welcome`:
    whether sources of that user are visited.

    Tests give a fetcher that may ask loopback; processes that must not own the index give a `NoIndex`.
    """
    engine = connect(config.pages_database)
    sources, pages, frontier, hosts = SqlSources(engine), SqlPages(engine), SqlFrontier(engine), SqlHosts(engine)
    name = encoder(config)
    index = index or _index(config)
    parser = ChildParser()
    fetcher = fetching(hosts) if fetching is not None else LateFetcher(hosts, clock, agent(config))
    publisher = Publisher(pages, index, passage_weights, name.model)
    encoding = Encoder(pages, publisher, embedder, name.batch, name.side_by_side, when_idle(busy))
    reconciler = Reconciler(pages, index, publisher, name.size)
    ingest = Ingest(fetcher, parser, pages, publisher, clock)
    planner = Planner(fetcher, parser, hosts, clock)
    crawler = Crawler(sources, frontier, pages, planner, ingest, publisher, clock, work, welcome=welcome)
    search = Search(embedder, index, pages, name.model, reranker)
    indexes = config.crawl or not config.qdrant_url  # else all of it is done elsewhere, on a server's index
    keeper = Keeper(
        sources, hosts, index, crawler, publisher, encoding, reconciler, clock, config.crawl, indexes
    )
    return Knowledge(
        config, engine, sources, frontier, hosts, pages, index, fetcher, parser, embedder, name, publisher, encoding,
        reconciler, crawler, search, keeper, clock, hand_over,
    )  # fmt: skip


def agent(config: Config) -> str:
    """Return the User-Agent, with the address where a site's owner finds who we are, where we have one."""
    return f"{NAME} (+{config.public_url}/about)" if config.public_url else NAME


def _index(config: Config) -> VectorIndex:
    if config.qdrant_url:
        from db.vectors_server import connect as server

        return server(config.qdrant_url, config.qdrant_api_key)
    from db.vectors_edge import EdgeIndex

    return EdgeIndex(config.data_dir / "index")
