"""Money that is being given back is not credited too, however close the two come."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import pytest

from domain.errors import Conflict
from domain.membership.model import Order
from domain.membership.till import Till
from tests.domain.membership.market import Market
from tests.fakes_provider import ScriptedProvider

pytestmark = pytest.mark.anyio


@pytest.fixture
def market() -> Market:
    return Market()


def elsewhere(work: Coroutine[Any, Any, Any]) -> None:
    """Another process does it, while this one stands still."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(work)
        except Conflict as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


def between(market: Market, point: str, work: Any) -> Till:
    """Return a till in which something is done elsewhere at a point, once."""
    left = [work]

    def reached(name: str) -> None:
        if name == point and left:
            elsewhere(left.pop()(market.open()))

    return market.open(reached)


def kept(market: Market, *orders: Order) -> int:
    """Return what we have of the provider's money."""
    books = [market.provider.books[order.id] for order in orders]
    return sum(each.amount - each.refunded for each in books if each.state != "open")


async def test_what_is_on_its_way_back_is_not_taken_off_the_price_of_an_upgrade(market: Market) -> None:
    basic = await market.paid("basic")
    market.provider.refunds_at_once = False  # as WeChat Pay's: it takes a while
    assert (await market.till.refund(basic.id, 499, "operator")).state == "refund_pending"
    plus = next(o for o in (await market.till.offers(market.anna, "USD")).options if o.plan.id == "plus")
    assert (plus.credit, plus.due) == (0, 1_299)
    order = await market.paid("plus")
    assert order.amount == 1_299
    market.provider.give_back(basic.id, 499)
    await market.hook("refunded", basic)
    assert market.state(basic) == "refunded" and market.held().plan_id == "plus"
    assert kept(market, basic, order) == 1_299


async def test_a_part_on_its_way_back_is_not_credited_and_the_rest_is(market: Market) -> None:
    basic = await market.paid("basic")
    market.provider.refunds_at_once = False
    await market.till.refund(basic.id, 200, "operator")
    plus = next(o for o in (await market.till.offers(market.anna, "USD")).options if o.plan.id == "plus")
    assert plus.credit == 299


async def test_a_refund_decided_while_an_upgrade_is_being_granted_sends_the_upgrade_back(market: Market) -> None:
    basic = await market.paid("basic")
    upgrade, _ = await market.buy("plus")
    market.provider.pay(upgrade)
    market.provider.refunds_at_once = False
    market.till = between(market, "grant:reckoned", lambda other: other.refund(basic.id, 499, "operator"))
    await market.hook("paid", upgrade)
    market.provider.give_back(basic.id, 499)
    market.provider.give_back(upgrade.id, upgrade.amount)
    await market.hook("refunded", basic)
    await market.hook("refunded", upgrade)
    assert (market.state(basic), market.state(upgrade)) == ("refunded", "refunded")
    assert market.orders.get(upgrade.id).problem == "credit_gone"
    assert kept(market, basic, upgrade) == 0 and market.entitlements.holding("anna").plan.id == "free"
    assert not sum(market.sums().values())


async def test_an_upgrade_granted_while_a_refund_is_being_decided_leaves_what_it_took_over(market: Market) -> None:
    basic = await market.paid("basic")
    market.pass_time(seconds=1)
    upgrade, _ = await market.buy("plus")
    market.provider.pay(upgrade)
    till = between(market, "refund:reckoned", lambda other: other.settle(upgrade.id))
    with pytest.raises(Conflict, match="order_state"):
        await till.refund(basic.id, 499, "operator")
    assert (market.state(basic), market.state(upgrade)) == ("granted", "granted")
    with pytest.raises(Conflict, match="refund_none"):
        await till.refund(basic.id, 499, "operator")
    assert kept(market, basic, upgrade) == 499 + upgrade.amount


class Refusing(ScriptedProvider):
    """Refuses a refund twice over: somebody else asks while the first still waits for the answer."""

    market: Market

    async def refund(self, order: Order, amount: int, key: str) -> None:
        if not self.refuses:
            self.refuses = True
            await asyncio.to_thread(elsewhere, self.market.open().settle(order.id))
        raise Conflict("refund_refused")


async def test_a_refund_that_two_ask_for_at_once_is_refused_once() -> None:
    market = Market()
    market.provider = provider = Refusing()
    provider.market, market.till = market, market.open()
    basic = await market.paid("basic")
    assert (await market.till.refund(basic.id, 499, "operator")).state == "granted"
    await market.work()
    assert market.actions().count("refund_refused") == 1 and not sum(market.sums().values())
