"""What every store of orders does, the fake and the real one alike, on each database."""

from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
import pytest

from domain.errors import BadInput, Conflict, NotFound
from domain.membership.model import Entry, Order, Transaction
from domain.membership.ports import Orders
from tests.db.crowd import at_once
from tests.db.orders_house import DAY, HOSTILE, MINUTE, NOON, event, membership, order, paid, payment

replace = msgspec.structs.replace


def test_an_order_comes_back_as_it_was_ordered(orders: Orders) -> None:
    full = order(
        kind="upgrade", plan_id="plus", period="year", amount=2**53 - 1, list_amount=2**53, credit=1, discount=0,
        coupon="", currency="CNY", provider_ref="cs_" + "x" * 200, live=True, account="acct_1", trial_days=14,
        paid_at=NOON, from_=NOON, to=NOON + 365 * DAY, problem="amount_differs",
    )  # fmt: skip
    assert orders.create(full, None) == full
    assert orders.get("order1") == orders.get("order1", "anna") == full
    assert orders.create(order("order2", "ben"), None) == orders.get("order2")


def test_an_order_is_nobody_elses(orders: Orders) -> None:
    orders.create(order(), None)
    for name, user in (("order1", "ben"), ("order2", "anna"), ("ORDER1", ""), *((each, "") for each in HOSTILE)):
        with pytest.raises(NotFound, match="order_gone"):
            orders.get(name, user)
    for user in HOSTILE[1:]:
        with pytest.raises(NotFound, match="order_gone"):
            orders.get("order1", user)
        assert orders.of(user) == []
    assert orders.of("") == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "two words"}, {"user_id": "\0"}, {"plan_id": ""}, {"provider": "\ud800"}, {"kind": "steal"},
        {"period": "day"}, {"currency": "EUR"}, {"amount": -1}, {"amount": 2**53 + 1}, {"amount": 12.0},
        {"refunded": True}, {"coupon": "x" * 65}, {"provider_ref": "x" * 256}, {"provider_ref": "a b"},
        {"account": "账户"}, {"state": "stolen"}, {"problem": "\0"}, {"trial_days": -1},
        {"created_at": NOON.replace(tzinfo=None)}, {"expires_at": NOON.replace(tzinfo=None)},
    ],
    ids=str,
)  # fmt: skip
def test_an_order_that_not_every_database_could_hold_is_refused(orders: Orders, wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        orders.create(replace(order(), **wrong), None)
    assert orders.find() == []


def test_who_clicks_twice_has_one_order(orders: Orders) -> None:
    first = orders.create(order(), None)
    assert orders.create(order("order2", amount=999), None) == first
    orders.move(first, "pending", NOON)
    assert orders.create(order("order3"), None).id == "order1"
    assert orders.create(order("order4", period="year"), None).id == "order4"
    assert orders.create(order("order5", kind="upgrade"), None).id == "order5"
    assert orders.create(order("order6", "ben"), None).id == "order6"
    orders.move(orders.get("order1"), "cancelled", NOON)
    assert orders.create(order("order7"), None).id == "order7"
    assert [each.id for each in orders.of("anna")] == ["order7", "order5", "order4", "order1"]


def test_twenty_clicks_at_once_make_one_order(orders: Orders) -> None:
    made = at_once(20, lambda number: orders.create(order(f"order{number}"), None).id)
    assert len(set(made)) == 1
    assert [each.id for each in orders.find()] == made[:1]


def test_each_renewal_is_an_order_of_its_own_however_often_it_is_told(orders: Orders) -> None:
    orders.create(order(), None)
    for name in ("renew1", "renew2", "renew1"):
        assert orders.create(order(name, kind="renew"), None).id == name
    assert len(orders.of("anna")) == 3
    assert {each.id for each in map(orders.get, ("order1", "renew1", "renew2"))} == {"order1", "renew1", "renew2"}


def test_the_id_of_somebody_elses_order_is_taken(orders: Orders) -> None:
    orders.create(order(), None)
    with pytest.raises(Conflict, match="order_exists"):
        orders.create(order(user="ben"), None)


def test_orders_are_read_newest_first_and_page_by_page(orders: Orders) -> None:
    for number in range(12):
        user, period = ("anna", "ben")[number % 2], ("month", "year")[number // 2 % 2]
        kept = orders.create(order(f"order{number:02}", user, number, period=period), None)
        orders.move(kept, "expired" if number % 3 else "cancelled", NOON)

    def read(page: Any) -> list[str]:
        seen: list[Order] = []
        while some := page(limit=2, before=seen[-1].created_at if seen else None):
            assert len(some) <= 2
            seen += some
        return [each.id for each in seen]

    every = [f"order{number:02}" for number in reversed(range(12))]
    assert read(orders.find) == every
    assert read(partial(orders.of, "ben")) == every[::2]
    assert read(partial(orders.find, "cancelled")) == ["order09", "order06", "order03", "order00"]
    assert orders.find("granted") == orders.find(limit=0) == orders.of("anna", -1) == []


def test_a_state_changes_once_and_all_that_belongs_to_it_with_it(orders: Orders) -> None:
    created = orders.create(order(), None)
    assert orders.move(created, "pending", NOON, provider_ref="cs_1")
    assert not orders.move(created, "cancelled", NOON)
    pending = orders.get("order1")
    assert pending == replace(created, state="pending", provider_ref="cs_1")
    assert orders.move(pending, "paid", NOON + MINUTE, job="grant", transaction=payment(), paid_at=NOON)
    assert orders.get("order1") == replace(pending, state="paid", paid_at=NOON)
    assert orders.transactions("order1") == [payment()]
    assert [(job.order_id, job.what) for job in orders.jobs(NOON + MINUTE)] == [("order1", "grant")]
    assert not orders.move(order("nothing"), "pending", NOON)
    assert not orders.move(order("x" * 99), "pending", NOON)


def test_a_change_within_a_state_is_a_move_too(orders: Orders) -> None:
    created = orders.create(order(), None)
    given: dict[str, Any] = {"from_": NOON, "to": NOON + DAY, "granted_at": NOON, "refunded": 5, "provider_ref": "cs_1"}
    assert orders.move(created, "created", NOON + MINUTE, **given)
    assert orders.get("order1") == replace(created, **given)
    assert orders.move(orders.get("order1"), "created", NOON + MINUTE, to=None)
    assert orders.get("order1") == replace(created, **{**given, "to": None})
    with pytest.raises(BadInput):
        orders.move(created, "stolen", NOON)  # type: ignore[arg-type]


def test_who_saw_less_given_back_moves_nothing_though_the_state_is_the_same_again(orders: Orders) -> None:
    created = orders.create(order(), None)
    assert orders.move(created, "part_refunded", NOON, refunded=100)
    seen = orders.get("order1")
    assert orders.move(seen, "refund_pending", NOON)
    assert orders.move(orders.get("order1"), "part_refunded", NOON, refunded=400)
    assert not orders.move(seen, "refund_pending", NOON, job="apply", transaction=payment())
    assert (orders.get("order1").state, orders.get("order1").refunded) == ("part_refunded", 400)
    assert orders.transactions("order1") == [] == orders.jobs(NOON)


@pytest.mark.parametrize(
    "change",
    [{"amount": 1}, {"user_id": "ben"}, {"receipt": 7}, {"refunded": -1}, {"problem": "\0"}],
    ids=str,
)
def test_what_was_ordered_does_not_change(orders: Orders, change: dict[str, Any]) -> None:
    created = orders.create(order(), None)
    with pytest.raises(BadInput):
        orders.move(created, "pending", NOON, **change)
    assert orders.get("order1") == created


def test_what_is_to_be_told_of_a_move_or_a_grant_is_a_job_that_comes_with_it(orders: Orders) -> None:
    bought = paid(orders)
    for job in orders.jobs(NOON):
        orders.done(job.id)
    assert orders.grant(bought, membership(), 7, NOON, tell="then/granted") is None and orders.jobs(NOON) == []
    granted = orders.grant(bought, membership(), 0, NOON, tell="then/granted")
    assert granted is not None
    assert {(job.what, job.event_id) for job in orders.jobs(NOON)} == {("receipt", ""), ("tell", "then/granted")}
    told = "2026-11-28T12:00:00.123456+00:00/asked:" + "x" * 64 + ":9007199254740992"  # the longest there is
    assert orders.move(granted, "refund_pending", NOON, tell=told)
    assert not orders.move(granted, "refund_pending", NOON, tell=told)
    assert [(job.what, job.provider, job.event_id) for job in orders.jobs(NOON)] == [("tell", "", told)]


def test_a_move_beside_a_membership_is_made_only_while_that_is_the_same_and_has_others_read_it_again(
    orders: Orders,
) -> None:
    orders.change(membership(), 0)
    bought, back = paid(orders), msgspec.structs.replace(payment(), id="refund:order1:1200")
    old, there = membership(version=7), orders.membership("anna")
    assert not orders.move(bought, "refund_pending", NOON, job="apply", transaction=back, beside=old)
    assert orders.get("order1").state == "paid" and len(orders.transactions("order1")) == 1
    assert orders.move(bought, "refund_pending", NOON, job="apply", transaction=back, beside=there)
    assert orders.membership("anna") == membership(version=2)
    assert orders.grant(bought, membership(), 1, NOON) is None


def test_of_fifty_who_move_an_order_at_once_one_does(orders: Orders) -> None:
    created = orders.create(order(), None)
    moves = ["pending", "cancelled", "failed", "expired"]
    won = at_once(50, lambda n: orders.move(created, moves[n % 4], NOON, job="apply", transaction=payment()))  # type: ignore[arg-type]
    assert won.count(True) == 1
    assert orders.get("order1").state == moves[won.index(True) % 4]
    assert len(orders.jobs(NOON, 100)) == 1
    assert orders.balance() == {("clearing", "USD"): 1200, ("revenue", "USD"): -1200}


def test_what_cannot_be_in_the_books_moves_nothing(orders: Orders) -> None:
    created = orders.create(order(), None)
    for wrong in (payment(amount=2**60), payment(order_id="x" * 65), payment(at=NOON.replace(tzinfo=None))):
        with pytest.raises(ValueError):  # noqa: PT011
            orders.move(created, "paid", NOON, job="grant", transaction=wrong)
    assert orders.get("order1") == created
    assert orders.jobs(NOON) == [] and orders.balance() == {}


def test_a_transaction_is_written_once(orders: Orders) -> None:
    first = orders.create(order(), None)
    orders.move(first, "pending", NOON, transaction=payment())
    assert orders.move(orders.get("order1"), "paid", NOON, transaction=payment(amount=9))
    assert orders.transactions("order1") == [payment()]


def test_the_books_sum_to_zero_by_month_account_and_currency(orders: Orders) -> None:
    sales = [("a", 1200, "USD", 0), ("b", 800, "USD", 1), ("c", 600, "CNY", 5), ("d", 2**53, "CNY", 40)]
    for name, amount, currency, days in sales:
        at = NOON + days * DAY
        kept = orders.create(order(name, f"user-{name}", amount=1), None)
        orders.move(kept, "paid", at, transaction=payment(name, amount, at, currency))
    back = Transaction(
        id="refund:a:500", order_id="a", at=NOON + DAY,
        entries=(Entry("refunds", 500, "USD"), Entry("clearing", -500, "USD")),
    )  # fmt: skip
    assert orders.move(orders.get("a"), "part_refunded", NOON, transaction=back, refunded=500)
    assert orders.balance() == {
        ("clearing", "USD"): 1500, ("revenue", "USD"): -2000, ("refunds", "USD"): 500,
        ("clearing", "CNY"): 600 + 2**53, ("revenue", "CNY"): -600 - 2**53,
    }  # fmt: skip
    assert orders.transactions("a") == [payment("a"), back]
    assert orders.books(NOON.date(), (NOON + 5 * DAY).date()) == [
        ("2026-11", "clearing", "USD", 1500), ("2026-11", "refunds", "USD", 500), ("2026-11", "revenue", "USD", -2000),
        ("2026-12", "clearing", "CNY", 600), ("2026-12", "revenue", "CNY", -600),
    ]  # fmt: skip
    assert orders.books((NOON + DAY).date(), (NOON + DAY).date())[0] == ("2026-11", "clearing", "USD", 300)
    assert orders.books((NOON + 99 * DAY).date(), (NOON + 99 * DAY).date()) == []
    for nobody in HOSTILE:
        assert orders.transactions(nobody) == []


def test_an_event_is_received_once_with_a_job_to_apply_it(orders: Orders) -> None:
    told = event(period_end=NOON + 30 * DAY, subscription="sub_1", kind="renewed", amount=2**53, live=True)
    assert orders.receive(told, NOON)
    assert not orders.receive(told, NOON + MINUTE)
    assert not orders.receive(event(amount=9), NOON)
    assert orders.receive(event(provider="stripe"), NOON + MINUTE)  # their ids are their own
    assert orders.event("sandbox", "evt_1") == told
    assert orders.events("order1") == [told, event(provider="stripe")]
    jobs = orders.jobs(NOON + MINUTE)
    assert [(job.order_id, job.what, job.provider, job.event_id) for job in jobs] == [
        ("order1", "apply", "sandbox", "evt_1"), ("order1", "apply", "stripe", "evt_1"),
    ]  # fmt: skip


def test_an_event_that_names_no_order_is_found_by_its_job(orders: Orders) -> None:
    nameless = event("evt_9", "", subscription="sub_1", kind="renewed")
    assert orders.receive(nameless, NOON)
    [job] = orders.jobs(NOON)
    assert job.order_id == ""
    assert orders.event(job.provider, job.event_id) == nameless
    assert orders.events("") == []


def test_of_a_hundred_tellings_at_once_one_has_an_effect(orders: Orders) -> None:
    assert at_once(100, lambda _: orders.receive(event(), NOON)).count(True) == 1
    assert len(orders.jobs(NOON, 200)) == len(orders.events("order1")) == 1


def test_events_come_in_the_order_in_which_they_were_received(orders: Orders) -> None:
    for number, minutes in enumerate((3, 1, 2)):
        orders.receive(event(f"evt_{number}", at=NOON + minutes * MINUTE), NOON + number * MINUTE)
    assert [each.id for each in orders.events("order1")] == ["evt_0", "evt_1", "evt_2"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": ""}, {"id": "x" * 256}, {"id": "\0"}, {"id": "evt_1 "}, {"provider": ""}, {"order_id": "\ud800"},
        {"order_id": "x" * 65}, {"kind": "bought"}, {"amount": -1}, {"amount": 1.5}, {"currency": "\0"},
        {"ref": "支付"}, {"account": "x" * 256}, {"subscription": "a b"}, {"at": NOON.replace(tzinfo=None)},
        {"period_end": NOON.replace(tzinfo=None)},
    ],
    ids=str,
)  # fmt: skip
def test_an_event_that_not_every_database_could_hold_is_refused(orders: Orders, wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        orders.receive(replace(event(), **wrong), NOON)
    assert orders.jobs(NOON) == []


def test_nobodys_events_are_found_by_no_hostile_name(orders: Orders) -> None:
    orders.receive(event(), NOON)
    for name in HOSTILE:
        assert orders.events(name) == []
        assert orders.event(name, "evt_1") is None and orders.event("sandbox", name) is None
        orders.done(name)
        orders.again(name, NOON)
    assert len(orders.jobs(NOON)) == 1


def test_a_job_is_one_workers_until_its_lease_is_over(orders: Orders) -> None:
    for number in range(3):
        orders.receive(event(f"evt_{number}"), NOON + number * MINUTE)
    later = NOON + 5 * MINUTE
    [first] = orders.jobs(NOON, lease_s=30)
    assert (first.tries, first.event_id) == (1, "evt_0")
    assert orders.jobs(NOON + timedelta(seconds=29)) == []
    again = orders.jobs(later, limit=2, lease_s=600)
    assert [(job.event_id, job.tries) for job in again] == [("evt_0", 2), ("evt_1", 1)]
    assert [job.event_id for job in orders.jobs(later)] == ["evt_2"]
    orders.done(first.id)
    orders.done(first.id)
    orders.again(again[1].id, later + DAY)
    assert [job.event_id for job in orders.jobs(later + DAY)] == ["evt_2", "evt_1"]
    assert orders.jobs(later + DAY, limit=0) == []


def test_thirty_workers_share_the_jobs_and_none_is_had_by_two(orders: Orders) -> None:
    for number in range(40):
        orders.receive(event(f"evt_{number:02}"), NOON)
    leased = [job.id for jobs in at_once(30, lambda _: orders.jobs(NOON, 7)) for job in jobs]
    while some := orders.jobs(NOON, 7):  # those that met at the same ones went away with fewer
        leased += [job.id for job in some]
    assert len(leased) == len(set(leased)) == 40
    assert len(orders.jobs(NOON + 2 * MINUTE, 100)) == 40


def test_what_still_has_a_way_to_go_is_found_the_longest_unmoved_first(orders: Orders) -> None:
    states = ("pending", "paid", "granted", "refund_pending", "refunded", "part_refunded", "disputed", "expired",
              "cancelled", "failed")  # fmt: skip
    for number, state in enumerate(states):
        kept = orders.create(order(f"order{number}", f"user-{number}"), None)
        orders.move(kept, state, NOON - number * MINUTE)  # type: ignore[arg-type]
    orders.create(order("new", minutes=-2.5), None)
    assert [each.id for each in orders.open(NOON + DAY)] == ["order3", "new", "order1", "order0"]
    assert [each.id for each in orders.open(NOON + DAY, limit=2)] == ["order3", "new"]
    assert [each.id for each in orders.open(NOON - MINUTE)] == ["order3", "new"]
    assert orders.open(NOON + DAY, limit=-1) == []


def test_a_paid_order_is_found_by_whoever_erases_accounts_no_more(orders: Orders) -> None:
    bought = paid(orders)
    pending = orders.create(order("order2", period="year"), None)
    orders.create(order("order3", "ben"), None)
    orders.erase_owner("anna")
    orders.erase_owner("anna")
    for name in HOSTILE:
        orders.erase_owner(name)
    assert orders.of("anna") == [] and orders.membership("anna") is None
    assert orders.get("order1") == replace(bought, user_id="")
    assert orders.transactions("order1") == [payment()]
    # The provider may still tell of them, and the house closes them.
    assert orders.move(orders.get("order2"), "expired", NOON) and orders.get("order2") == replace(
        pending, user_id="", state="expired"
    )
    assert [each.id for each in orders.of("ben")] == ["order3"]
