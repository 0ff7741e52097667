"""Grants, receipts, memberships and coupons: what every store of them does, on each database."""

from typing import Any

import msgspec
import pytest

from domain.errors import BadInput, Conflict
from domain.membership.model import Order
from domain.membership.ports import Orders
from tests.db.crowd import at_once
from tests.db.orders_house import DAY, HOSTILE, NOON, coupon, membership, order, paid

replace = msgspec.structs.replace


def test_a_paid_order_is_granted_once_with_a_receipt_and_the_job_to_mail_it(orders: Orders) -> None:
    bought = replace(paid(orders), from_=NOON, to=NOON + 30 * DAY)
    for job in orders.jobs(NOON):
        orders.done(job.id)
    granted = orders.grant(bought, membership(version=77), 0, NOON + DAY)
    assert granted == orders.get("order1") == replace(bought, state="granted", granted_at=NOON + DAY, receipt=1)
    assert orders.membership("anna") == membership(version=1)
    assert [job.what for job in orders.jobs(NOON + DAY)] == ["receipt"]
    assert orders.grant(bought, membership(), 1, NOON) is None
    assert orders.grant(granted, membership(), 1, NOON) is None
    assert orders.membership("anna") == membership(version=1)


def test_what_is_not_paid_or_somebody_elses_is_not_granted(orders: Orders) -> None:
    pending = orders.create(order(), None)
    bought = paid(orders, "order2", "ben")
    for wanted, whose in (
        (pending, "anna"), (replace(bought, user_id="anna"), "anna"), (bought, "anna"), (order("nothing"), "anna"),
        (replace(pending, user_id=""), "anna"), (order("x" * 99), "anna"),
    ):  # fmt: skip
        assert orders.grant(wanted, membership(whose), 0, NOON) is None
    assert orders.membership("anna") is None and orders.membership("ben") is None
    orders.erase_owner("ben")
    assert orders.grant(bought, membership("ben"), 0, NOON) is None
    assert orders.membership("ben") is None


def test_a_membership_that_has_changed_since_it_was_reckoned_is_not_replaced(orders: Orders) -> None:
    orders.change(membership(plan_id="basic"), 0)
    bought = paid(orders)
    for expects in (0, 2):
        assert orders.grant(bought, membership(), expects, NOON) is None
    assert orders.get("order1").state == "paid"
    granted = orders.grant(bought, membership(), 1, NOON)
    assert granted is not None and granted.receipt == 1, "no number was lost"
    assert orders.membership("anna") == membership(version=2)


def test_of_thirty_who_grant_one_order_at_once_one_does(orders: Orders) -> None:
    bought = paid(orders)
    granted = at_once(30, lambda _: orders.grant(bought, membership(), 0, NOON))
    assert [each.receipt for each in granted if each] == [1]


def test_of_two_orders_reckoned_from_the_same_membership_the_second_is_reckoned_again(orders: Orders) -> None:
    bought = [paid(orders), paid(orders, "order2", period="year")]
    granted = at_once(2, lambda number: orders.grant(bought[number], membership(), 0, NOON))
    assert [each is None for each in granted].count(True) == 1
    late = bought[granted.index(None)]
    assert orders.grant(late, membership(until=NOON + 400 * DAY), 1, NOON) is not None
    assert orders.membership("anna") == membership(until=NOON + 400 * DAY, version=2)


def test_receipts_of_thirty_grants_at_once_are_numbered_without_gaps(orders: Orders) -> None:
    bought = [paid(orders, f"order{number}", f"user-{number}") for number in range(45)]

    def grant(number: int) -> Order | None:
        # Every third comes too late: its number, if it had one, is somebody else's.
        return orders.grant(bought[number], membership(f"user-{number}"), 5 if number % 3 == 0 else 0, NOON)

    numbers = [granted.receipt for granted in at_once(45, grant) if granted is not None]
    assert sorted(number for number in numbers if number) == list(range(1, 31))


def test_a_trial_is_given_once_to_an_account_and_once_to_a_means_of_payment(orders: Orders) -> None:
    assert not orders.had_trial("anna", "card-1")
    trial: dict[str, Any] = {"trial": True, "until": NOON + 14 * DAY}
    assert orders.grant(paid(orders), membership(**trial), 0, NOON, "card-1") is not None
    assert orders.had_trial("anna", "") and orders.had_trial("", "card-1") and orders.had_trial("ben", "card-1")
    assert not orders.had_trial("ben", "card-2") and not orders.had_trial("", "")
    again = paid(orders, "order2", "ben")
    assert orders.grant(again, membership("ben", **trial), 0, NOON, "card-1") is None
    assert orders.membership("ben") is None and orders.get("order2").state == "paid"
    assert orders.grant(again, membership("ben", **trial), 0, NOON, "") is not None
    third = paid(orders, "order3", "ben", period="year")
    assert orders.grant(third, membership("ben", **trial), 1, NOON, "card-3") is None
    fourth = paid(orders, "order4", "eve")
    assert orders.grant(fourth, membership("eve", **trial), 0, NOON, "") is not None, "nobody's print is not a print"
    for name in HOSTILE:
        assert not orders.had_trial(name, name)


