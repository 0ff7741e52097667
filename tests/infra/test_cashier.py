"""The till's loop: a webhook is worked on at once, and whoever starts next finishes what was left."""

import asyncio
from collections.abc import Callable

import pytest

from domain.errors import Unavailable
from infra.cashier import Cashier
from tests.domain.membership.market import Market

pytestmark = pytest.mark.anyio


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_a_webhook_wakes_it_although_it_would_look_only_in_an_hour() -> None:
    market = Market()
    order, _ = await market.buy("basic")
    market.pass_time(seconds=1)
    cashier = Cashier(market.till, look_s=3_600, reconcile_s=3_600)
    cashier.start()
    await until(lambda: "state" in market.provider.asked)  # the reconciler has looked; it will not look again
    market.provider.pay(order)
    await market.tell("paid", order)
    await until(lambda: market.state(order) == "granted" and market.kinds() == ["receipt"])
    await until(lambda: market.orders.book.jobs == {})
    await cashier.stop()


async def test_who_starts_finishes_what_was_left_without_any_event() -> None:
    market = Market()
    order, _ = await market.buy("basic")
    market.pass_time(seconds=1)
    market.provider.pay(order)
    cashier = Cashier(market.open(), look_s=3_600, reconcile_s=3_600)
    cashier.start()
    await until(lambda: market.state(order) == "granted")
    await cashier.stop()


async def test_waking_it_before_and_after_it_runs_does_nothing() -> None:
    cashier = Cashier(Market().till)
    cashier.wake()
    cashier.start()
    await cashier.stop()
    cashier.wake()


async def test_a_store_that_is_away_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    market, asked = Market(), 0

    def away(*_: object) -> list[object]:
        nonlocal asked
        asked += 1
        raise Unavailable("store_unavailable")

    monkeypatch.setattr("infra.cashier.AWAY_S", 0.001)
    monkeypatch.setattr(market.orders, "jobs", away)
    cashier = Cashier(market.till, look_s=0.001, reconcile_s=3_600)
    cashier.start()
    await until(lambda: asked > 3)
    await cashier.stop()
