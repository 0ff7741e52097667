"""A provider whose books a test writes. It keeps what it is asked, and its webhooks are signed by one word."""

from collections.abc import Mapping
from datetime import datetime
from itertools import count

import msgspec

from domain.errors import Conflict, NotAllowed, Unavailable
from domain.membership.model import Currency, Membership, Order, Period, ProviderEvent
from domain.membership.ports import Checkout, PaymentState

replace = msgspec.structs.replace
SIGNED = {"x-signed": "yes"}


class Card(msgspec.Struct):
    """A subscription as the provider has it."""

    order_id: str
    print_: str
    amount: int
    currency: Currency
    period: Period
    cancelled: bool = False
    renewals: list[str] = []


class ScriptedProvider:
    """Implements ports.Provider. `pay`, `renew` and `dispute` write its books; `event` makes a webhook's body."""

    name = "scripted"

    def __init__(
        self, live: bool = True, account: str = "acct_1", renews: bool = True, name: str = "scripted",
        currencies: tuple[Currency, ...] = ("USD", "CNY"), least: Mapping[Currency, int] | None = None,
    ) -> None:  # fmt: skip
        self.live, self.account, self.renews, self.name, self.currencies = live, account, renews, name, currencies
        self.least: Mapping[Currency, int] = least or {}
        self.books: dict[str, PaymentState] = {}  # by our order's id, or the ref of a renewal
        self.cards: dict[str, Card] = {}
        self.refunds: dict[str, tuple[str, int]] = {}  # by key: order, amount
        self.asked: list[str] = []
        self.away = False
        self.refuses = False
        self.refunds_at_once = True
        self._numbers = count(1)

    # -- the port ----------------------------------------------------------------------------------

    async def checkout(self, order: Order, email: str, language: str, back: str, tells: str) -> Checkout:
        self._reach("checkout")
        assert order.due == 0 or order.due >= self.least.get(order.currency, 1), "too little to be taken"
        if order.id not in self.books:
            state = PaymentState(
                state="open", order_id=order.id, ref=f"cs_{order.id}", amount=order.due, currency=order.currency,
                account=self.account, live=self.live,
            )  # fmt: skip
            self.books[order.id] = state
        return Checkout(f"cs_{order.id}", f"https://pay.test/{order.id}")

    def verify(self, headers: Mapping[str, str], body: bytes) -> ProviderEvent:
        if headers.get("x-signed") != "yes":
            raise NotAllowed("webhook_bad")
        return msgspec.json.decode(body, type=ProviderEvent)

    def accepted(self) -> tuple[int, bytes, str]:
        return 200, b"thanks", "text/plain"

    async def complete(self, event: ProviderEvent) -> ProviderEvent:
        self._reach("complete")
        return event

    async def state(self, order: Order) -> PaymentState:
        self._reach("state")
        if order.provider_ref in self.books:  # a renewal
            return replace(self.books[order.provider_ref], order_id=order.id)
        return self.books.get(order.id, PaymentState(state="unknown"))

    async def withdraw(self, order: Order) -> None:
        self._reach("withdraw")
        there = self.books.get(order.id)
        if there is not None and there.state == "open":
            self.books[order.id] = replace(there, state="expired")

    async def refund(self, order: Order, amount: int, key: str) -> None:
        self._reach("refund")
        if self.refuses:
            raise Conflict("refund_refused")
        where = order.provider_ref if order.provider_ref in self.books else order.id
        total, given = int(key.rpartition(":")[2]), self.books[where].refunded
        if given >= total or key in self.refunds:
            return
        if given != total - amount:
            raise Conflict("refund_refused")
        self.refunds[key] = (where, amount)
        if self.refunds_at_once:
            self.give_back(where, amount)

    async def cancel(self, membership: Membership) -> None:
        self._reach("cancel")
        if card := self.cards.get(membership.subscription):
            card.cancelled = True

    async def resume(self, membership: Membership) -> None:
        self._reach("resume")
        card = self.cards.get(membership.subscription)
        if card is None:
            raise Conflict("resume_late")
        card.cancelled = False

    async def switch(self, membership: Membership, amount: int, currency: Currency, period: Period, tells: str) -> None:
        self._reach("switch")
        card = self.cards[membership.subscription]
        card.amount, card.currency, card.period = amount, currency, period

    async def close(self) -> None:
        return

    # -- its books ---------------------------------------------------------------------------------

    def pay(self, order: Order, print_: str = "card", **wrong: object) -> None:
        """Somebody pays a checkout; `wrong` is what the books then say instead."""
        card = f"sub_{order.id}" if self.renews and order.kind != "renew" else ""
        there = replace(self.books[order.id], state="paid", subscription=card, print_=print_)
        self.books[order.id] = replace(there, **wrong)
        if card and card not in self.cards:
            self.cards[card] = Card(order.id, print_, order.list_amount, order.currency, order.period, renewals=[])

    def renew(self, subscription: str, **wrong: object) -> str:
        """Take the next payment; return its ref."""
        card, ref = self.cards[subscription], f"in_{next(self._numbers)}"
        state = PaymentState(
            state="paid", ref=ref, amount=card.amount, currency=card.currency, account=self.account, live=self.live,
            subscription=subscription,
        )  # fmt: skip
        self.books[ref] = replace(state, **wrong)
        card.renewals.append(ref)
        self.books[card.order_id] = replace(self.books[card.order_id], renewal=ref)
        return ref

    def give_back(self, where: str, amount: int) -> None:
        there = self.books[where]
        back = there.refunded + amount
        self.books[where] = replace(there, refunded=back, state="refunded" if back >= there.amount else "part_refunded")

    def dispute(self, where: str, won: bool = False) -> None:
        there = self.books[where]
        rest = "refunded" if there.refunded >= there.amount else "part_refunded" if there.refunded else "paid"
        self.books[where] = replace(there, state=rest if won else "disputed")

    def expire(self, order_id: str, state: str = "expired") -> None:
        self.books[order_id] = replace(self.books[order_id], state=state)

    def event(self, kind: str, order: Order, at: datetime, **other: object) -> bytes:
        """Return the body of a webhook about an order as it is in the books; `other` is what it says instead."""
        event = ProviderEvent(
            provider=self.name, id=f"evt_{next(self._numbers)}", kind=kind, order_id=order.id,  # type: ignore[arg-type]
            amount=order.due, currency=order.currency, account=self.account, live=self.live, at=at,
        )  # fmt: skip
        return msgspec.json.encode(replace(event, **other))

    def _reach(self, what: str) -> None:
        self.asked.append(what)
        if self.away:
            raise Unavailable("payments_unavailable")
