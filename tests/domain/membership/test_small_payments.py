"""No provider takes a payment of a few cents: what is to be paid is nothing, or a payment that can be made."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.membership.model import Coupon
from domain.membership.months import month_after
from domain.membership.offers import parts
from tests.domain.membership.market import Market

LEAST = 50
CENTS = st.integers(0, 2_000)


@pytest.fixture
def market() -> Market:
    market = Market()
    market.provider.least = {"USD": LEAST, "CNY": 500}
    return market


@given(st.integers(LEAST, 2_000), CENTS, CENTS)
def test_what_is_to_be_paid_is_nothing_or_can_be_paid_and_nobody_pays_more_than_that_for_it(
    price: int, left: int, off: int
) -> None:
    off = min(off, price - min(left, price))
    taken, taken_off = parts(price, left, off, LEAST)
    paid, usual = price - taken - taken_off, price - min(left, price) - off
    assert 0 <= taken <= left and taken_off >= off and (paid == 0 or paid >= LEAST)
    if usual == 0 or usual >= LEAST:
        assert (taken, taken_off) == (min(left, price), off)
    else:
        assert paid in (0, LEAST)


@pytest.mark.anyio
async def test_of_an_upgrade_that_costs_a_few_cents_the_least_is_paid_and_the_rest_is_time(market: Market) -> None:
    for _ in range(3):  # three months of Basic, bought one after the other: 14.97, more than a month of Plus
        order = await market.paid("basic")
        await market.till.cancel(market.anna)
        market.pass_time(seconds=1)
    market.pass_time(days=13)
    plus = next(o for o in (await market.till.offers(market.anna, "USD")).options if o.plan.id == "plus")
    left = plus.credit + plus.beyond
    assert 0 < 1_299 - left < LEAST and plus.due == LEAST and plus.beyond == left + LEAST - 1_299

    again, _ = await market.buy("plus")
    order = await market.paid("plus")
    assert (order.id, order.amount, order.credit) == (again.id, LEAST, 1_299 - LEAST)  # two clicks are one order
    month = month_after(market.clock.now(), 1) - market.clock.now()
    assert order.to is not None and order.from_ is not None
    assert order.to - order.from_ == month + month // timedelta(seconds=1) * plus.beyond // 1_299 * timedelta(seconds=1)
    assert market.held().renews and not sum(market.sums().values())


@pytest.mark.anyio
async def test_a_coupon_that_leaves_a_few_cents_takes_those_off_too(market: Market) -> None:
    market.orders.keep_coupon(Coupon(code="NEARLY", percent=95, most=9))
    basic = next(o for o in (await market.till.offers(market.anna, "USD", "NEARLY")).options if o.plan.id == "basic")
    assert (basic.due, basic.discount, basic.renews) == (0, 499, False)
    order = await market.paid("basic", coupon="NEARLY")
    assert (order.state, order.due, order.provider) == ("granted", 0, "house")
    assert market.sums() == {"discounts": 499, "revenue": -499}
    yearly, _ = await market.buy("basic", "year", user=market.person("bert"), coupon="NEARLY")
    assert (yearly.due, yearly.discount) == (249, 4_741)  # enough to be taken