def test_who_makes_a_new_account_has_no_second_trial_with_the_same_card(orders: Orders) -> None:
    assert orders.grant(paid(orders), membership(trial=True), 0, NOON, "card-1") is not None
    orders.erase_owner("anna")
    assert not orders.had_trial("anna", "")
    assert orders.had_trial("anna-again", "card-1")


def test_a_membership_is_replaced_only_by_who_knows_the_present_one(orders: Orders) -> None:
    full = membership(
        next_plan="basic", next_period="year", next_amount=4800, grace_until=NOON + 33 * DAY, trial=True, renews=False
    )
    assert not orders.change(full, 1)
    assert orders.change(full, 0)
    assert not orders.change(membership(), 0)
    assert orders.membership("anna") == replace(full, version=1)
    assert orders.change(membership(), 1)
    assert orders.membership("anna") == membership(version=2)
    assert not orders.end("anna", 1)
    assert orders.end("anna", 2)
    assert orders.membership("anna") is None
    assert not orders.end("anna", 2)
    for name in HOSTILE:
        assert orders.membership(name) is None and not orders.end(name, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"user_id": ""}, {"user_id": "\0"}, {"plan_id": "x" * 65}, {"next_plan": "\ud800"}, {"provider": "a b"},
        {"subscription": "x" * 256}, {"period": "day"}, {"next_period": "day"}, {"next_amount": -1},
        {"until": NOON.replace(tzinfo=None)}, {"grace_until": NOON.replace(tzinfo=None)},
    ],
    ids=str,
)  # fmt: skip
def test_a_membership_that_not_every_database_could_hold_is_refused(orders: Orders, wrong: dict[str, Any]) -> None:
    bought = paid(orders)
    with pytest.raises(BadInput):
        orders.change(replace(membership(), **wrong), 0)
    if "user_id" not in wrong:
        with pytest.raises(BadInput):
            orders.grant(bought, replace(membership(), **wrong), 0, NOON)
    assert orders.get("order1") == bought


def test_of_twenty_changes_at_once_one_counts(orders: Orders) -> None:
    orders.change(membership(), 0)
    changed = at_once(20, lambda number: orders.change(membership(next_amount=number), 1))
    assert changed.count(True) == 1
    assert orders.membership("anna") == membership(next_amount=changed.index(True), version=2)


def test_a_membership_is_found_by_what_renews_it(orders: Orders) -> None:
    orders.change(membership(), 0)
    orders.change(membership("ben", subscription=""), 0)
    found = orders.by_subscription("sandbox", "sub_anna")
    assert found is not None and found.user_id == "anna"
    for provider, subscription in (("stripe", "sub_anna"), ("sandbox", "sub_ANNA"), ("sandbox", ""), ("", "sub_anna")):
        assert orders.by_subscription(provider, subscription) is None
    for name in HOSTILE:
        assert orders.by_subscription(name, "sub_anna") is None and orders.by_subscription("sandbox", name) is None


def test_those_that_end_are_found_the_longest_over_first(orders: Orders) -> None:
    orders.change(membership(until=NOON + 2 * DAY), 0)
    orders.change(membership("ben", until=NOON + DAY), 0)
    orders.change(membership("eve", until=NOON - DAY, grace_until=NOON + 3 * DAY), 0)
    assert [each.user_id for each in orders.ending(NOON + 9 * DAY)] == ["ben", "anna", "eve"]
    assert [each.user_id for each in orders.ending(NOON + 3 * DAY)] == ["ben", "anna"]
    assert [each.user_id for each in orders.ending(NOON + 9 * DAY, limit=1)] == ["ben"]
    orders.change(membership("ben", until=NOON + 99 * DAY), 1)
    assert [each.user_id for each in orders.ending(NOON + 9 * DAY)] == ["anna", "eve"]
    assert orders.ending(NOON + 9 * DAY, limit=-1) == []


