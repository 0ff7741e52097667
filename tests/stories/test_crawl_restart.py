"""PostgreSQL is killed and comes back in the middle of a crawl: nothing is lost and nothing twice."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from domain.knowledge.walk import Work
from infra.clock import SystemClock
from tests.db.conftest import opened
from tests.domain.knowledge_house import SITE, KnowledgeHouse
from tests.infra.loopback_site import paragraphs
from tests.servers import Server, server

pytestmark = [pytest.mark.server, pytest.mark.anyio, pytest.mark.timeout(600)]
PAGES = 24


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with server("postgresql") as started:
        yield started


class Ahead(SystemClock):
    """The time of the day, but who sleeps is ahead of it: a lease of two minutes has run out in a few seconds."""

    def __init__(self) -> None:
        self._slept = timedelta()

    def now(self) -> datetime:
        return super().now() + self._slept

    def monotonic(self) -> float:
        return super().monotonic() + self._slept.total_seconds()

    async def sleep(self, seconds: float) -> None:
        self._slept += timedelta(seconds=seconds)
        await asyncio.sleep(0.5 if seconds > 1 else 0.02)  # the longer ones wait for the database itself


async def test_a_database_that_restarts_in_the_middle_of_a_crawl_costs_no_page_and_no_run(
    running: Server, tmp_path: Path
) -> None:
    with closing(KnowledgeHouse(running.url, work=Work(at_once=1), clock=Ahead())) as home:
        urls = [f"{SITE}p{number}" for number in range(PAGES)]
        home.web.list(f"{SITE}sitemap.xml", urls)
        for number, url in enumerate(urls):
            home.web.say(url, "\n\n".join(paragraphs(number)))
        source = home.source(depth=0, max_pages=100, exclude=("/",))
        restarts: list[asyncio.Task[None]] = []

        def restart(url: str) -> None:
            if home.web.asked[url] == 1 and url in (urls[5], urls[15]):
                running.kill()
                restarts.append(asyncio.get_running_loop().create_task(asyncio.to_thread(running.start)))

        home.web.on_ask = restart
        run = await home.crawler.crawl(source.id)
        assert run is not None
        assert len(restarts) == 2
        await asyncio.gather(*restarts)
        assert (run.state, run.failed, run.fetched) == ("done", 0, PAGES)
        assert sorted(home.urls()) == sorted(urls)
        assert [each.id for each in home.sources.runs(source.id)] == [run.id]
        home.reconciler.repair()
        assert home.reconciler.verify().equal
        await home.embed_all()
        assert home.pages.unembedded(1) == []
        assert {page.rev for page in home.pages.of(source.id, 100)} == {1}
    with opened(running.url) as engine, engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM frontier")) == 0
