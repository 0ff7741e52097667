"""One slice of a run: what becomes of addresses that end whoever visits them."""

import time
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from domain.knowledge.walk import LEASE, TRIES, Work
from tests.domain.knowledge_house import SITE, KnowledgeHouse, house

pytestmark = pytest.mark.anyio
TEXT = "The ferry leaves the old harbour at seven and returns after dark, except on the day of the regatta."


async def test_a_known_page_whose_visit_is_given_up_stays_as_it_was(home: KnowledgeHouse) -> None:
    """Its process ended three times, by the page or by whoever restarted the database: no reason to forget it."""
    home.web.say(SITE, TEXT)
    source = home.source("page")
    await home.crawl(source)
    home.clock.time += timedelta(days=1)
    run = await home.crawler.begin(source.id)
    assert run is not None
    home.frontier.fill(source.id, [(SITE, 0)], 1)
    home.sources.progress(msgspec.structs.replace(run, found=1))
    for _ in range(TRIES):
        home.frontier.take(source.id, home.clock.now(), LEASE)
        home.clock.time += LEASE + timedelta(seconds=1)
    run = await home.crawl(source)
    assert (run.state, run.failed, home.web.asked[SITE]) == ("failed", 1, 1)
    assert home.page(SITE).error == "page_failed"
    assert home.find("ferry harbour") == [TEXT]


async def test_the_plan_is_counted_right_while_several_pages_name_more_at_once(tmp_path: Path) -> None:
    """Else the bar ends somewhere in the middle, or counts addresses that nobody ever visits."""
    home = house(tmp_path, work=Work(at_once=4))
    fill = home.frontier.fill

    def slowly(source_id: str, urls: list[tuple[str, int]], most: int) -> int:
        held: int = fill(source_id, urls, most)
        time.sleep(0.02)
        return held

    home.frontier.fill = slowly
    urls = [f"{SITE}p{number}" for number in range(24)]
    home.web.say(SITE, TEXT, links=urls[:4])
    for number, url in enumerate(urls):
        links = urls[4 * number + 4 : 4 * number + 8]
        home.web.say(url, f"{TEXT} {'And again. ' * number}", links=links)
    run = await home.crawl(home.source(depth=4))
    assert (run.found, run.fetched) == (25, 25)
    home.close()
