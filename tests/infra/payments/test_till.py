"""The till with real providers: what is paid on their pages and told by their webhooks is granted, once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from domain.membership.entitlements import Entitlements
from domain.membership.model import Membership, Order
from domain.membership.ports import Provider
from domain.membership.till import Till
from domain.people import User
from infra.clock import SystemClock
from infra.payments.sandbox import Sandbox
from infra.payments.sandbox_wire import Switch
from tests.domain.membership.market import PLANS, Market
from tests.fakes_meters import MemoryMeters
from tests.fakes_orders import MemoryOrders
from tests.infra.payments.houses import now, stripe_house, wechat_house
from tests.infra.payments.loopback import Reply, Request, serving

pytestmark = pytest.mark.anyio


class Shop(Market):
    """A market at today's date, with a provider that is asked over HTTP."""

    def __init__(self, provider: Provider) -> None:
        super().__init__()
        clock = SystemClock()
        self.orders, self.meters = MemoryOrders(), MemoryMeters()
        self.entitlements = Entitlements(PLANS, self.orders, self.role_of, self.meters, clock)
        self.till = Till(
            self.orders, self.entitlements, {provider.name: provider}, self.accounts, self.diary, self.letters, clock,
            "https://parley.test",
        )  # fmt: skip

    async def bought(self, plan: str = "plus", user: User | None = None, **more: Any) -> Order:
        order, _ = await self.buy(plan, "month", "", user, **more)
        return order

    async def until(self, done: Callable[[], bool]) -> None:
        """Work until something is so: webhooks come when they come."""
        async with asyncio.timeout(30):
            while not done():
                await self.till.work()
                await asyncio.sleep(0.02)

    def sum(self) -> int:
        return sum(self.orders.balance().values())


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[tuple[Sandbox, Shop]]:
    loop = asyncio.get_running_loop()

    def take(request: Request) -> Reply:
        """Hand a webhook to the till, in the loop of the test."""
        waits = asyncio.run_coroutine_threadsafe(shop.till.receive("sandbox", request.headers, request.body), loop)
        status, body, kind = waits.result(30)
        return status, body, {"Content-Type": kind}

    with serving(take) as address:
        provider = Sandbox(tmp_path / "sandbox", f"{address}/payments/sandbox/webhook", now)
        shop = Shop(provider)
        yield provider, shop
        await provider.close()


def membership(shop: Shop) -> Membership:
    there = shop.membership()
    assert there is not None
    return there


async def test_what_is_paid_in_the_sandbox_is_granted(sandbox: tuple[Sandbox, Shop]) -> None:
    provider, shop = sandbox
    order = await shop.bought("basic")
    assert shop.membership() is None
    await provider.press("pay", order.id)
    await shop.until(lambda: shop.state(order) == "granted")
    there = membership(shop)
    assert (there.plan_id, there.renews, there.provider) == ("basic", True, "sandbox")
    assert there.subscription.startswith("sub_")
    assert shop.sum() == 0


@pytest.mark.parametrize("switches", [{"doubled": 1}, {"reversed": 1}, {"late": 1}, {"doubled": 1, "reversed": 1}])
async def test_however_events_come_the_end_is_the_same(
    sandbox: tuple[Sandbox, Shop], switches: dict[Switch, int]
) -> None:
    provider, shop = sandbox
    order = await shop.bought("basic")
    await provider.press("pay", order.id, switches)
    await provider.press("later", order.id)
    await shop.until(lambda: [each.state for each in shop.orders.of("anna")] == ["granted", "granted"])
    await shop.till.refund(order.id, 100, "operator")
    await shop.until(lambda: shop.state(order) == "part_refunded")
    assert shop.sums() == {"clearing": 2 * 499 - 100, "revenue": -2 * 499, "refunds": 100}
    assert len(shop.orders.of("anna")) == 2


async def test_without_any_event_the_page_one_comes_back_to_asks_the_books(sandbox: tuple[Sandbox, Shop]) -> None:
    provider, shop = sandbox
    order = await shop.bought("basic")
    await provider.press("pay", order.id, {"silent": 1})
    assert (await shop.till.look(shop.anna, order.id)).state == "granted"


@pytest.mark.parametrize("switch", ["wrong_amount", "wrong_currency", "wrong_account", "other_mode"])
async def test_a_payment_that_does_not_match_grants_nothing(sandbox: tuple[Sandbox, Shop], switch: Switch) -> None:
    provider, shop = sandbox
    order = await shop.bought("basic")
    await provider.press("pay", order.id, {switch: 1})
    await shop.until(lambda: shop.state(order) == "failed")
    assert shop.membership() is None
    assert "payment_mismatch" in shop.actions()
    assert shop.orders.balance() == {}


