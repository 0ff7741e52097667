"""Money and minutes grow with every order and every turn, for ever: no statement may walk a table of them."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from db.connect import connect, disconnect
from db.meters import SqlMeters
from db.orders import SqlOrders
from domain.errors import Conflict
from tests.db.conftest import add_user
from tests.db.orders_house import DAY, MINUTE, NOON, coupon, event, membership, order, paid
from tests.db.statements import count_rows, noted, plans
from tests.db.test_meters_contract import ALL, VOICE, hold, use

ROOT = Path(__file__).parents[2]
# Groups are counted in memory, and those of one moment sorted, among the rows that the index gave.
BESIDES = ("USE TEMP B-TREE FOR GROUP BY", "USE TEMP B-TREE FOR RIGHT PART OF ORDER BY", "USE TEMP B-TREE FOR DISTINCT")

CHANGES, APPENDED = ("UPDATE", "DELETE FROM"), ("transactions", "entries", "provider_events")


def test_nothing_in_the_program_changes_or_erases_what_is_in_the_books() -> None:
    """The stories of this file show it of what is asked; this of what could be."""
    sources = [file.read_text("utf-8") for file in (ROOT / "db").glob("*.py")]
    assert any("insert(entries)" in source for source in sources)
    for source in sources:
        assert not re.search(r"(update|delete)\((entries|transactions|provider_events)\b", source)
        assert not re.search(r"\b(entries|transactions|provider_events)\.(update|delete)\b", source)
        assert not re.search(r"(UPDATE|DELETE FROM|TRUNCATE) (entries|transactions|provider_events)\b", source)


def everything(orders: SqlOrders, meters: SqlMeters) -> None:
    """Use each method, each way."""
    first = orders.create(order("new", "somebody", period="year", coupon="AUTUMN"), coupon())
    with pytest.raises(Conflict):
        orders.create(order("new2", "somebody", coupon="AUTUMN"), coupon())
    orders.get("new", "somebody")
    orders.of("user-1")
    orders.of("user-1", before=NOON)
    orders.find()
    orders.find(before=NOON)
    orders.find("paid")
    orders.find("paid", before=NOON)
    orders.open(NOON)
    orders.move(first, "expired", NOON, provider_ref="cs_1")
    orders.create(order("new3", "else", period="year", coupon="AUTUMN"), coupon())
    orders.receive(event("evt_new", "order1"), NOON)
    orders.events("order1")
    orders.event("sandbox", "evt_new")
    for job in orders.jobs(NOON, 2):
        orders.again(job.id, NOON)
        orders.done(job.id)
    orders.grant(paid(orders, "new4", "user-5", period="year"), membership("user-5", trial=True), 0, NOON, "card-1")
    orders.change(membership("user-5"), 1)
    orders.by_subscription("sandbox", "sub_user-5")
    orders.ending(NOON)
    orders.end("user-5", 2)
    orders.keep_coupon(coupon())
    orders.coupon("AUTUMN")
    orders.coupon_uses("AUTUMN")
    orders.had_trial("user-5", "card-1")
    orders.transactions("order1")
    orders.books(NOON.date(), NOON.date())
    orders.balance()
    meters.hold(hold("new", "user-1", 90_000), ALL, 1)
    meters.extend("new", 5, 2 * ALL)
    meters.settle("new", [use("new-1"), use("new-2")], NOON)
    meters.hold(hold("new", "guest-9", 5), ALL, 1)
    meters.release("new")
    meters.stale(NOON + DAY, VOICE)
    meters.used("user-1", VOICE, "2026-11-28")
    meters.days("user-1", VOICE, NOON.date())
    meters.move("guest-9", "user-9")
    meters.purge(NOON + timedelta(days=31) - MINUTE)
    orders.erase_owner("user-6")
    meters.erase_owner("user-6")


def test_every_statement_of_money_and_minutes_finds_its_rows_by_an_index(sqlite: str) -> None:
    engine = connect(sqlite)
    orders, meters = SqlOrders(engine), SqlMeters(engine)
    orders.keep_coupon(coupon(most=1_000))
    for number in range(120):
        user = f"user-{number}"
        bought = paid(orders, f"order{number}", user, minutes=-number, coupon="AUTUMN")
        if number % 2:
            orders.grant(bought, membership(user, until=NOON + number * DAY), 0, NOON)
        orders.receive(event(f"evt_{number}", f"order{number}"), NOON - number * MINUTE)
        orders.create(order(f"open{number}", user, -number, kind="upgrade", coupon="AUTUMN"), coupon())
        meters.hold(hold(f"turn-{number}", user, at=NOON - number * MINUTE), ALL, 1)
        meters.settle(f"turn-{number}", [use(f"call-{number}")], NOON - number * MINUTE)
        meters.hold(hold(f"going-{number}", user, expires_at=NOON + number * MINUTE), ALL, 1)
        add_user(engine, user)
    count_rows(engine)
    with noted(engine) as asked:
        everything(orders, meters)

    found = plans(engine, asked)
    disconnect(engine)

    assert len(found) >= 60
    for statement in asked:
        assert not statement.startswith(tuple(f"{verb} {table}" for verb in CHANGES for table in APPENDED)), statement
    aside = ("SEARCH", "SCALAR SUBQUERY", "CORRELATED SCALAR SUBQUERY")
    walks = {
        statement: [step for step in plan if not step.startswith(aside) and step not in BESIDES]
        for statement, plan in found.items()
    }
    slow = {statement: walk for statement, walk in walks.items() if walk}
    # The newest orders of all are read from the end of the index, a page of them; the balance, which the operator asks
    # for, is the sum of all entries, from the index alone.
    newest = {s: walk for s, walk in slow.items() if s.endswith("LIMIT ? OFFSET ?") and "FROM orders" in s}
    assert all(walk == ["SCAN orders USING INDEX ix_orders_created_at"] for walk in newest.values()), newest
    balance = {s: walk for s, walk in slow.items() if "sum(entries.amount)" in s}
    assert all(walk[0].startswith("SCAN entries USING COVERING INDEX") for walk in balance.values()), balance
    # All that one owner has is taken in the order of its ids, so that no two wait for each other.
    owned = {s: walk for s, walk in slow.items() if s.endswith(("ORDER BY orders.id", "ORDER BY holds.id"))}
    assert all(walk == ["USE TEMP B-TREE FOR ORDER BY"] for walk in owned.values()), owned
    assert slow.keys() == newest.keys() | balance.keys() | owned.keys(), slow
    assert (len(newest), len(balance), len(owned)) == (1, 1, 2)
