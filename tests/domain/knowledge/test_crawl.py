"""Runs of sources: what is planned, how far they go, what they do when something is in the way."""

import asyncio
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from domain.errors import BadInput, TooMany, Unavailable
from domain.knowledge.model import Shelf
from domain.knowledge.walk import Work
from tests.domain.knowledge_house import SITE, KnowledgeHouse, house

pytestmark = pytest.mark.anyio
TEXTS = [
    "The ferry leaves the old harbour at seven and returns after dark, except on the day of the regatta.",
    "Rye bread keeps for a week in a linen bag, and a second week when it is sliced and toasted over the fire.",
    "A lighthouse keeper writes down the weather six times a day, and the ships that did not answer his lamp.",
    "Beeswax polish wants warm wood and a cold cloth; what stays white after an hour was put on too thickly.",
    "The choir rehearses on Tuesdays in the school, because the church cannot be heated before November.",
    "Two goats and a bicycle are all that the island's postman has ever asked of the ministry in forty years.",
]


def site(home: KnowledgeHouse, count: int = 5, sitemap: bool = True) -> list[str]:
    """A front page that names its pages, in links and, if wanted, in a sitemap."""
    urls = [f"{SITE}p{number}" for number in range(count)]
    home.web.say(SITE, "A front page that says little more than what lies behind it, and for whom.", links=urls)
    for number, url in enumerate(urls):
        home.web.say(url, f"{TEXTS[number % len(TEXTS)]} Number {number} of {count} tells it {'so ' * number}.")
    if sitemap:
        home.web.list(f"{SITE}sitemap.xml", urls)
    return urls


async def test_a_page_is_visited_alone(home: KnowledgeHouse) -> None:
    site(home)
    run = await home.crawl(home.source("page", f"{SITE}p1", depth=3))
    assert (run.state, run.found, run.fetched, run.changed, run.failed) == ("done", 1, 1, 1, 0)
    assert home.urls() == [f"{SITE}p1"]


async def test_a_site_is_visited_by_its_sitemap_and_its_front_page(home: KnowledgeHouse) -> None:
    urls = site(home)
    run = await home.crawl(home.source())
    assert home.urls() == [SITE, *urls]
    assert (run.state, run.found, run.fetched, run.changed) == ("done", 6, 6, 6)
    assert home.find("lighthouse keeper")


async def test_the_sitemaps_that_robots_txt_names_count_and_lead_to_further_ones(home: KnowledgeHouse) -> None:
    urls = site(home, sitemap=False)
    home.hosts.keep_robots("site.example", f"User-agent: *\nSitemap: {SITE}maps/index.xml\n", False, home.clock.now())
    home.web.list(f"{SITE}maps/index.xml", [f"{SITE}maps/1.xml", f"{SITE}maps/2.xml"])
    home.web.list(f"{SITE}maps/1.xml", urls[:3])
    home.web.list(f"{SITE}maps/2.xml", urls[3:])
    await home.crawl(home.source(depth=0))
    assert home.urls() == [SITE, *urls]


async def test_sitemaps_that_name_one_another_come_to_an_end(home: KnowledgeHouse) -> None:
    site(home, 1)
    home.web.list(f"{SITE}sitemap.xml", [f"{SITE}sitemap.xml", f"{SITE}other.xml", f"{SITE}p0"])
    home.web.list(f"{SITE}other.xml", [f"{SITE}sitemap.xml", *(f"{SITE}more{n}.xml" for n in range(100))])
    await home.crawl(home.source())
    assert f"{SITE}p0" in home.urls()
    assert sum(1 for url in home.web.asked if url.endswith(".xml")) <= 22


async def test_without_a_sitemap_links_are_followed_as_far_as_the_depth_and_within_the_site(
    home: KnowledgeHouse,
) -> None:
    home.web.say(SITE, TEXTS[0], links=["/a", "https://elsewhere.example/"])
    home.web.say(f"{SITE}a", TEXTS[1], links=["/b"])
    home.web.say(f"{SITE}b", TEXTS[2], links=["/c"])
    home.web.say(f"{SITE}c", TEXTS[3])
    run = await home.crawl(home.source(depth=2))
    assert home.urls() == [SITE, f"{SITE}a", f"{SITE}b"]
    assert (run.found, run.fetched) == (3, 3)
    assert "https://elsewhere.example/" not in home.web.asked


