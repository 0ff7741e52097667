"""Coupons: what they take off, and that the last use is had by one."""

import threading
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput, Conflict
from domain.membership.coupons import check, discount, good_for, spelled
from domain.membership.model import Coupon, Order
from tests.domain.membership.market import NOON, Market
from tests.fakes_orders import MemoryOrders


@given(st.integers(1, 100), st.integers(0, 10**9))
def test_a_share_is_rounded_to_the_nearest_unit_and_never_below_nothing(percent: int, amount: int) -> None:
    off = discount(Coupon(code="A", percent=percent, most=1), amount)
    assert type(off) is int and 0 <= off <= amount
    assert abs(100 * off - amount * percent) <= 50
    assert percent < 100 or off == amount


@given(st.integers(1, 10**6), st.integers(0, 10**6))
def test_an_amount_takes_off_at_most_what_is_to_be_paid(amount: int, price: int) -> None:
    assert discount(Coupon(code="A", amount=amount, currency="USD", most=1), price) == min(amount, price)


def test_a_coupon_is_good_for_its_plan_currency_and_time() -> None:
    good_for(Coupon(code="A", percent=5, most=1), "plus", "CNY", NOON)
    for coupon, why in (
        (Coupon(code="A", percent=5, most=1, until=NOON), "coupon_over"),
        (Coupon(code="A", percent=5, most=1, plan_id="basic"), "coupon_other_plan"),
        (Coupon(code="A", amount=5, currency="USD", most=1), "coupon_other_currency"),
    ):
        with pytest.raises(Conflict, match=why):
            good_for(coupon, "plus", "CNY", NOON)


@pytest.mark.parametrize("code", ["", "  ", "a b", "x" * 41, "é", "A;--", "a\x00"])
def test_what_can_be_no_code_is_none(code: str) -> None:
    with pytest.raises(BadInput, match="coupon_unknown"):
        spelled(code)


def test_codes_are_read_as_people_type_them() -> None:
    assert spelled(" spring-26 ") == "SPRING-26"


@pytest.mark.parametrize(
    "wrong",
    [
        {"percent": 0}, {"percent": 101}, {"percent": -1}, {"percent": 5, "amount": 5, "currency": "USD"},
        {"amount": 5}, {"percent": 5, "currency": "USD"}, {"percent": 5, "most": 0}, {"amount": -5, "currency": "USD"},
    ],
)  # fmt: skip
def test_a_coupon_that_makes_no_sense_is_not_kept(wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput, match="coupon_bad"):
        check(Coupon(**{"code": "A", "most": 1, **wrong}))  # type: ignore[arg-type]


def test_of_fifty_who_want_the_last_three_three_get_them() -> None:
    orders, got, why = MemoryOrders(), [], set()
    coupon = Coupon(code="LAST", percent=10, most=3)
    orders.keep_coupon(coupon)

    def want(number: int) -> None:
        order = Order(
            id=f"order{number}", user_id=f"user{number}", kind="buy", plan_id="basic", period="month", amount=90,
            list_amount=100, discount=10, coupon="LAST", currency="USD", provider="scripted", live=True,
            created_at=NOON, expires_at=NOON + timedelta(hours=1),
        )  # fmt: skip
        try:
            got.append(orders.create(order, coupon))
        except Conflict as error:
            why.add(error.code)

    threads = [threading.Thread(target=want, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 3 and why == {"coupon_spent"} and orders.coupon_uses("LAST") == 3


@pytest.mark.anyio
async def test_a_use_comes_free_when_nobody_pays_and_an_operators_coupon_is_noted() -> None:
    market = Market()
    await market.till.keep_coupon(Coupon(code=" one ", percent=10, most=1), "operator")
    order, _ = await market.buy("basic", coupon="ONE")
    assert market.orders.coupon_uses("ONE") == 1
    await market.till.drop(market.anna, order.id)
    assert market.orders.coupon_uses("ONE") == 0
    assert market.actions() == ["coupon_kept"]
