"""Knowledge as it is put together: the real fetcher, parser, SQLite and embedded index, over a site on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from db.migrate import upgrade
from db.vectors_edge import EdgeIndex
from db.vectors_server import ServerIndex
from domain.knowledge.model import Filter, Shelf, Source
from infra.clock import SystemClock
from infra.config import Config, ConfigError, read
from infra.encoders import LARGE, SCRIPTED, SMALL, encoder
from infra.knowledge import Knowledge, agent, assemble
from tests.fakes_crawl import Numbers
from tests.fakes_web import WebServer, answer, web_server
from tests.infra.loopback_site import fetching, page, site

pytestmark = pytest.mark.anyio
ANNA = Shelf("anna", "")


class Wide(Numbers):
    size = 384


@asynccontextmanager
async def known(folder: Path, port: int) -> AsyncIterator[Knowledge]:
    config = Config(data_dir=folder, engines="scripted")
    upgrade(config.pages_database, "pages")
    made = assemble(config, Wide(), SystemClock(), fetching=lambda hosts: fetching(port, hosts))
    try:
        yield made
    finally:
        await made.stop()


@pytest.fixture
async def web() -> AsyncIterator[WebServer]:
    async with web_server(site(4)) as served:
        yield served


def source(web: WebServer, shelf: Shelf = ANNA, name: str = "source-1") -> Source:
    now = SystemClock().now()
    return Source(id=name, shelf=shelf, kind="site", url=web.url(), created_at=now, next_at=now)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def found(knowledge: Knowledge, question: str, shelf: Shelf = ANNA) -> list[str]:
    passages = await knowledge.search.find(question, only=Filter(shelves=(shelf,)))
    return [passage.url for passage in passages]


async def test_a_source_that_is_added_is_found_a_moment_later_with_its_vectors_after_a_restart_too(
    web: WebServer, tmp_path: Path
) -> None:
    async with known(tmp_path, web.port) as knowledge:
        await knowledge.start()
        await asyncio.to_thread(knowledge.sources.add, source(web))
        knowledge.wake()
        await until(lambda: knowledge.pages.totals(ANNA) == (5, knowledge.pages.totals(ANNA)[1], 0))
        assert web.url("/p2") in await found(knowledge, "lighthouse keeper lamp")
        assert await found(knowledge, "lighthouse keeper lamp", Shelf("ben", "")) == []
        chunks = knowledge.pages.totals(ANNA)[1]
        assert chunks >= 5
    async with known(tmp_path, web.port) as knowledge:
        assert knowledge.open_index()
        assert web.url("/p2") in await found(knowledge, "lighthouse keeper lamp")
        compared = knowledge.reconciler.verify()
        assert (compared.equal, compared.points) == (True, chunks)


async def test_an_account_takes_its_pages_along_and_leaves_nothing_behind(web: WebServer, tmp_path: Path) -> None:
    async with known(tmp_path, web.port) as knowledge:
        knowledge.open_index()
        for shelf, name in ((ANNA, "source-1"), (Shelf("ben", ""), "source-2")):
            knowledge.sources.add(source(web, shelf, name))
            await knowledge.crawler.crawl(name)
        [(name, file)] = knowledge.export("anna")
        owned = msgspec.json.decode(file)
        assert (name, owned["source"]["url"]) == ("knowledge/source-1.json", web.url())
        assert {each["title"] for each in owned["pages"]} == {f"Parish record {number}" for number in range(5)}
        assert "lighthouse" in next(each["text"] for each in owned["pages"] if each["url"].endswith("/p2"))
        assert knowledge.erase_owner("anna") == 5
        assert list(knowledge.export("anna")) == []
        assert await found(knowledge, "lighthouse keeper lamp") == []
        assert await found(knowledge, "lighthouse keeper lamp", Shelf("ben", "")) != []
        assert knowledge.reconciler.verify().equal
        assert knowledge.erase_owner("") == 0


async def test_while_one_process_has_the_embedded_index_another_fetches_and_the_first_takes_it_in(
    web: WebServer, tmp_path: Path
) -> None:
    async with known(tmp_path, web.port) as app, known(tmp_path, web.port) as command:
        assert app.open_index()
        assert command.open_index() is False
        command.sources.add(source(web))
        run = await command.crawler.crawl("source-1")
        assert run is not None and (run.state, run.changed) == ("done", 5)
        assert await found(app, "lighthouse keeper lamp") == []
        while app.publisher.waiting():
            pass
        assert web.url("/p2") in await found(app, "lighthouse keeper lamp")


async def test_a_second_visit_asks_for_what_has_changed_only(web: WebServer, tmp_path: Path) -> None:
    async with known(tmp_path, web.port) as knowledge:
        knowledge.open_index()
        knowledge.sources.add(source(web))
        await knowledge.crawler.crawl("source-1")
        web.pages["/p1"] = answer(page(31), 'ETag: "new"')
        del web.pages["/p3"]
        asked = len(web.asked)
        run = await knowledge.crawler.crawl("source-1")
        assert run is not None and (run.changed, run.gone) == (1, 0)
        conditions = {each.path: each.fields.get("if-none-match") for each in web.asked[asked:]}
        assert conditions["/p2"] == '"2"'
        assert [trouble.code for trouble in knowledge.sources.troubles(run.id)] == ["page_missing"]


def test_addresses_that_cannot_be_used_are_refused_by_the_name_of_their_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="QDRANT_URL cannot be used"):
        read({"DATA_DIR": str(tmp_path), "QDRANT_URL": "qdrant:6333"})
    with pytest.raises(ConfigError, match="CRAWL='yes'"):
        read({"DATA_DIR": str(tmp_path), "CRAWL": "yes"})
    config = read({"DATA_DIR": str(tmp_path), "QDRANT_URL": "https://q.example:6333/", "CRAWL": "0"})
    assert (config.qdrant_url, config.crawl) == ("https://q.example:6333", False)
    assert config.pages_database == f"sqlite:///{tmp_path / 'pages.db'}"


def test_who_makes_the_vectors_follows_from_the_configuration() -> None:
    assert encoder(Config()) == encoder(Config(runtime="local")) == SMALL
    assert encoder(Config(engines="scripted")) == SCRIPTED
    assert encoder(Config(runtime="modal")) == LARGE


async def test_a_server_is_asked_where_one_is_named_and_loopback_is_refused(tmp_path: Path) -> None:
    config = Config(data_dir=tmp_path, qdrant_url="http://127.0.0.1:9", crawl=False, public_url="https://p.example")
    upgrade(config.pages_database, "pages")
    knowledge = assemble(config, Wide(), SystemClock())
    assert isinstance(knowledge.index, ServerIndex)
    assert knowledge.open_index() is False
    now = knowledge.clock.now()
    url = "http://127.0.0.1/"
    knowledge.sources.add(Source(id="s", shelf=ANNA, kind="page", url=url, created_at=now, next_at=now))
    run = await knowledge.crawler.crawl("s")
    assert run is not None and (run.state, run.error) == ("failed", "url_refused")
    assert knowledge.sources.get("s").next_at > now + timedelta(minutes=30)
    assert agent(config) == "ParleyBot/1.0 (+https://p.example/about)"
    await knowledge.stop()


async def test_who_does_not_crawl_tells_those_who_do(tmp_path: Path) -> None:
    told: list[bool] = []
    config = Config(data_dir=tmp_path, crawl=False)
    upgrade(config.pages_database, "pages")
    knowledge = assemble(config, Wide(), SystemClock(), hand_over=lambda: told.append(True))
    assert isinstance(knowledge.index, EdgeIndex)
    knowledge.wake()
    assert told == [True]
    await knowledge.stop()
