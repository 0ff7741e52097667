"""What every keeper of politeness does: in memory, and in SQL on each database."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from threading import Event, Lock

import pytest

from domain.knowledge.ports import Hosts
from tests.db.conftest import Knowledge
from tests.db.knowledge_samples import NOON, after

ROOT = Path(__file__).parents[2]
SECOND = timedelta(seconds=1)
NO_GAP = timedelta()

# Asks the host again and again, and prints for each visit: the time it asked at, when it was in, when it left.
VISIT = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from db.connect import connect
from db.hosts import SqlHosts
url, gap, stay = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
hosts = SqlHosts(connect(url))
def visit(_):
    seen = []
    while len(seen) < 3:
        now = datetime.now(UTC)
        wait = hosts.turn("plato.example", now, timedelta(seconds=gap), 2)
        if wait:
            time.sleep(min(wait, 0.02))
            continue
        entered = time.time()
        time.sleep(stay)
        seen.append((now.timestamp(), entered, time.time()))
        hosts.leave("plato.example", datetime.now(UTC))
    return seen
with ThreadPoolExecutor(3) as pool:
    for seen in pool.map(visit, range(3)):
        for visit in seen:
            print(*visit)
"""


@pytest.fixture
def hosts(knowledge: Knowledge) -> Hosts:
    return knowledge.hosts


def test_a_second_passes_between_two_starts(hosts: Hosts) -> None:
    assert hosts.turn("a.example", NOON, SECOND) == 0.0
    assert hosts.turn("a.example", after(0.25), SECOND) == 0.75
    assert hosts.turn("b.example", after(0.25), SECOND) == 0.0
    assert hosts.turn("a.example", after(1), SECOND) == 0.0
    assert hosts.turn("a.example", after(1), timedelta(seconds=5)) == 5.0


def test_no_more_are_there_at_once_than_may_be_and_a_lost_place_ends(hosts: Hosts) -> None:
    assert [hosts.turn("a.example", after(n), SECOND) for n in (0, 1)] == [0.0, 0.0]
    assert hosts.turn("a.example", after(2), SECOND) == 1.0
    hosts.leave("a.example", after(2))
    assert hosts.turn("a.example", after(3), SECOND) == 0.0
    assert hosts.turn("a.example", after(29.5), SECOND) == 1.0
    assert hosts.turn("a.example", after(30.5), SECOND) == 0.5  # the first was given back; the second ends at 31
    assert hosts.turn("a.example", after(31), SECOND) == 0.0
    assert hosts.turn("a.example", after(32), NO_GAP, at_once=1) == 0.1


def test_a_place_that_is_full_is_asked_for_again_soon(hosts: Hosts) -> None:
    assert hosts.turn("a.example", NOON, NO_GAP, at_once=1) == 0.0
    assert hosts.turn("a.example", NOON, NO_GAP, at_once=1) == 0.1
    assert hosts.turn("a.example", NOON, NO_GAP, at_once=2) == 0.0


def test_after_a_refusal_nobody_asks_for_as_long_as_the_host_said_but_a_day_at_most(hosts: Hosts) -> None:
    hosts.turn("a.example", NOON, SECOND)
    hosts.leave("a.example", after(1), pause=timedelta(seconds=120))
    hosts.leave("a.example", after(2))  # whoever leaves without a pause does not end it
    assert hosts.turn("a.example", after(21), SECOND) == 100.0
    assert hosts.turn("a.example", after(121), SECOND) == 0.0
    hosts.leave("a.example", after(200), pause=timedelta(days=999))
    assert hosts.turn("a.example", after(200), SECOND) == 86_400.0


def test_leaving_where_nobody_is_does_nothing(hosts: Hosts) -> None:
    hosts.leave("a.example", NOON)
    hosts.leave("\0", NOON)
    assert hosts.turn("a.example", NOON, SECOND, at_once=1) == 0.0
    for _ in range(3):
        hosts.leave("a.example", after(1))
    assert hosts.turn("a.example", after(2), SECOND, at_once=1) == 0.0


def test_what_robots_txt_said_is_known_for_a_day(hosts: Hosts) -> None:
    assert hosts.robots("a.example", NOON) is None
    hosts.keep_robots("a.example", "User-agent: *\nDisallow: /päth", False, NOON)
    assert hosts.robots("a.example", after(86_399)) == ("User-agent: *\nDisallow: /päth", False)
    assert hosts.robots("b.example", NOON) is None
    assert hosts.robots("a.example", after(86_400)) is None
    hosts.keep_robots("a.example", "", True, after(86_400))
    assert hosts.robots("a.example", after(86_401)) == ("", True)
    assert hosts.turn("a.example", after(86_401), SECOND) == 0.0
    assert hosts.robots("a.example", after(86_402)) == ("", True)


def test_hostile_robots_are_kept_as_far_as_they_can_be(hosts: Hosts) -> None:
    hosts.keep_robots("a.example", "Disallow: \0/\ud800" + "x" * 1_000_000, False, NOON)
    kept = hosts.robots("a.example", NOON)
    assert kept is not None
    assert kept[0].startswith("Disallow: /?xxx") and len(kept[0]) == 524_288


def test_hosts_that_nobody_asked_for_long_are_forgotten(hosts: Hosts) -> None:
    hosts.keep_robots("old.example", "old", False, NOON)
    hosts.keep_robots("young.example", "young", False, after(10))
    hosts.turn("busy.example", NOON, SECOND)
    hosts.turn("busy.example", after(10), SECOND)
    assert hosts.purge(after(10)) == 1
    assert hosts.robots("old.example", after(10)) is None
    assert hosts.robots("young.example", after(10)) == ("young", False)
    assert hosts.turn("busy.example", after(10.5), SECOND) == 0.5


def test_of_many_threads_only_so_many_get_in_at_once(hosts: Hosts) -> None:
    inside, most, guard, two = 0, 0, Lock(), Event()

    def visit(_: int) -> float:
        nonlocal inside, most
        while True:
            if (wait := hosts.turn("a.example", datetime.now(UTC), NO_GAP, 2)) == 0.0:
                break
            time.sleep(min(wait, 0.002))
        with guard:
            inside += 1
            most = max(most, inside)
            if inside == 2:
                two.set()
        two.wait(30)  # the first stays until it is not alone
        time.sleep(0.005)
        with guard:
            inside -= 1
        hosts.leave("a.example", datetime.now(UTC))
        return wait

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(visit, range(24))) == [0.0] * 24
    assert most == 2


def test_of_many_threads_one_starts_within_a_gap(hosts: Hosts) -> None:
    with ThreadPoolExecutor(12) as pool:
        waits = list(pool.map(lambda _: hosts.turn("a.example", NOON, SECOND, 9), range(24)))
    assert sorted(waits) == [0.0] + [1.0] * 23


@pytest.mark.parametrize(("gap", "stay"), [(0.05, 0.0), (0.0, 0.02)])
def test_two_programs_are_as_polite_together_as_one(pages_url: str, gap: float, stay: float) -> None:
    line = [sys.executable, "-c", VISIT, pages_url, str(gap), str(stay)]
    programs = [subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    ends = [program.communicate(timeout=200) for program in programs]
    assert [complaint for _, complaint in ends] == [b"", b""]
    visits = sorted(tuple(map(float, line.split())) for out, _ in ends for line in out.decode().splitlines())
    assert len(visits) == 18
    assert all(later[0] - first[0] >= gap - 1e-4 for first, later in pairwise(visits))
    inside = [sum(entered <= at < left for _, entered, left in visits) for _, at, _ in visits]
    assert max(inside) <= 2
