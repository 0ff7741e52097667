"""Several processes and one database: nothing is spent, granted, received or counted twice, whoever is faster."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from sqlalchemy import event, text

from db.connect import connect, disconnect
from db.meters import SqlMeters
from db.orders import SqlOrders
from domain.membership.model import UsedDay
from tests.db.conftest import SQL, emptied
from tests.db.crowd import processes
from tests.db.orders_house import NOON, paid
from tests.db.race_child import HELD_MS, LIMIT_MS
from tests.db.test_meters_contract import hold, use

PROCESSES = 3


@pytest.fixture(params=SQL)
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    url = str(request.getfixturevalue(request.param))
    with emptied(url):
        yield url


def test_processes_together_never_hold_more_than_the_limit(url: str) -> None:
    held = [amount for some in processes(PROCESSES, url, "hold") for amount in some]
    assert held == [HELD_MS] * (LIMIT_MS // HELD_MS)
    engine = connect(url)
    assert SqlMeters(engine).used("anna", "voice_seconds", "2026-11-28") == (0, LIMIT_MS)
    disconnect(engine)


def test_processes_that_settle_the_same_turns_count_each_call_once(url: str) -> None:
    engine = connect(url)
    meters = SqlMeters(engine)
    for number in range(20):
        meters.hold(hold(f"turn-{number}", amount=2_000), LIMIT_MS, 1)
    assert sum(processes(PROCESSES, url, "settle")) == 20 * 1_000 + 7
    assert meters.used("anna", "voice_seconds", "2026-11-28") == (20_007, 0)
    assert meters.days("anna", "voice_seconds", NOON.date()) == [UsedDay(NOON.date(), 20_007)]
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*), sum(amount) FROM uses")).one() == (21, 20_007)
    disconnect(engine)


def test_processes_that_receive_the_same_events_keep_each_once(url: str) -> None:
    assert sum(processes(PROCESSES, url, "receive")) == 20
    engine = connect(url)
    assert len(SqlOrders(engine).jobs(NOON, 100)) == 20
    disconnect(engine)


def test_processes_that_grant_the_same_orders_grant_each_once_and_number_them_without_gaps(url: str) -> None:
    engine = connect(url)
    orders = SqlOrders(engine)
    for number in range(30):
        paid(orders, f"order{number}", f"user-{number}")
    numbers = [number for some in processes(PROCESSES, url, "grant") for number in some]
    assert sorted(numbers) == list(range(1, 31))
    assert {orders.get(f"order{number}").state for number in range(30)} == {"granted"}
    disconnect(engine)


def test_a_turn_that_begins_while_its_guest_gets_an_account_is_counted_for_the_account(url: str) -> None:
    engine = connect(url)
    meters, begun = SqlMeters(engine), Event()
    meters.hold(hold("turn-0", "guest", 1_000), LIMIT_MS, 1)

    def pause(_: Any, __: Any, statement: str, *___: Any) -> None:
        """The meter has what is held, and its row is not there yet."""
        if statement.startswith("INSERT INTO holds") and not begun.is_set():
            begun.set()
            time.sleep(0.3)

    event.listen(engine, "before_cursor_execute", pause)
    with ThreadPoolExecutor(1) as pool:
        beginning = pool.submit(meters.hold, hold("turn-1", "guest", 1_000), LIMIT_MS, 1)
        assert begun.wait(60)
        meters.move("guest", "anna")
        assert beginning.result() == 1_000
    meters.move("guest", "anna")  # where it had begun behind the first one
    assert meters.used("anna", "voice_seconds", "2026-11-28") == (0, 2_000)
    assert meters.settle("turn-1", [use("call-1", 600)], NOON) == 600
    assert meters.settle("turn-0", [use("call-0", 500)], NOON) == 500
    assert meters.used("anna", "voice_seconds", "2026-11-28") == (1_100, 0)
    disconnect(engine)