def test_a_coupon_comes_back_as_it_was_kept_and_can_be_changed(orders: Orders) -> None:
    first = coupon(percent=0, amount=500, currency="USD", once_each=False, plan_id="plus", until=NOON)
    orders.keep_coupon(first)
    assert orders.coupon("AUTUMN") == first
    orders.create(order(coupon="AUTUMN"), first)
    orders.keep_coupon(coupon(most=1))
    assert orders.coupon("AUTUMN") == coupon(most=1)
    assert orders.coupon_uses("AUTUMN") == 1
    assert [orders.coupons(5, name) for name in HOSTILE if name] == [[]] * (len(HOSTILE) - 1)
    for name in ("autumn", "SPRING", *HOSTILE):
        assert orders.coupon(name) is None and orders.coupon_uses(name) == 0
    with pytest.raises(Conflict, match="coupon_spent"):
        orders.create(order("order2", "ben", coupon="SPRING"), coupon("SPRING"))
    at_once(8, lambda _: orders.keep_coupon(coupon("WINTER")))
    assert orders.coupon("WINTER") == coupon("WINTER")
    assert orders.coupons() == [coupon(most=1), coupon("WINTER")]
    assert [each.code for each in orders.coupons(1)] == ["AUTUMN"]
    assert [each.code for each in orders.coupons(5, "AUTUMN")] == ["WINTER"]
    assert orders.coupons(-1) == orders.coupons(5, "WINTER") == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": ""}, {"code": "\0"}, {"code": "x" * 65}, {"percent": 101}, {"percent": -1}, {"amount": -5},
        {"currency": "\ud800"}, {"most": -1}, {"most": 2**31}, {"plan_id": "a b"}, {"until": NOON.replace(tzinfo=None)},
    ],
    ids=str,
)  # fmt: skip
def test_a_coupon_that_not_every_database_could_hold_is_refused(orders: Orders, wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        orders.keep_coupon(replace(coupon(), **wrong))


def test_of_twenty_who_want_a_coupon_of_three_uses_at_once_three_get_it(orders: Orders) -> None:
    orders.keep_coupon(coupon(most=3))

    def buy(number: int) -> str:
        try:
            return orders.create(order(f"order{number}", f"user-{number}", coupon="AUTUMN"), coupon()).id
        except Conflict as refused:
            return refused.code

    bought = at_once(20, buy)
    assert bought.count("coupon_spent") == 17
    assert orders.coupon_uses("AUTUMN") == len(orders.find()) == 3


def test_a_coupon_is_used_once_by_each_where_it_says_so(orders: Orders) -> None:
    orders.keep_coupon(coupon(most=9))
    orders.keep_coupon(coupon("OFTEN", most=9, once_each=False))
    orders.create(order(coupon="AUTUMN"), coupon())
    with pytest.raises(Conflict, match="coupon_used"):
        orders.create(order("order2", period="year", coupon="AUTUMN"), coupon())
    assert len(orders.find()) == 1
    for name, period in (("order3", "year"), ("order4", "month")):
        kind = "buy" if period == "year" else "upgrade"
        orders.create(order(name, period=period, kind=kind, coupon="OFTEN"), coupon("OFTEN", once_each=False))
    assert (orders.coupon_uses("AUTUMN"), orders.coupon_uses("OFTEN")) == (1, 2)


def test_one_who_wants_a_coupon_in_ten_windows_at_once_has_one_use_of_it(orders: Orders) -> None:
    orders.keep_coupon(coupon(most=9))

    def buy(number: int) -> str:
        kind, period = ("buy", "upgrade")[number % 2], ("month", "year")[number // 2 % 2]
        try:
            return orders.create(order(f"order{number}", kind=kind, period=period, coupon="AUTUMN"), coupon()).id
        except Conflict as refused:
            return refused.code

    assert set(at_once(10, buy)) - {"coupon_used"} == {each.id for each in orders.find()}
    assert orders.coupon_uses("AUTUMN") == len(orders.find()) == 1


@pytest.mark.parametrize("end", ["expired", "cancelled", "failed"])
def test_a_use_comes_free_again_when_nothing_was_bought_with_it(orders: Orders, end: Any) -> None:
    orders.keep_coupon(coupon(most=2))
    kept = [orders.create(order(f"order{n}", f"user-{n}", coupon="AUTUMN"), coupon()) for n in range(2)]
    assert orders.move(kept[0], end, NOON)
    assert not orders.move(kept[0], end, NOON)
    assert orders.coupon_uses("AUTUMN") == 1
    orders.create(order("order5", "user-0", coupon="AUTUMN"), coupon())
    with pytest.raises(Conflict, match="coupon_spent"):
        orders.create(order("order6", "user-6", coupon="AUTUMN"), coupon())
    orders.move(kept[1], "paid", NOON)
    assert orders.coupon_uses("AUTUMN") == 2


def test_of_a_coupon_with_fewer_uses_than_before_none_is_free_beyond_them(orders: Orders) -> None:
    orders.keep_coupon(coupon(most=3))
    kept = [orders.create(order(f"order{n}", f"user-{n}", coupon="AUTUMN"), coupon()) for n in range(3)]
    orders.keep_coupon(coupon(most=1))
    orders.move(kept[2], "expired", NOON)
    with pytest.raises(Conflict, match="coupon_spent"):
        orders.create(order("order5", "user-5", coupon="AUTUMN"), coupon())
    orders.move(kept[0], "expired", NOON)
    assert orders.create(order("order6", "user-6", coupon="AUTUMN"), coupon()).id == "order6"


def test_an_erased_account_leaves_its_use_of_a_coupon_to_nobody(orders: Orders) -> None:
    orders.keep_coupon(coupon(most=2))
    orders.create(order(coupon="AUTUMN"), coupon())
    orders.erase_owner("anna")
    assert orders.coupon_uses("AUTUMN") == 1
    orders.move(orders.get("order1"), "expired", NOON)
    assert orders.coupon_uses("AUTUMN") == 0