async def test_the_links_of_a_page_that_has_not_changed_are_followed_all_the_same(home: KnowledgeHouse) -> None:
    urls = site(home, sitemap=False)
    source = home.source(depth=1)
    await home.crawl(source)
    home.web.say(urls[4], TEXTS[5])
    run = await home.crawl(source)
    assert (run.fetched, run.changed, run.unchanged) == (6, 1, 5)
    assert home.find("postman goats")


async def test_a_feed_is_its_entries_wherever_they_are_and_no_further(home: KnowledgeHouse) -> None:
    home.web.list(f"{SITE}feed", [f"{SITE}new", "https://elsewhere.example/entry"])
    home.web.say(f"{SITE}new", TEXTS[0], links=["/deep"])
    home.web.say("https://elsewhere.example/entry", TEXTS[1])
    await home.crawl(home.source("feed", f"{SITE}feed", depth=2))
    assert sorted(home.urls()) == ["https://elsewhere.example/entry", f"{SITE}new"]


async def test_an_entry_that_left_the_feed_is_looked_at_again_and_kept(home: KnowledgeHouse) -> None:
    source = home.source("feed", f"{SITE}feed")
    home.web.list(f"{SITE}feed", [f"{SITE}old"])
    home.web.say(f"{SITE}old", TEXTS[0])
    await home.crawl(source)
    home.web.list(f"{SITE}feed", [f"{SITE}new"])
    home.web.say(f"{SITE}new", TEXTS[1])
    run = await home.crawl(source)
    assert sorted(home.urls()) == [f"{SITE}new", f"{SITE}old"]
    assert (run.changed, run.unchanged) == (1, 1)


async def test_the_budget_of_pages_holds_and_the_newest_are_kept(home: KnowledgeHouse) -> None:
    source = home.source("feed", f"{SITE}feed", max_pages=2)
    for number in range(3):
        home.web.say(f"{SITE}{number}", TEXTS[number])
        home.web.list(f"{SITE}feed", [f"{SITE}{number}"])
        home.clock.time += timedelta(days=1)
        await home.crawl(source)
    assert home.urls() == [f"{SITE}1", f"{SITE}2"]
    assert home.find("ferry harbour") == []
    assert home.memory.count() == 2


async def test_patterns_say_what_is_taken_and_a_page_they_exclude_later_is_dropped(home: KnowledgeHouse) -> None:
    urls = site(home)
    source = home.source(include=("/p*",), exclude=("/p3",))
    await home.crawl(source)
    assert home.urls() == [url for url in urls if not url.endswith("p3")]
    home.sources.change(msgspec.structs.replace(home.sources.get(source.id), exclude=("/p3", "/p4")))
    await home.crawl(source)
    assert home.urls() == urls[:3]


async def test_a_page_that_left_the_sitemap_stays_while_it_answers_and_goes_when_it_does_not(
    home: KnowledgeHouse,
) -> None:
    urls = site(home)
    source = home.source()
    await home.crawl(source)
    home.web.list(f"{SITE}sitemap.xml", urls[:4])
    await home.crawl(source)
    assert urls[4] in home.urls()
    del home.web.pages[urls[4]]
    first, second = await home.crawl(source), await home.crawl(source)
    assert (first.gone, second.gone) == (0, 1)
    assert home.urls() == [SITE, *urls[:4]]
    assert home.troubles() == {urls[4]: "page_missing"}


async def test_what_goes_wrong_with_a_page_is_told_and_the_others_come_in(home: KnowledgeHouse) -> None:
    urls = site(home)
    home.web.wrong[urls[0]] = BadInput("page_type")
    home.web.say(urls[1], "", needs_script=True)
    del home.web.pages[urls[2]]
    run = await home.crawl(home.source())
    assert home.troubles() == {urls[0]: "page_type", urls[1]: "page_needs_script", urls[2]: "page_missing"}
    assert (run.state, run.fetched, run.failed, run.found) == ("done", 3, 3, 6)


async def test_what_another_try_may_mend_is_tried_again(home: KnowledgeHouse) -> None:
    urls = site(home)
    home.web.wrong[urls[0]] = Unavailable("page_late")
    home.web.wrong[urls[1]] = Unavailable("page_failed")

    def mend(url: str) -> None:
        if url == urls[0] and home.web.asked[url] == 2:
            home.web.wrong.pop(url, None)

    home.web.on_ask = mend
    run = await home.crawl(home.source())
    assert home.troubles() == {urls[1]: "page_failed"}
    assert home.web.asked[urls[1]] == 3
    assert (run.fetched, run.failed) == (5, 1)


