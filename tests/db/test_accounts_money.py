"""What an account has to do with money and minutes comes and goes with it, in the same unit of work."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from db.accounts import SqlAccounts
from db.chats import SqlChats
from db.meters import SqlMeters
from db.orders import SqlOrders
from db.tables.every import metadata
from domain.membership.model import UsedDay
from tests.db.orders_house import DAY, NOON, coupon, event, membership, order, paid, payment
from tests.db.test_accounts_contract import pending, user
from tests.db.test_meters_contract import ALL, VOICE, hold, state, use

MARK = "marked-anna-7f3k"


def confirmed(accounts: SqlAccounts, name: str, user_id: str, guest: str = "") -> None:
    accounts.pend(pending(f"t-{user_id}", name, guest=guest, expires_at=NOON + DAY))
    accounts.confirm(f"t-{user_id}", user(name, id=user_id), NOON)


def spend(meters: SqlMeters, owner: str, turn: str) -> None:
    meters.hold(hold(turn, owner), ALL, 1)
    meters.settle(turn, [use(f"call-{turn}")], NOON)
    meters.hold(hold(f"{turn}-going", owner), ALL, 1)


def rows_that_tell(engine: Engine, mark: str) -> list[str]:
    with engine.connect() as connection:
        return [
            f"{table.name}: {row}"
            for table in metadata.sorted_tables
            for row in connection.execute(select(table))
            if mark in str(row)
        ]


def test_after_an_account_is_purged_no_row_tells_whose_orders_they_were_and_the_books_stay(engine: Engine) -> None:
    accounts, orders, meters = SqlAccounts(engine), SqlOrders(engine), SqlMeters(engine)
    orders.keep_coupon(coupon())
    for name, user_id in (("anna", MARK), ("ben", "ben")):
        confirmed(accounts, name, user_id)
        SqlChats(engine).create(user_id, "socrates", "en", "", NOON)
        bought = paid(orders, f"bought-{name}", user_id)
        orders.grant(bought, membership(user_id, trial=True, subscription=f"sub_{name}"), 0, NOON, f"card-{name}")
        orders.create(order(f"open-{name}", user_id, period="year", coupon="AUTUMN"), coupon())
        orders.receive(event(f"evt_{name}", f"bought-{name}"), NOON)
        spend(meters, user_id, f"turn-{name}")
    before = orders.balance()
    accounts.delete(MARK, NOON)
    assert len(rows_that_tell(engine, MARK)) > 9

    assert accounts.purge(NOON + DAY) == [MARK]

    assert rows_that_tell(engine, MARK) == []
    kept = orders.get("bought-anna")
    assert (kept.user_id, kept.state, kept.receipt) == ("", "granted", 1)
    assert orders.transactions("bought-anna") == [payment("bought-anna")]
    assert orders.balance() == before and sum(before.values()) == 0
    assert orders.coupon_uses("AUTUMN") == 2 and orders.had_trial("", "card-anna")
    assert orders.membership("ben") is not None and len(orders.of("ben")) == 2
    assert state(meters, "ben") == (1_000, 5_000)


def test_an_account_that_is_made_again_shares_no_open_order_with_the_one_that_has_gone(engine: Engine) -> None:
    orders = SqlOrders(engine)
    orders.create(order("order1"), None)
    orders.create(order("order2", "ben"), None)
    for user_id in ("anna", "ben"):
        orders.erase_owner(user_id)
    assert {each.user_id for each in orders.find()} == {""}
    assert orders.create(order("order3"), None).id == "order3"


def test_who_confirms_an_account_has_what_the_guest_used_counted_there(engine: Engine) -> None:
    accounts, meters = SqlAccounts(engine), SqlMeters(engine)
    spend(meters, "guest-1", "turn-1")
    spend(meters, "guest-2", "turn-2")
    confirmed(accounts, "anna", "anna", guest="guest-1")
    assert state(meters) == (1_000, 5_000) and state(meters, "guest-1") == (0, 0)
    assert meters.days("anna", VOICE, NOON.date()) == [UsedDay(NOON.date(), 1_000)]
    assert meters.settle("turn-1-going", [use("later", 700)], NOON) == 700
    assert state(meters) == (1_700, 0) and state(meters, "guest-2") == (1_000, 5_000)


@pytest.mark.parametrize("guest", ["ben", ""])
def test_no_account_takes_over_what_another_one_used(engine: Engine, guest: str) -> None:
    accounts, meters = SqlAccounts(engine), SqlMeters(engine)
    confirmed(accounts, "ben", "ben")
    spend(meters, "ben", "turn-1")
    confirmed(accounts, "anna", "anna", guest=guest)
    assert state(meters, "ben") == (1_000, 5_000) and state(meters) == (0, 0)


def test_meters_of_an_account_outlive_the_purge_of_guests(engine: Engine) -> None:
    accounts, meters = SqlAccounts(engine), SqlMeters(engine)
    confirmed(accounts, "anna", "anna")
    for owner in ("anna", *(f"guest-{number}" for number in range(450))):
        meters.hold(hold(f"turn-{owner}", owner), ALL, 1)
    assert meters.purge(NOON + timedelta(days=99)) == 450
    assert state(meters) == (0, 5_000)
    assert [each.owner for each in meters.stale(NOON + DAY, VOICE)] == ["anna"]
