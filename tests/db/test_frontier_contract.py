"""What every frontier does: in memory, and in SQL on each database."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from db.frontier import SqlFrontier
from db.sources import SqlSources
from domain.errors import BadInput, NotFound
from domain.knowledge.ports import FrontierItem
from tests.db.conftest import Knowledge, opened
from tests.db.knowledge_samples import NOON, after, source

ROOT = Path(__file__).parents[2]
LEASE = timedelta(seconds=60)
HOME = "https://plato.example/"

TAKE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from db.connect import connect
from db.frontier import SqlFrontier
from tests.db.knowledge_samples import NOON
url, source_id = sys.argv[1:]
frontier = SqlFrontier(connect(url))
def work(_):
    taken = []
    while item := frontier.take(source_id, NOON, timedelta(minutes=1)):
        taken.append(item.url)
    return taken
with ThreadPoolExecutor(3) as pool:
    for taken in pool.map(work, range(3)):
        print(*taken, sep="\\n")
"""


def some(count: int, depth: int = 1) -> list[tuple[str, int]]:
    return [(f"{HOME}{depth}/{number}", depth) for number in range(count)]


@pytest.fixture
def source_id(knowledge: Knowledge) -> str:
    return knowledge.sources.add(source()).id


def test_what_is_filled_in_is_taken_least_depth_first_in_the_order_in_which_it_was_found(
    knowledge: Knowledge, source_id: str
) -> None:
    frontier = knowledge.frontier
    assert frontier.fill(source_id, some(3, depth=2), 10) == 3
    assert frontier.fill(source_id, [*reversed(some(2)), (HOME, 0)], 10) == 6
    taken = []
    while item := frontier.take(source_id, NOON, LEASE):
        taken.append(item)
    paths = [HOME, f"{HOME}1/1", f"{HOME}1/0", f"{HOME}2/0", f"{HOME}2/1", f"{HOME}2/2"]
    assert [item.url for item in taken] == paths
    assert taken[0] == FrontierItem(source_id=source_id, url=HOME, depth=0)
    assert frontier.left(source_id) == 6


def test_no_address_is_there_twice_even_after_it_was_visited(knowledge: Knowledge, source_id: str) -> None:
    frontier = knowledge.frontier
    assert frontier.fill(source_id, [(HOME, 1), (HOME, 0), (HOME, 2)], 10) == 1
    item = frontier.take(source_id, NOON, LEASE)
    assert item is not None and item.depth == 0
    frontier.done(source_id, HOME)
    assert frontier.fill(source_id, [(HOME, 0)], 10) == 1
    assert frontier.left(source_id) == 0
    frontier.later(source_id, HOME, NOON)  # it is done all the same
    assert frontier.take(source_id, after(99), LEASE) is None


def test_it_never_holds_more_than_the_most(knowledge: Knowledge, source_id: str) -> None:
    frontier = knowledge.frontier
    assert frontier.fill(source_id, some(7), 5) == 5
    assert frontier.fill(source_id, some(9, depth=2), 5) == 5
    assert frontier.fill(source_id, some(1_300, depth=3), 1_200) == 1_200
    assert frontier.fill(source_id, [], 0) == frontier.left(source_id) == 1_200


def test_many_who_fill_at_once_keep_to_the_most(knowledge: Knowledge, source_id: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        held = list(pool.map(lambda n: knowledge.frontier.fill(source_id, some(20, depth=n % 3), 30), range(6)))
    assert max(held) == knowledge.frontier.left(source_id) == 30


def test_a_lease_that_ran_out_is_there_again_and_counts_as_a_try(knowledge: Knowledge, source_id: str) -> None:
    frontier = knowledge.frontier
    frontier.fill(source_id, [(HOME, 0)], 9)
    first = frontier.take(source_id, NOON, LEASE)
    assert first is not None and first.tries == 0
    assert frontier.take(source_id, after(59), LEASE) is None
    again = frontier.take(source_id, after(60), LEASE)
    assert again == FrontierItem(source_id=source_id, url=HOME, depth=0, tries=1)


def test_what_is_for_later_is_not_taken_before_and_counts_a_try(knowledge: Knowledge, source_id: str) -> None:
    frontier = knowledge.frontier
    frontier.fill(source_id, [(HOME, 0), *some(1)], 9)
    assert frontier.take(source_id, NOON, LEASE) is not None
    frontier.later(source_id, HOME, after(300))
    other = frontier.take(source_id, NOON, LEASE)
    assert other is not None and other.url != HOME
    frontier.done(source_id, other.url)
    assert frontier.take(source_id, after(299), LEASE) is None
    assert frontier.left(source_id) == 1
    again = frontier.take(source_id, after(300), LEASE)
    assert again is not None and (again.url, again.tries) == (HOME, 1)


def test_sources_have_each_their_own_and_clearing_begins_anew(knowledge: Knowledge, source_id: str) -> None:
    other = knowledge.sources.add(source("https://other.example/")).id
    for each in (source_id, other):
        knowledge.frontier.fill(each, [(HOME, 0)], 9)
    knowledge.frontier.done(source_id, HOME)
    assert (knowledge.frontier.left(source_id), knowledge.frontier.left(other)) == (0, 1)
    knowledge.frontier.clear(source_id)
    assert knowledge.frontier.fill(source_id, [(HOME, 0)], 9) == 1
    assert knowledge.frontier.take(source_id, NOON, LEASE) is not None
    assert knowledge.frontier.left(other) == 1


@pytest.mark.parametrize("url", ["", "https://\0", "https://\ud800.example/", HOME + "x" * 2_048, "https://é.example/"])
def test_strange_addresses_are_refused_and_none_of_them_is_kept(
    knowledge: Knowledge, source_id: str, url: str
) -> None:
    with pytest.raises(BadInput) as refusal:
        knowledge.frontier.fill(source_id, [(HOME, 0), (url, 1)], 9)
    assert refusal.value.code == "url_bad"
    assert knowledge.frontier.left(source_id) == 0
    knowledge.frontier.done(source_id, url)
    knowledge.frontier.later(source_id, url, NOON)


def test_a_source_that_is_gone_or_removed_has_no_frontier(knowledge: Knowledge, source_id: str) -> None:
    for unknown in ("nobody", "\0", ""):
        with pytest.raises(NotFound):
            knowledge.frontier.fill(unknown, [(HOME, 0)], 9)
        assert knowledge.frontier.take(unknown, NOON, LEASE) is None
        assert knowledge.frontier.left(unknown) == 0
        knowledge.frontier.clear(unknown)
    knowledge.sources.remove(source_id, NOON)
    with pytest.raises(NotFound):
        knowledge.frontier.fill(source_id, [(HOME, 0)], 9)


def test_two_programs_with_three_workers_each_take_every_address_once(pages_url: str) -> None:
    with opened(pages_url) as engine:
        there = SqlSources(engine).add(source()).id
        urls = some(60)
        SqlFrontier(engine).fill(there, urls, 200)
        line = [sys.executable, "-c", TAKE, pages_url, there]
        programs = [subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
        ends = [program.communicate(timeout=200) for program in programs]
        assert [complaint for _, complaint in ends] == [b"", b""]
        taken = [url for out, _ in ends for url in out.decode().split()]
        assert sorted(taken) == sorted(url for url, _ in urls)
