"""What a run of a site begins with: sitemaps, however many there are and however slow."""

import asyncio
from datetime import timedelta

import pytest

from domain.knowledge.plan import MOST_SITEMAPS, Planner
from tests.domain.knowledge_house import SITE, KnowledgeHouse

pytestmark = pytest.mark.anyio


def planner(home: KnowledgeHouse) -> Planner:
    return Planner(home.web, home.reader, home.hosts, home.clock)


async def test_an_index_of_more_sitemaps_than_are_read_still_has_the_first_of_them_read(home: KnowledgeHouse) -> None:
    maps = [f"{SITE}maps/{number}.xml" for number in range(3 * MOST_SITEMAPS)]
    home.web.list(f"{SITE}sitemap.xml", maps)
    for number, url in enumerate(maps):
        home.web.list(url, [f"{SITE}p{number}"])
    plan = await planner(home).plan(home.source(max_pages=50))
    assert [url for url, _ in plan] == [SITE, *(f"{SITE}p{number}" for number in range(MOST_SITEMAPS - 1))]
    assert sum(home.web.asked.values()) == MOST_SITEMAPS


async def test_sitemaps_are_read_until_the_source_is_full_and_no_further(home: KnowledgeHouse) -> None:
    home.web.list(f"{SITE}sitemap.xml", [f"{SITE}1.xml", f"{SITE}2.xml"])
    home.web.list(f"{SITE}1.xml", [f"{SITE}p{number}" for number in range(10_000)])
    home.web.list(f"{SITE}2.xml", [f"{SITE}never"])
    plan = await planner(home).plan(home.source(max_pages=30))
    assert [url for url, _ in plan][:3] == [SITE, f"{SITE}p0", f"{SITE}p1"]
    assert len(plan) == 31  # the front page, too; the frontier takes as many as the source holds
    assert f"{SITE}2.xml" not in home.web.asked


async def test_a_site_whose_sitemaps_take_for_ever_is_visited_by_those_that_came(home: KnowledgeHouse) -> None:
    maps = [f"{SITE}maps/{number}.xml" for number in range(10)]
    home.web.list(f"{SITE}sitemap.xml", maps)
    for number, url in enumerate(maps):
        home.web.list(url, [f"{SITE}p{number}"])

    def slow(url: str) -> None:
        home.clock.time += timedelta(seconds=14)

    home.web.on_ask = slow
    plan = await planner(home).plan(home.source())
    assert 2 <= len(plan) < 6
    assert sum(home.web.asked.values()) < 6


async def test_while_a_site_is_planned_the_loop_is_free(home: KnowledgeHouse) -> None:
    """Fifty thousand addresses are looked at in a thread: a call that goes on meanwhile is not to stutter."""
    home.web.list(f"{SITE}sitemap.xml", [f"{SITE}{number}" for number in range(20_000)])
    planning = asyncio.create_task(planner(home).plan(home.source(exclude=("*",))))
    turns = 0
    while not planning.done():
        await asyncio.sleep(0)
        turns += 1
    assert await planning == [(SITE, 0)]
    assert turns > 20