async def test_renewals_their_failing_cancelling_and_going_on(sandbox: tuple[Sandbox, Shop]) -> None:
    provider, shop = sandbox
    order = await shop.bought("basic")
    await provider.press("pay", order.id)
    await shop.until(lambda: shop.state(order) == "granted")
    first = membership(shop)
    await provider.press("later", order.id)
    await shop.until(lambda: membership(shop).until > first.until)
    await shop.till.cancel(shop.anna)
    assert not membership(shop).renews
    await shop.till.resume(shop.anna)
    await provider.press("switch", "", {"renewals_fail": 1})
    await provider.press("later", order.id)
    await shop.until(lambda: membership(shop).grace_until is not None)
    await provider.press("switch", "", {"renewals_fail": 0})
    await provider.press("later", order.id)
    await shop.until(lambda: membership(shop).grace_until is None)
    await shop.till.cancel(shop.anna)
    await provider.press("later", order.id)
    await shop.until(lambda: not membership(shop).renews)
    assert shop.sum() == 0


async def test_a_higher_plan_takes_over_and_the_old_subscription_ends(sandbox: tuple[Sandbox, Shop]) -> None:
    provider, shop = sandbox
    order = await shop.bought("basic")
    await provider.press("pay", order.id)
    await shop.until(lambda: shop.state(order) == "granted")
    old = membership(shop).subscription
    upgrade = await shop.bought("plus")
    assert upgrade.credit > 0
    await provider.press("pay", upgrade.id)
    await shop.until(lambda: shop.state(upgrade) == "granted")
    await shop.until(lambda: membership(shop).subscription != old)
    await provider.press("later", order.id)  # what was cancelled ends, and the new one does not
    await provider.press("later", upgrade.id)
    await shop.until(lambda: len(shop.orders.of("anna")) == 3)
    assert membership(shop).plan_id == "plus" and membership(shop).renews
    assert shop.sum() == 0


async def test_disputes_take_the_plan_and_winning_gives_it_back(sandbox: tuple[Sandbox, Shop]) -> None:
    provider, shop = sandbox
    order = await shop.bought("basic")
    await provider.press("pay", order.id)
    await shop.until(lambda: shop.state(order) == "granted")
    await provider.press("dispute", order.id)
    await shop.until(lambda: shop.state(order) == "disputed")
    await provider.press("dispute_won", order.id)
    await shop.until(lambda: shop.state(order) == "granted")
    assert shop.sum() == 0


async def test_what_is_given_up_cannot_be_paid_any_more(sandbox: tuple[Sandbox, Shop]) -> None:
    provider, shop = sandbox
    order = await shop.bought("basic")
    await shop.till.drop(shop.anna, order.id)
    with contextlib.suppress(Exception):
        await provider.press("pay", order.id)
    assert shop.state(order) in ("cancelled", "expired")
    assert (await provider.state(order)).state == "expired"


async def test_stripes_checkout_renewal_and_refund_by_its_events() -> None:
    async with stripe_house() as house:
        shop = Shop(house.provider)

        async def tell(kind: str, order: Order, **other: Any) -> None:
            answer = await shop.till.receive("stripe", *house.signer.event(kind, order, now(), **other))
            assert answer[0] == 200

        order = await shop.bought("basic")
        house.api.pay(order.provider_ref)
        await tell("paid", order)
        await shop.until(lambda: shop.state(order) == "granted")
        bill = house.api.renew(membership(shop).subscription)
        await tell("renewed", order, ref=bill, subscription=membership(shop).subscription, amount=499)
        await shop.until(lambda: len(shop.orders.of("anna")) == 2)
        renewal = next(each for each in shop.orders.of("anna") if each.kind == "renew")
        await shop.until(lambda: shop.state(renewal) == "granted")
        # Somebody gives the renewal back in Stripe's dashboard: the event names a payment only.
        intent = house.api.intent_of(bill)
        house.api.things[intent]["latest_charge"]["amount_refunded"] = 499
        await tell("refunded", renewal, intent=intent, named=False, amount=499)
        await shop.until(lambda: shop.state(renewal) == "refunded")
        assert shop.state(order) == "granted"
        assert shop.sum() == 0


async def test_wechat_pays_code_and_its_refund() -> None:
    async with wechat_house() as house:
        shop = Shop(house.provider)
        order, checkout = await shop.buy("basic", currency="CNY")
        assert checkout.qr.startswith("weixin://")
        house.api.pay(order.id)
        await shop.till.receive("wechat", *house.signer.event("paid", order, now()))
        await shop.until(lambda: shop.state(order) == "granted")
        assert not membership(shop).renews
        await shop.till.refund(order.id, 100, "operator")
        await shop.until(lambda: shop.state(order) == "part_refunded")
        await shop.till.refund(order.id, order.amount - 100, "operator")
        await shop.until(lambda: shop.state(order) == "refunded")
        assert sorted(house.api.refunds) == [f"{order.id}-0", f"{order.id}-100"]
        assert shop.sum() == 0