async def test_a_host_that_asks_for_a_short_pause_gets_it(home: KnowledgeHouse) -> None:
    urls = site(home)
    home.web.wrong[urls[2]] = TooMany("host_busy", seconds=30)
    began = home.clock.now()

    def calm(url: str) -> None:
        if url == urls[2] and home.web.asked[url] == 2:
            assert home.clock.now() - began >= timedelta(seconds=30)
            home.web.wrong.pop(url, None)

    home.web.on_ask = calm
    run = await home.crawl(home.source())
    assert (run.state, run.fetched, run.failed) == ("done", 6, 0)


async def test_a_host_that_asks_for_a_long_pause_ends_the_run_and_the_next_goes_on_from_there(tmp_path: Path) -> None:
    home = house(tmp_path, work=Work(at_once=1))
    urls = site(home)
    source = home.source()
    home.web.wrong[urls[2]] = TooMany("host_busy", seconds=7_200)
    run = await home.crawl(source)
    assert (run.state, run.error, run.fetched) == ("failed", "host_busy", 3)
    assert home.sources.get(source.id).next_at >= home.clock.now() + timedelta(seconds=7_200)
    assert home.sources.due(home.clock.now()) == []
    home.web.wrong.clear()
    asked = home.web.asked[urls[0]]
    home.clock.time += timedelta(hours=2)
    run = await home.crawl(source)
    assert (run.state, run.fetched) == ("done", 3)
    assert home.web.asked[urls[0]] == asked
    assert home.urls() == [SITE, *urls], "what was visited before the pause is not beyond the budget"
    home.close()


async def test_a_source_that_cannot_even_begin_is_tried_less_and_less_often(home: KnowledgeHouse) -> None:
    source = home.source("feed", f"{SITE}feed", every=timedelta(days=1))
    waits = []
    for _ in range(4):
        run = await home.crawl(source)
        assert (run.state, run.error) == ("failed", "page_missing")
        waits.append(home.sources.get(source.id).next_at - home.clock.now())
    assert waits == [timedelta(hours=hours) for hours in (1, 2, 4, 8)]
    assert home.troubles() == {f"{SITE}feed": "page_missing"}
    home.web.list(f"{SITE}feed", [f"{SITE}new"])
    home.web.say(f"{SITE}new", TEXTS[0])
    await home.crawl(source)
    assert home.sources.get(source.id).fails == 0
    assert home.sources.get(source.id).next_at - home.clock.now() == timedelta(days=1)


async def test_a_run_that_is_stopped_ends_after_the_page_in_hand_and_keeps_what_it_has(tmp_path: Path) -> None:
    home = house(tmp_path, work=Work(at_once=1))
    urls = site(home)
    source = home.source()

    def stop(url: str) -> None:
        if url == urls[1]:
            home.sources.stop(source.id, home.clock.now())

    home.web.on_ask = stop
    run = await home.crawl(source)
    assert (run.state, run.fetched) == ("stopped", 3)
    assert home.urls() == [SITE, *urls[:2]]
    home.web.on_ask = lambda url: None
    assert (await home.crawl(source)).state == "done"
    assert home.urls() == [SITE, *urls]
    home.close()


async def test_progress_is_told_page_by_page(home: KnowledgeHouse) -> None:
    site(home)
    source = home.source()
    seen: list[tuple[int, int]] = []

    def look(url: str) -> None:
        if run := home.sources.runs(source.id, 1):
            seen.append((run[0].fetched + run[0].failed, run[0].found))

    home.web.on_ask = look
    await home.crawl(source)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1][0] >= 4 and seen[-1][1] == 6


async def test_a_large_source_takes_several_slices_and_one_run(tmp_path: Path) -> None:
    home = house(tmp_path, work=Work(pages=2))
    urls = site(home)
    source = home.source()
    run = await home.crawler.begin(source.id)
    assert run is not None
    slices = 0
    while run.state == "running":
        again = await home.crawler.resume(source.id, run.id)
        assert again is not None
        run = await home.crawler.slice(again)
        slices += 1
    assert slices >= 3
    assert home.urls() == [SITE, *urls]
    assert run.fetched == 6
    assert [each.id for each in home.sources.runs(source.id)] == [run.id]
    assert await home.crawler.resume(source.id, run.id) is None
    assert max(count for url, count in home.web.asked.items() if url in urls) == 1
    home.close()


