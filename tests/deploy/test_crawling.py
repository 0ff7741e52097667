"""What the deployed crawl hands out, and how one slice leads to the next. Calls are the test's, the rest is real."""

from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from db.migrate import upgrade
from deploy.crawling import hand_out, one_slice, part, plan
from domain.errors import Unavailable
from domain.knowledge.model import Filter, Shelf, Source
from domain.knowledge.walk import Work
from infra.clock import SystemClock
from infra.config import Config, ConfigError
from infra.knowledge import Knowledge, assemble
from infra.no_index import NoIndex
from tests.fakes_crawl import Numbers
from tests.fakes_index import MemoryIndex
from tests.fakes_web import WebServer, web_server
from tests.infra.loopback_site import fetching, site

pytestmark = pytest.mark.anyio
SHELF = Shelf("", "socrates")


class Wide(Numbers):
    size = 384


class Calls:
    """Calls of the `visit` function that were spawned."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[str, str]] = deque()

    async def spawn(self, source_id: str, run_id: str = "") -> None:
        self.waiting.append((source_id, run_id))


@pytest.fixture
async def web() -> AsyncIterator[WebServer]:
    async with web_server(site(6)) as served:
        yield served


@pytest.fixture
async def knowledge(web: WebServer, tmp_path: Path) -> AsyncIterator[Knowledge]:
    config = Config(data_dir=tmp_path, engines="scripted", crawl=False)
    upgrade(config.pages_database, "pages")
    made = assemble(
        config, Wide(), SystemClock(), index=MemoryIndex(), work=Work(pages=3),
        fetching=lambda hosts: fetching(web.port, hosts),
    )  # fmt: skip
    yield made
    await made.stop()


def add(knowledge: Knowledge, url: str, name: str = "source-1") -> None:
    now = knowledge.clock.now()
    knowledge.sources.add(Source(id=name, shelf=SHELF, kind="site", url=url, created_at=now, next_at=now))


async def test_a_source_is_handed_out_and_visited_slice_by_slice_until_nothing_is_left(
    knowledge: Knowledge, web: WebServer
) -> None:
    knowledge.open_index()
    add(knowledge, web.url())
    calls = Calls()
    assert (await plan(knowledge, calls.spawn)).startswith("1 source due")
    said: list[str] = []
    while calls.waiting:
        said.append(await part(knowledge, *calls.waiting.popleft(), calls.spawn))
    assert [line.split(",")[0] for line in said] == ["source-1: running", "source-1: running", "source-1: done"]
    assert "7 of 7 pages" in said[-1]
    [run] = knowledge.sources.runs("source-1")
    assert (run.state, run.changed) == ("done", 7)
    found = await knowledge.search.find("lighthouse keeper lamp", only=Filter(shelves=(SHELF,)))
    assert found[0].url == web.url("/p2")
    assert knowledge.pages.unembedded(10) == []
    assert (await plan(knowledge, calls.spawn)).startswith("0 sources due")


async def test_a_call_that_comes_twice_or_too_late_does_nothing(knowledge: Knowledge, web: WebServer) -> None:
    knowledge.open_index()
    add(knowledge, web.url())
    calls = Calls()
    await part(knowledge, "source-1", "", calls.spawn)
    [(_, run_id)] = calls.waiting
    assert "nothing to do" in await part(knowledge, "source-1", "", calls.spawn)
    while calls.waiting:
        await part(knowledge, *calls.waiting.popleft(), calls.spawn)
    assert "nothing to do" in await part(knowledge, "source-1", run_id, calls.spawn)
    assert len(knowledge.sources.runs("source-1")) == 1


async def test_a_source_that_two_schedules_handed_out_is_visited_once(knowledge: Knowledge, web: WebServer) -> None:
    """Calls pile up where many sources are due, and the second is begun when the first has ended long ago."""
    knowledge.open_index()
    add(knowledge, web.url())
    calls = Calls()
    await plan(knowledge, calls.spawn)
    await plan(knowledge, calls.spawn)
    assert len(calls.waiting) == 2
    calls.waiting.reverse()  # so that what a slice spawns comes first
    said = []
    while calls.waiting:
        said.append(await part(knowledge, *calls.waiting.pop(), calls.spawn))
    assert said[-1] == "source-1: nothing to do here, another call has visited it"
    assert len(knowledge.sources.runs("source-1")) == 1
    assert web.paths.count("/p2") == 1


async def test_a_source_that_is_removed_or_paused_before_its_call_comes_is_left_alone(
    knowledge: Knowledge, web: WebServer
) -> None:
    knowledge.open_index()
    add(knowledge, web.url())
    knowledge.sources.change(msgspec.structs.replace(knowledge.sources.get("source-1"), enabled=False))
    assert "nothing to do" in await part(knowledge, "source-1", "", Calls().spawn)
    knowledge.sources.remove("source-1", knowledge.clock.now())
    assert "nothing to do" in await part(knowledge, "source-1", "", Calls().spawn)
    assert "it was removed" in await part(knowledge, "never-was", "", Calls().spawn)
    assert not web.asked


async def test_what_was_fetched_while_the_index_was_away_the_next_schedule_takes_in(
    knowledge: Knowledge, web: WebServer
) -> None:
    index = knowledge.index
    assert isinstance(index, MemoryIndex)
    index.down = True
    add(knowledge, web.url())
    calls = Calls()
    await plan(knowledge, calls.spawn)
    while calls.waiting:
        await part(knowledge, *calls.waiting.popleft(), calls.spawn)
    assert "index is away" in await plan(knowledge, calls.spawn)
    index.down = False
    knowledge.open_index()
    assert "7 pages indexed late" in await plan(knowledge, calls.spawn)
    assert knowledge.reconciler.verify().equal


async def test_settings_that_containers_cannot_work_with_are_refused_in_a_sentence(tmp_path: Path) -> None:
    env = {"CORE_URL": "mysql://u:p@db.example/parley", "SECRET_KEY": "s" * 40, "OPERATOR_KEY": "o" * 40}
    with pytest.raises(ConfigError, match=r"Modal secret parley-web.*PAGES_URL is missing.*QDRANT_URL is missing"):
        await hand_out(env, Calls().spawn)
    with pytest.raises(ConfigError, match="PAGES_URL is a SQLite file"):
        await one_slice({**env, "PAGES_URL": "sqlite:///pages.db"}, "source-1", "", Calls().spawn)


def test_an_index_that_is_elsewhere_is_out_of_reach_for_everything() -> None:
    index = NoIndex()
    for ask in (
        lambda: index.ensure("m", 1), lambda: index.upsert([]), lambda: index.delete_pages([]), index.count,
        lambda: index.ids("", 1), lambda: index.search([], Filter(shelves=()), 1),
    ):  # fmt: skip
        with pytest.raises(Unavailable, match="index_unavailable"):
            ask()
    index.close()
