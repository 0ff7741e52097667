"""Whatever people, providers, timers and crashes do, in any order: the money is right in the end, and accounted for.

A machine of random steps: orders, payments right and wrong, webhooks doubled, late, reversed or of another mode,
refunds by us and by hand at the provider, disputes, renewals, time that passes, programs that die between two steps.
"""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, Literal

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.errors import ParleyError
from domain.membership.model import Coupon, Order
from domain.membership.months import DAY, month_after
from domain.membership.orders import GIVING, LATE, may, mismatch
from domain.membership.proration import stretch, until, unused
from domain.membership.taking_over import gone_time
from domain.membership.till import Till
from tests.domain.membership.market import BACK, Market
from tests.fakes_provider import SIGNED

MOST = 2  # uses of the coupon
PEOPLE = st.sampled_from(["anna", "bert"])
PLANS = st.sampled_from(["basic", "plus"])
PERIODS = st.sampled_from(["month", "year"])
ANY = st.integers(0, 10_000)


class Killed(BaseException):
    """kill -9."""


class QuickTill(Till):
    """Without threads: the machine makes many steps, one at a time."""

    async def _do(self, work: Any, *args: Any, **kwargs: Any) -> Any:
        return work(*args, **kwargs)


class Bazaar(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.market = Market()
        self.people = {name: self.market.person(name) for name in ("anna", "bert")}
        self.mail: list[bytes] = []  # webhooks that the provider has written
        self.fuse = 0
        self.moves: list[tuple[str, str]] = []
        self.market.orders.keep_coupon(Coupon(code="HALF", percent=50, most=MOST, once_each=False))
        self._watch()
        self._open()

    def teardown(self) -> None:
        try:
            self._quiet()
            self._all_is_right()
        finally:
            self.loop.close()

    # -- how it is driven --------------------------------------------------------------------------

    def _open(self) -> None:
        m = self.market
        m.till = QuickTill(
            m.orders, m.entitlements, {m.provider.name: m.provider}, m.accounts, m.diary, m.letters, m.clock,
            fail_point=self._point,
        )  # fmt: skip

    def _watch(self) -> None:
        """Every move goes through the table."""
        move = self.market.orders.move

        def watched(order: Order, state: Any, now: Any, /, **kwargs: Any) -> bool:
            assert may(order.state, state), (order.state, state)
            return move(order, state, now, **kwargs)

        self.market.orders.move = watched  # type: ignore[method-assign]

    def _point(self, name: str) -> None:
        if self.fuse:
            self.fuse -= 1
            if not self.fuse:
                raise Killed(name)

    def _do(self, story: Coroutine[Any, Any, Any]) -> Any:
        """A second passes, and then it happens, is refused, or the program dies in the middle of it."""
        self.market.pass_time(seconds=1)
        try:
            return self.loop.run_until_complete(story)
        except ParleyError:
            return None
        except Killed:
            self._open()
            return None

    def _orders(self) -> list[Order]:
        return sorted(self.market.orders.book.orders.values(), key=lambda o: (o.created_at, o.id))

    def _places(self, *states: str) -> list[str]:
        return [name for name, books in self.market.provider.books.items() if books.state in states]

    def _first_of(self, place: str) -> Order:
        """Return the order that a payment at the provider belongs to, or began its subscription."""
        card = self.market.provider.cards.get(self.market.provider.books[place].subscription)
        return self.market.orders.get(card.order_id if card is not None and place.startswith("in_") else place)

    def _tell(self, kind: str, place: str, **other: Any) -> None:
        books = self.market.provider.books[place]
        first = self._first_of(place)
        ref = place if place.startswith("in_") else first.provider_ref if kind == "paid" else ""
        told = {"ref": ref, "subscription": books.subscription, **other}
        self.mail.append(self.market.provider.event(kind, first, self.market.clock.now(), **told))

    # -- what people do ----------------------------------------------------------------------------

    @initialize(plan=PLANS, period=PERIODS)
    def the_first_customer(self, plan: str, period: Literal["month", "year"]) -> None:
        self.buy("anna", plan, period, False)
        self.pay(0, False)

    @rule(who=PEOPLE, plan=PLANS, period=PERIODS, reduced=st.booleans())
    def buy(self, who: str, plan: str, period: Literal["month", "year"], reduced: bool) -> None:
        user, coupon = self.people[who], "HALF" if reduced else ""
        self._do(self.market.till.buy(user, plan, period, "USD", coupon, "en", BACK))

    @rule(who=PEOPLE, plan=PLANS, period=PERIODS)
    def change(self, who: str, plan: str, period: Literal["month", "year"]) -> None:
        self._do(self.market.till.change(self.people[who], plan, period, "", "en", BACK))

    @rule(who=PEOPLE, plan=PLANS, period=PERIODS, told=st.booleans())
    def buy_and_pay(self, who: str, plan: str, period: Literal["month", "year"], told: bool) -> None:
        self.buy(who, plan, period, False)
        self.market.pass_time(hours=5)
        for place in self._places("open"):
            self.pay(self._places("open").index(place), False)
            if told:
                self._do(self.market.till.receive("scripted", SIGNED, self.mail[-1]))
        self.work()

    @precondition(lambda self: self._orders())
    @rule(which=ANY, share=st.sampled_from([1, 3, 100]))
    def give_back_by_the_operator(self, which: int, share: int) -> None:
        orders = self._orders()
        order = orders[which % len(orders)]
        self._do(self.market.till.refund(order.id, max(1, order.due * share // 100), "operator"))

    @rule(who=PEOPLE, back=st.booleans())
    def cancel_or_resume(self, who: str, back: bool) -> None:
        till, user = self.market.till, self.people[who]
        self._do(till.resume(user) if back else till.cancel(user))

    @precondition(lambda self: self._places("open"))
    @rule(which=ANY, same_card=st.booleans())
    def pay(self, which: int, same_card: bool) -> None:
        places = self._places("open")
        if places:
            order = self.market.orders.get(places[which % len(places)])
            self.market.provider.pay(order, "one-card" if same_card else f"card-of-{order.user_id}")
            self._tell("paid", order.id)

    @precondition(lambda self: self._places("open"))
    @rule(which=ANY, wrong=st.sampled_from([{"amount": 1}, {"currency": "CNY"}, {"account": "other"}, {"live": False}]))
    def pay_wrong(self, which: int, wrong: dict[str, Any]) -> None:
        places = self._places("open")
        order = self.market.orders.get(places[which % len(places)])
        self.market.provider.pay(order, **wrong)
        self._tell("paid", order.id)

    @rule(which=ANY)
    def drop(self, which: int) -> None:
        mine = [o for o in self._orders() if o.state in ("created", "pending") and o.user_id]
        if mine:
            order = mine[which % len(mine)]
            self._do(self.market.till.drop(self.people[order.user_id], order.id))

    # -- what the provider does --------------------------------------------------------------------

    @precondition(lambda self: self.mail)
    @rule(which=ANY, wrong=st.sampled_from([{}, {}, {}, {"live": False}, {"amount": 7}, {"account": "other"}]))
    def deliver(self, which: int, wrong: dict[str, Any]) -> None:
        """Any of them, at any time, as often as it likes; sometimes one that is not about our order."""
        body = self.mail[which % len(self.mail)]
        if wrong:
            told = msgspec.json.decode(body)
            body = msgspec.json.encode({**told, "id": f"{told['id']}x", **wrong})
        self._do(self.market.till.receive("scripted", SIGNED, body))

    @rule(which=ANY)
    def take_the_next_payment(self, which: int) -> None:
        cards = [name for name, card in self.market.provider.cards.items() if not card.cancelled]
        if cards:
            name = cards[which % len(cards)]
            due = self.market.orders.by_subscription("scripted", name)
            if due is None or due.until - self.market.clock.now() < 2 * DAY:
                self._tell("renewed", self.market.provider.renew(name))

    @rule(which=ANY)
    def say_that_it_failed(self, which: int) -> None:
        if cards := sorted(self.market.provider.cards):
            name = cards[which % len(cards)]
            self._tell("renewal_failed", self.market.provider.cards[name].order_id, subscription=name)

    @precondition(lambda self: self._places("paid", "part_refunded"))
    @rule(which=ANY, part=st.integers(1, 20_000))
    def give_back_by_hand(self, which: int, part: int) -> None:
        places = self._places("paid", "part_refunded")
        place = places[which % len(places)]
        books = self.market.provider.books[place]
        left = books.amount - books.refunded
        if left > 0:
            self.market.provider.give_back(place, min(part, left))
            self._tell("refunded", place)

    @precondition(lambda self: self._places("paid", "part_refunded", "disputed"))
    @rule(which=ANY)
    def dispute_or_win(self, which: int) -> None:
        places = [place for place in self._places("paid", "part_refunded", "disputed")
                  if self.market.provider.books[place].amount]  # fmt: skip
        if places:
            place = places[which % len(places)]
            won = self.market.provider.books[place].state == "disputed"
            self.market.provider.dispute(place, won)
            self._tell("dispute_won" if won else "disputed", place)

    @rule(away=st.booleans())
    def go_away_or_come_back(self, away: bool) -> None:
        self.market.provider.away = away

    # -- time and death ----------------------------------------------------------------------------

    @rule(hours=st.sampled_from([0, 0, 1, 3, 24, 24 * 7, 24 * 27, 24 * 40]))
    def work_and_reconcile(self, hours: int) -> None:
        self.market.pass_time(hours=hours, minutes=1)
        self._do(self.market.till.work())
        self._do(self.market.till.reconcile())

    @rule()
    def work(self) -> None:
        self._do(self.market.till.work())

    @rule(steps=st.integers(1, 8))
    def light_a_fuse(self, steps: int) -> None:
        self.fuse = steps

    # -- what always holds -------------------------------------------------------------------------

    @invariant()
    def the_books_sum_to_zero(self) -> None:
        assert sum(self.market.sums().values()) == 0

    @invariant()
    def receipts_have_no_gaps_and_one_grant_each(self) -> None:
        numbers = sorted(order.receipt for order in self._orders() if order.receipt is not None)
        assert numbers == list(range(1, len(numbers) + 1))
        assert all((order.receipt is None) is (order.granted_at is None) for order in self._orders())

    @invariant()
    def no_coupon_is_used_too_often(self) -> None:
        assert self.market.orders.coupon_uses("HALF") <= MOST

    @invariant()
    def credit_is_never_more_than_was_paid_before(self) -> None:
        granted = sorted((o for o in self._orders() if o.receipt), key=lambda o: o.receipt or 0)
        for place, order in enumerate(granted):
            paid = sum(other.due for other in granted[:place] if other.user_id == order.user_id)
            assert order.credit <= paid

    # -- and what holds in the end ------------------------------------------------------------------

    def _order_at(self, place: str) -> Order | None:
        found = (o for o in self._orders() if place in (o.id, o.provider_ref))
        return next(found, None)

    def _quiet(self) -> None:
        """Everything is told that was not, and done that was left."""
        self.fuse, self.market.provider.away = 0, False
        for body in self.mail:
            self._do(self.market.till.receive("scripted", SIGNED, body))
        for _ in range(60):
            self.market.pass_time(minutes=2)
            while self._do(self.market.till.work()):
                pass
            self._do(self.market.till.reconcile())
        assert self.market.orders.book.jobs == {}, "jobs are left"

    def _all_is_right(self) -> None:
        clearing = 0
        for place, books in self.market.provider.books.items():
            order = self._order_at(place)
            if order is None:
                assert books.state in ("open", "expired")
                continue
            expected = self._expected(order, place)
            assert order.state in expected, (order, books, expected)
            written = self.market.orders.transactions(order.id)
            booked = sum(e.amount for t in written for e in t.entries if e.account == "clearing")
            if order.receipt or order.state in ("refunded", "disputed"):
                there = 0 if books.state == "disputed" else books.amount - books.refunded
                assert booked == there, (order, books, written)
                clearing += there
            else:
                assert booked == 0, (order, books, written)
        assert self.market.sums().get("clearing", 0) == clearing
        assert sum(self.market.sums().values()) == 0
        for name in self.people:
            self._time_is_right(name)
        self._nobody_is_charged_for_nothing()

    def _expected(self, order: Order, place: str) -> set[str]:
        books = self.market.provider.books[place]
        if books.state == "open":
            return {"pending", "created", "expired"}
        if books.state == "expired":
            return {"expired", "cancelled"}
        told = books if place == order.id else type(books)(**{**_fields(books), "order_id": order.id})
        if not order.due:
            return {"granted", "failed"}
        if mismatch(order, told):
            return {"failed"}
        return {"granted" if books.state == "paid" else books.state}

    def _time_is_right(self, name: str) -> None:
        """Nobody has less time than was paid for, and what an upgrade replaced is in its credit or its time."""
        orders, now = self.market.orders.of(name, 1_000), self.market.clock.now()
        granted = sorted((o for o in orders if o.receipt and o.state in GIVING), key=lambda o: o.granted_at or now)
        for order in granted:
            assert order.from_ is not None and order.to is not None
            if not order.trial_days and not any(e[0] == order.id for e in self._taken_once()):
                least = month_after(order.from_, 1 if order.period == "month" else 12) - 3 * DAY  # of another anchor
                assert order.to >= least
        membership = self.market.orders.membership(name)
        if membership is not None:
            mine = stretch(orders, membership.since)
            taken = {o.id for o in orders if o.state == "disputed"}
            if taken.isdisjoint(o.id for o in mine):
                end = until(mine, membership.since, {}) - gone_time(mine, orders, taken)
                assert membership.until == max(membership.since, end)
        for order in granted:
            self._replaced(order, orders)

    def _taken_once(self) -> list[tuple[str, str]]:
        """Orders that a bank has had: what is left of those begins anew."""
        ids = self.market.orders.book.transactions
        return [(id_.split(":")[1], id_) for id_ in ids if id_.startswith("dispute:")]

    def _replaced(self, order: Order, orders: list[Order]) -> None:
        if order.from_ != order.granted_at or order.kind != "upgrade" or order.granted_at is None:
            return
        earlier = [o for o in orders if o.receipt and o.receipt < (order.receipt or 0)]
        begun = [o.granted_at for o in earlier if o.granted_at and o.from_ == o.granted_at]
        replaced = order.problem == LATE or any(moment > order.created_at for moment in begun)
        at = order.granted_at if replaced else order.created_at
        if not begun or any(e[0] == o.id for e in self._taken_once() for o in orders):
            return
        left = sum(unused(o, at) for o in stretch(earlier, max(begun)))
        assert order.to is not None and order.from_ is not None
        period = month_after(order.from_, 1 if order.period == "month" else 12) - order.from_
        beyond = order.to - order.from_ - period
        seconds = timedelta(seconds=1)
        paid_for = (left - order.credit) * (period // seconds) // order.list_amount
        assert paid_for <= beyond // seconds + 1, (order, orders)

    def _nobody_is_charged_for_nothing(self) -> None:
        for name, card in self.market.provider.cards.items():
            if not card.cancelled:
                there = self.market.orders.by_subscription("scripted", name)
                assert there is not None and there.renews, (name, card, there, self.market.orders.get(card.order_id))


def _fields(struct: Any) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


Bazaar.TestCase.settings = settings(
    max_examples=120, stateful_step_count=50, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip
TestAnyOrder = Bazaar.TestCase