async def test_two_do_not_work_on_one_source_until_one_has_been_silent(home: KnowledgeHouse) -> None:
    site(home)
    source = home.source()
    first = await home.crawler.begin(source.id)
    assert first is not None
    assert await home.crawler.crawl(source.id) is None
    home.clock.time += timedelta(minutes=5)
    run = await home.crawler.crawl(source.id)
    assert run is not None
    assert (run.id, run.state) == (first.id, "done")


async def test_a_page_that_ends_whoever_reads_it_is_given_up(home: KnowledgeHouse) -> None:
    urls = site(home)
    source = home.source()
    run = await home.crawler.begin(source.id)
    assert run is not None
    home.frontier.fill(source.id, [(urls[0], 1)], 50)
    for _ in range(3):  # taken, and never heard of again
        assert home.frontier.take(source.id, home.clock.now(), timedelta(minutes=2)) is not None
        home.clock.time += timedelta(minutes=5)
    run = await home.crawl(source)
    assert home.troubles() == {urls[0]: "page_failed"}
    assert home.web.asked[urls[0]] == 0
    assert (run.fetched, run.failed) == (5, 1)


async def test_with_the_index_away_crawling_goes_on_and_all_is_found_when_it_is_back(home: KnowledgeHouse) -> None:
    site(home)
    home.memory.down = True
    run = await home.crawl(home.source())
    assert (run.state, run.changed) == ("done", 6)
    home.memory.down = False
    home.reconciler.repair()
    assert home.find("lighthouse")
    assert home.reconciler.verify().equal


async def test_a_database_that_is_away_for_a_moment_loses_nothing(home: KnowledgeHouse) -> None:
    site(home)
    source = home.source()
    find, away = home.pages.find, [2]

    def flaky(source_id: str, url: str) -> object:
        if away[0] and url.endswith("p2"):
            away[0] -= 1
            raise Unavailable("store_unavailable")
        return find(source_id, url)

    home.pages.find = flaky
    run = await home.crawl(source)
    assert (run.state, run.failed) == ("done", 0)
    assert len(home.urls()) == 6


async def test_a_source_that_is_removed_meanwhile_stops(tmp_path: Path) -> None:
    home = house(tmp_path, work=Work(at_once=1))
    urls = site(home)
    source = home.source()

    def remove(url: str) -> None:
        if url == urls[1]:
            home.sources.remove(source.id, home.clock.now())

    home.web.on_ask = remove
    run = await home.crawl(source)
    assert run.state == "stopped"
    assert home.find("ferry") == []
    home.close()


async def test_what_an_owner_gave_is_not_visited_while_they_are_not_welcome(tmp_path: Path) -> None:
    home, welcome = house(tmp_path, work=Work(pages=2)), [True]
    home.crawler._welcome = lambda owner: welcome[0] or owner != "anna"
    try:
        site(home, 6)
        hers = home.source(shelf=Shelf("anna", ""))
        public = home.source(id="source-2")
        run = await home.crawler.begin(hers.id)
        assert run is not None
        run = await home.crawler.slice(run)
        asked = len(home.web.asked)
        welcome[0] = False
        run = await home.crawler.slice(run)
        assert (run.state, len(home.web.asked)) == ("stopped", asked)  # in the middle, too
        assert (await home.crawl(hers)).state == "stopped"
        assert len(home.web.asked) == asked
        assert (await home.crawl(public)).state == "done"
        welcome[0] = True
        assert (await home.crawl(hers)).state == "done"
    finally:
        home.close()


async def test_visits_go_side_by_side_and_no_more_than_two(home: KnowledgeHouse) -> None:
    site(home)
    now, most, two = 0, 0, asyncio.Event()
    fetch = home.web.fetch

    async def slow(url: str, **more: object) -> object:
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        if now == 2:
            two.set()
        if url.startswith(f"{SITE}p"):  # what is asked before, while it plans, comes one by one
            async with asyncio.timeout(60):
                await two.wait()
        await asyncio.sleep(0.01)  # in which a third would come
        now -= 1
        return await fetch(url, **more)  # type: ignore[arg-type]

    home.web.fetch = slow  # type: ignore[method-assign, assignment]
    await home.crawl(home.source())
    assert most == 2
