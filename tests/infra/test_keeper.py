"""What the web process does in the background, and that it can be left at any moment."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from domain.errors import Unavailable
from domain.knowledge.encoding import Encoder
from domain.knowledge.model import Shelf
from infra.keeper import KEEP_REMOVED, Keeper, when_idle
from tests.domain.knowledge_house import SITE, KnowledgeHouse, house

pytestmark = pytest.mark.anyio
TEXT = "The ferry leaves the old harbour at seven and returns after dark, except on the day of the regatta."
OTHER = "Rye bread keeps for a week in a linen bag, and a second week when it is sliced and toasted."


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[KnowledgeHouse]:
    made = house(tmp_path)
    yield made
    made.close()


def keeper(
    home: KnowledgeHouse, crawls: bool = True, busy: Callable[[], bool] = lambda: False, indexes: bool = True
) -> Keeper:
    encoder = Encoder(home.pages, home.publisher, home.numbers, 2, 1, when_idle(busy))
    return Keeper(
        home.sources, home.hosts, home.index, home.crawler, home.publisher, encoder, home.reconciler, home.clock,
        crawls, indexes,
    )  # fmt: skip


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - a condition of several stores
            await asyncio.sleep(0.01)


async def test_a_source_that_is_due_is_visited_indexed_and_embedded_without_anybody_asking(
    home: KnowledgeHouse,
) -> None:
    home.web.say(SITE, TEXT)
    source = home.source("page")
    kept = keeper(home)
    kept.start()
    await until(lambda: bool(home.find("ferry")) and not home.pages.unembedded(1))
    assert home.sources.get(source.id).next_at > home.clock.now()
    await kept.stop()


async def test_a_source_that_comes_while_it_sleeps_is_visited_when_it_is_woken(home: KnowledgeHouse) -> None:
    kept = keeper(home)
    kept.start()
    await asyncio.sleep(0.1)
    home.web.say(SITE, TEXT)
    home.source("page")
    await asyncio.to_thread(kept.wake)
    await until(lambda: bool(home.find("ferry")))
    await kept.stop()


async def test_two_sources_of_an_owner_are_visited_at_once_and_all_get_their_turn(home: KnowledgeHouse) -> None:
    now, most, two, fetch = 0, 0, asyncio.Event(), home.web.fetch

    async def slow(url: str, **more: object) -> object:
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        if now == 2:
            two.set()
        await two.wait()
        await asyncio.sleep(0.02)  # in which a third would come
        now -= 1
        return await fetch(url, **more)  # type: ignore[arg-type]

    home.web.fetch = slow  # type: ignore[method-assign, assignment]
    for number in range(5):
        url = f"https://s{number}.example/"
        home.web.say(url, f"{TEXT} {'Again. ' * number}")
        home.source("page", url, id=f"source-{number}")
    kept = keeper(home)
    kept.start()
    await until(lambda: not home.sources.due(home.clock.now()) and not any(
        run.state == "running" for n in range(5) for run in home.sources.runs(f"source-{n}")
    ))  # fmt: skip
    assert most == 2
    await kept.stop()


async def test_one_who_gives_many_slow_sources_does_not_keep_others_from_their_turn(home: KnowledgeHouse) -> None:
    fetch = home.web.fetch

    async def never(url: str, **more: object) -> object:
        if "slow" in url:
            await asyncio.Event().wait()
        return await fetch(url, **more)  # type: ignore[arg-type]

    home.web.fetch = never  # type: ignore[method-assign, assignment]
    for number in range(30):
        home.source("page", f"https://slow{number}.example/", Shelf("mallory"), id=f"slow-{number}")
    home.web.say(SITE, TEXT)
    home.source("page", shelf=Shelf("anna"))
    kept = keeper(home)
    kept.start()
    await until(lambda: bool(home.find("ferry", Shelf("anna"))))

    def running() -> int:
        return sum(run.state == "running" for n in range(30) for run in home.sources.runs(f"slow-{n}"))

    await until(lambda: running() >= 2)
    assert running() == 2
    await kept.stop()


async def test_where_it_does_not_crawl_it_indexes_what_others_have_fetched(home: KnowledgeHouse) -> None:
    home.web.say(SITE, TEXT)
    home.memory.down = True
    await home.crawl(home.source("page"))
    home.memory.down = False
    late = "https://late.example/"
    home.web.say(late, OTHER)
    home.source("page", late, id="source-2")
    kept = keeper(home, crawls=False)
    kept.start()
    await until(lambda: bool(home.find("ferry")))
    assert home.web.asked[late] == 0
    await kept.stop()


async def test_where_all_is_done_elsewhere_it_only_opens_the_index_as_soon_as_it_is_there(
    home: KnowledgeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.keeper.AWAY_S", 0.02)
    home.web.say(SITE, TEXT)
    home.memory.down = True
    await home.crawl(home.source("page"))
    opened: list[bool] = []
    ensure = home.memory.ensure

    def told(model: str, size: int) -> bool:
        found: bool = ensure(model, size)
        opened.append(found)
        return found

    home.memory.ensure = told
    kept = keeper(home, crawls=False, indexes=False)
    kept.start()
    await asyncio.sleep(0.1)
    assert opened == []
    home.memory.down = False
    await until(lambda: bool(opened))
    await asyncio.sleep(0.1)
    assert len(home.pages.waiting(10)) == 1, "that is another process's work"
    await kept.stop()


async def test_vectors_wait_while_somebody_is_being_answered(home: KnowledgeHouse) -> None:
    busy = True
    home.web.say(SITE, TEXT)
    await home.crawl(home.source("page"))
    kept = keeper(home, busy=lambda: busy)
    kept.start()
    await asyncio.sleep(0.3)
    assert home.numbers.asked == []
    busy = False
    await until(lambda: not home.pages.unembedded(1))
    await kept.stop()


async def test_it_puts_right_what_was_half_done_when_it_starts(home: KnowledgeHouse) -> None:
    home.web.say(SITE, TEXT)
    await home.crawl(home.source("page"))
    home.memory.points.clear()
    kept = keeper(home)
    kept.start()
    await until(lambda: bool(home.find("ferry")))
    await kept.stop()


async def test_an_index_that_is_away_is_said_once_and_caught_up_with(
    home: KnowledgeHouse, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.keeper.AWAY_S", 0.02)
    home.memory.down = True
    home.web.say(SITE, TEXT)
    home.source("page")
    kept = keeper(home)
    kept.start()
    await until(lambda: home.pages.waiting(1) != [])
    await asyncio.sleep(0.2)
    assert sum("opening the index waits" in line for line in caplog.messages) == 1
    home.memory.down = False
    await until(lambda: bool(home.find("ferry")))
    await kept.stop()


async def test_what_breaks_once_does_not_end_it(home: KnowledgeHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.keeper.LOOK_S", 0.02)
    home.web.say(SITE, TEXT)
    home.source("page")
    due, broken = home.sources.due, [RuntimeError("odd"), Unavailable("store_unavailable")]

    def flaky(*given: object) -> object:
        if broken:
            raise broken.pop()
        return due(*given)

    home.sources.due = flaky
    kept = keeper(home)
    kept.start()
    await until(lambda: bool(home.find("ferry")))
    await kept.stop()


async def test_a_source_that_was_removed_a_week_ago_is_erased_with_its_points(home: KnowledgeHouse) -> None:
    home.web.say(SITE, TEXT)
    source = home.source("page")
    await home.crawl(source)
    home.sources.remove(source.id, home.clock.now())
    kept = keeper(home)
    assert await kept._erase()
    assert home.sources.get(source.id).removed_at
    home.clock.time += KEEP_REMOVED + timedelta(minutes=1)
    kept.start()
    await until(lambda: home.memory.count() == 0)
    await kept.stop()
    assert home.reconciler.verify().equal


async def test_stopped_in_the_middle_of_a_visit_it_leaves_a_run_that_is_gone_on_with(home: KnowledgeHouse) -> None:
    urls = [f"{SITE}{number}" for number in range(4)]
    home.web.list(f"{SITE}sitemap.xml", urls)
    for number, url in enumerate(urls):
        home.web.say(url, f"{OTHER} {TEXT[: 20 * number]}")
    source = home.source(depth=0)
    hold, fetch = asyncio.Event(), home.web.fetch

    async def held(url: str, **more: object) -> object:
        if url == urls[2]:
            await hold.wait()
        return await fetch(url, **more)  # type: ignore[arg-type]

    home.web.fetch = held  # type: ignore[method-assign, assignment]
    kept = keeper(home)
    kept.start()
    await until(lambda: home.frontier.left(source.id) <= 2 and bool(home.urls()))
    await kept.stop()
    [run] = home.sources.runs(source.id)
    assert run.state == "running"
    hold.set()
    home.clock.time += timedelta(minutes=5)
    again = keeper(home)
    again.start()
    await until(lambda: home.sources.runs(source.id)[0].state == "done")
    await again.stop()
    assert [each.id for each in home.sources.runs(source.id)] == [run.id]


async def test_woken_before_it_has_started_or_after_it_ended_it_does_nothing(home: KnowledgeHouse) -> None:
    kept = keeper(home)
    kept.wake()
    kept.start()
    await kept.stop()
    kept.wake()
