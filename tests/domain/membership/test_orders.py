"""The table of states, and events: doubled, late, in every order, many at once, and a program killed at every step."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import permutations
from typing import Any, get_args

import msgspec
import pytest

from domain.errors import Conflict
from domain.membership.model import Order, OrderState
from domain.membership.months import month_after
from domain.membership.orders import GOING, MOVES, may
from domain.membership.till import FAIL_POINTS, Till
from tests.domain.membership.market import NOON, Market
from tests.fakes_provider import SIGNED

pytestmark = pytest.mark.anyio


def test_the_table_knows_every_state_and_nothing_is_granted_that_was_not_paid() -> None:
    assert set(MOVES) == set(get_args(OrderState))
    assert all(ways <= set(MOVES) for ways in MOVES.values())
    assert {state for state in MOVES if may(state, "granted")} == {"paid", "refund_pending", "disputed"}
    assert MOVES["refunded"] == frozenset()
    assert all(MOVES[state] for state in GOING)


class QuickTill(Till):
    async def _do(self, work: Any, *args: Any, **kwargs: Any) -> Any:
        return work(*args, **kwargs)


def quick(market: Market, fail_point: Callable[[str], None] = lambda _: None) -> Market:
    market.till = QuickTill(
        market.orders, market.entitlements, {"scripted": market.provider}, market.accounts, market.diary,
        market.letters, market.clock, fail_point=fail_point,
    )  # fmt: skip
    return market


async def six(market: Market) -> tuple[Order, list[bytes]]:
    """Return an order that was paid, renewed, failed to renew, refunded in part and disputed in vain, all untold."""
    order, _ = await market.buy("basic")
    provider, at = market.provider, market.clock.now()
    provider.pay(order)
    card = f"sub_{order.id}"
    told = [provider.event("paid", order, at, ref=f"cs_{order.id}")]
    provider.give_back(order.id, 100)
    told.append(provider.event("refunded", order, at, amount=100))
    provider.dispute(order.id)
    told.append(provider.event("disputed", order, at))
    provider.dispute(order.id, won=True)
    told.append(provider.event("dispute_won", order, at))
    told.append(provider.event("renewal_failed", order, at, subscription=card))
    ref = provider.renew(card)
    told.append(provider.event("renewed", order, at, subscription=card, ref=ref))
    return order, told


def outcome(market: Market, first: Order) -> Any:
    """Return all that matters, by names that are the same in every run."""
    names = {first.id: "first"}
    orders = sorted(market.orders.book.orders.values(), key=lambda o: (o.kind, o.provider_ref))
    states = [(o.kind, o.state, o.refunded, o.from_, o.to, o.plan_id) for o in orders]
    there = market.held()
    membership = (there.plan_id, there.since, there.until, there.renews, there.grace_until)
    return states, membership, market.sums(), len(names), sorted(market.kinds())


async def test_all_orders_of_six_webhooks_end_in_the_same_state() -> None:
    ends = []
    for order_of in permutations(range(6)):
        market = quick(Market())
        order, told = await six(market)
        for number in order_of:
            await market.till.receive("scripted", SIGNED, told[number])
            await market.work()  # each is worked on before the next comes
        ends.append(outcome(market, order))
    assert len(ends) == 720 and all(end == ends[0] for end in ends)
    states, membership, sums, _, mails = ends[0]
    assert [state[:3] for state in states] == [("buy", "part_refunded", 100), ("renew", "granted", 0)]
    assert membership == ("basic", NOON, month_after(NOON, 2), True, None)
    assert sums == {"clearing": 2 * 499 - 100, "refunds": 100, "revenue": -2 * 499}
    assert mails == ["receipt", "receipt", "refunded"]


async def test_all_orders_of_six_webhooks_told_twice_and_late_end_in_the_same_state() -> None:
    ends = []
    for order_of in list(permutations(range(6)))[::7]:
        market = quick(Market())
        order, told = await six(market)
        for number in order_of:
            await market.till.receive("scripted", SIGNED, told[number])
        for number in reversed(order_of):
            await market.till.receive("scripted", SIGNED, told[number])
        await market.work()
        ends.append(outcome(market, order))
    assert all(end == ends[0] for end in ends)


async def test_the_same_webhook_a_hundred_times_at_once_has_one_effect() -> None:
    market = Market()
    order, _ = await market.buy("basic")
    market.provider.pay(order)
    body = market.provider.event("paid", order, market.clock.now())
    answers = await asyncio.gather(*(market.till.receive("scripted", SIGNED, body) for _ in range(100)))
    assert set(answers) == {(200, b"thanks", "text/plain")}
    assert len(market.orders.book.jobs) == 1
    await asyncio.gather(*(market.till.work() for _ in range(10)), *(market.till.settle(order.id) for _ in range(30)))
    await market.work()
    assert market.orders.get(order.id).receipt == 1 and market.orders.book.receipts == 1
    assert market.sums() == {"clearing": 499, "revenue": -499}
    assert market.actions().count("membership_granted") == 1 and market.kinds() == ["receipt"]
    assert market.held().until == month_after(NOON, 1)


class Killed(BaseException):
    pass


def dies_at(point: str, alive: threading.Event) -> Callable[[str], None]:
    def fail(name: str) -> None:
        if name == point and not alive.is_set():
            alive.set()
            raise Killed(name)

    return fail


async def a_life(market: Market) -> None:
    """Everything that can happen to a customer, so that every step is made; whoever dies is started again."""
    market.orders.book.orders.clear()
    steps: list[Callable[[], Any]] = [
        lambda: market.buy("basic"),
        lambda: pay(market, "basic"),
        lambda: market.buy("plus"),
        lambda: pay(market, "plus"),
        lambda: market.till.change(market.anna, "basic", "month", "", "en", "/"),
        lambda: market.till.resume(market.anna),
        lambda: market.till.cancel(market.anna),
        lambda: market.till.resume(market.anna),
        lambda: renew(market),
        lambda: dispute(market),
        lambda: dispute(market, True),
        lambda: give_back(market),
        lambda: expire(market),
        lambda: give_up(market),
        lambda: pay_wrong(market),
        lambda: pay_late(market),
        lambda: end(market, 70),
        lambda: market.buy("basic"),
        lambda: pay(market, "basic"),
        lambda: end(market, 32),
        lambda: end(market, 5),
    ]
    for step in steps:
        market.pass_time(seconds=5)
        for _ in range(2):
            try:
                await step()
                await market.work()
                break
            except Killed:  # the next program finds what there is, does what is due, and the person tries again
                market.pass_time(seconds=61)
                await market.work()
                await market.till.reconcile()
                market.pass_time(seconds=61)
                await market.work()


def newest(market: Market, kind: str, *states: str) -> Order:
    found = [o for o in market.orders.of("anna", 100) if o.kind == kind and (not states or o.state in states)]
    return found[0]


async def pay(market: Market, plan: str) -> None:
    order = next(o for o in market.orders.of("anna") if o.plan_id == plan and o.kind != "renew")
    if market.provider.books[order.id].state == "open":
        market.provider.pay(order)
    await market.tell("paid", order)


async def give_back(market: Market) -> None:
    """Pressed twice it is done once."""
    with suppress(Conflict):
        await market.till.refund(newest(market, "upgrade").id, 100, "operator", seen=0)


async def renew(market: Market) -> None:
    order = newest(market, "upgrade")
    card = market.provider.cards[f"sub_{order.id}"]
    ref = card.renewals[0] if card.renewals else market.provider.renew(f"sub_{order.id}")
    await market.tell("renewed", order, ref=ref, subscription=f"sub_{order.id}")


async def dispute(market: Market, won: bool = False) -> None:
    order = newest(market, "upgrade")
    market.provider.dispute(order.id, won)
    await market.tell("dispute_won" if won else "disputed", order)


async def expire(market: Market) -> None:
    if not any(o.state == "expired" for o in market.orders.of("anna", 100)):
        order, _ = await market.buy("plus", "year")
        market.provider.expire(order.id)
        await market.tell("expired", order)


async def give_up(market: Market) -> None:
    order, _ = await market.buy("plus", "year")
    market.provider.away = False
    withdraw = market.provider.withdraw
    market.provider.withdraw = lambda _: asyncio.sleep(0)  # type: ignore[method-assign,assignment]
    try:
        await market.till.drop(market.anna, order.id)
    finally:
        market.provider.withdraw = withdraw  # type: ignore[method-assign]


async def pay_wrong(market: Market) -> None:
    if not any(o.state == "failed" for o in market.orders.of("anna", 100)):
        order, _ = await market.buy("plus", "year")
        if market.provider.books[order.id].state == "open":
            market.provider.pay(order, amount=1)
        await market.tell("paid", order)


async def pay_late(market: Market) -> None:
    """An upgrade that is paid after it was over goes back."""
    if not any(o.problem == "credit_gone" for o in market.orders.of("anna", 100)):
        order, _ = await market.buy("plus", "year")
        market.pass_time(hours=2)
        await market.till.reconcile()
        if market.provider.books[order.id].state == "open":
            market.provider.pay(order)
        await market.tell("paid", order)


async def end(market: Market, days: int) -> None:
    market.pass_time(days=days)
    await market.till.reconcile()


def life_of(market: Market) -> Any:
    granted = [o for o in market.orders.of("anna", 100) if o.receipt]
    assert sorted(o.receipt or 0 for o in granted) == list(range(1, len(granted) + 1))
    assert sum(market.sums().values()) == 0
    given = sorted((o.kind, o.plan_id, o.period, o.state, o.refunded) for o in granted)
    charged = [card for card in market.provider.cards.values() if not card.cancelled]
    return given, market.membership(), market.orders.book.jobs, charged


async def test_killed_at_any_step_it_ends_as_if_nothing_had_happened() -> None:
    seen: set[str] = set()
    whole = quick(Market(), lambda name: seen.add(name))
    await a_life(whole)
    expected = life_of(whole)
    assert set(FAIL_POINTS) - seen == set(), "a life passes every point"
    assert seen - set(FAIL_POINTS) == set(), "every point is listed"
    for point in FAIL_POINTS:
        died = threading.Event()
        market = quick(Market(), dies_at(point, died))
        await a_life(market)
        market.pass_time(hours=1)
        await market.till.reconcile()
        await market.work()
        assert died.is_set(), point
        assert life_of(market) == expected, point
        for order in market.orders.of("anna", 100):
            books = market.provider.books.get(order.id) or market.provider.books.get(order.provider_ref)
            if books is not None and books.state in ("paid", "part_refunded") and books.amount == order.due:
                assert order.receipt, (point, order)


def test_events_and_books_are_plain_data() -> None:
    market = Market()
    order = Order(
        id="a", user_id="anna", kind="buy", plan_id="basic", period="month", amount=1, currency="USD", list_amount=1,
        provider="scripted", live=True, created_at=NOON, expires_at=NOON,
    )  # fmt: skip
    body = market.provider.event("paid", order, NOON)
    assert msgspec.json.decode(body)["order_id"] == "a"
