"""Stripe: Checkout on its own page, subscriptions that renew, webhooks signed by HMAC. The production default."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from domain.errors import Conflict, NotAllowed, Unavailable
from domain.membership.model import Currency, Membership, Order, Period, ProviderEvent
from domain.membership.ports import Checkout, PaymentState
from infra.payments import signed, stripe_checkout, stripe_events, stripe_state, stripe_subscriptions
from infra.payments.refunds import so_far
from infra.payments.stripe_books import Books

log = logging.getLogger(__name__)
# "The minimum amount is $0.50 US or equivalent in charge currency", says the package itself (stripe 16.1.0, amount of a
# PaymentIntent). A bill of less is not refused: it counts as paid, nothing is taken, and what it says is owed with the
# next one (docs.stripe.com/api/invoices). Of CNY the table at docs.stripe.com/currencies has no sum, so the least of
# the currency in which Stripe pays out holds, 0.50 EUR or 4 HKD, say: some 3 to 4.5 CNY. Five yuan are
# above all of them.
LEAST: Mapping[Currency, int] = {"USD": 50, "CNY": 500}
_MOST_NAME = 250  # characters of a product
_COMPLETED = ("refunded", "disputed", "dispute_won")  # kinds of events that may name a payment only
T = TypeVar("T")


class Stripe:
    """Implements ports.Provider. `account` is one that payments are made for (Connect), "" for the key's own."""

    name = "stripe"
    renews = True
    currencies: tuple[Currency, ...] = ("USD", "CNY")
    least: Mapping[Currency, int] = LEAST

    def __init__(self, key: str, webhook_secret: str, clock: signed.Clock, account: str = "", base: str = "") -> None:
        self.live = key.startswith(("sk_live_", "rk_live_"))
        self.account = account
        self._secret, self._clock = webhook_secret, clock
        self._books = Books(key, account, base)

    async def checkout(self, order: Order, email: str, language: str, back: str, tells: str) -> Checkout:
        now = self._clock()
        return await self._ask(
            lambda: stripe_checkout.begin(self._books, order, email, language, back, tells, now)
        )

    def verify(self, headers: Mapping[str, str], body: bytes) -> ProviderEvent:
        signed.check(signed.lower(headers).get("stripe-signature", ""), self._secret, body, self._clock())
        event = stripe_events.event(body, "")
        if event.account != self.account:  # what belongs to another account is known and refused by its order
            log.warning("an event of another account at Stripe: %s", event.id)
        return event

    def accepted(self) -> tuple[int, bytes, str]:
        return 200, b'{"received":true}', "application/json"

    async def complete(self, event: ProviderEvent) -> ProviderEvent:
        if event.kind not in _COMPLETED or event.order_id:
            return event
        order_id, ref = await self._ask(lambda: self._books.order_of(event.ref)) if event.ref else ("", "")
        kind = event.kind if order_id else "other"
        return signed.sound(msgspec.structs.replace(event, kind=kind, order_id=order_id, ref=ref))

    async def state(self, order: Order) -> PaymentState:
        return await self._ask(lambda: stripe_state.state(self._books, order, self.account))

    async def withdraw(self, order: Order) -> None:
        def end() -> None:
            session = self._books.session(order)
            if session and session.status == "open":
                self._books.client.v1.checkout.sessions.expire(session.id)

        await self._ask(end, refused=None)  # somebody has paid, or it ended, between looking and asking

    async def refund(self, order: Order, amount: int, key: str) -> None:
        await self._ask(lambda: self._refund(order, amount, key), refused="refund_refused")

    async def cancel(self, membership: Membership) -> None:
        ref = membership.subscription
        await self._ask(lambda: stripe_subscriptions.cancel(self._books, ref), refused=None)  # it has ended already

    async def resume(self, membership: Membership) -> None:
        ref = membership.subscription
        await self._ask(lambda: stripe_subscriptions.resume(self._books, ref), refused="resume_late")

    async def switch(self, membership: Membership, amount: int, currency: Currency, period: Period, tells: str) -> None:
        ref = membership.subscription
        await self._ask(
            lambda: stripe_subscriptions.switch(self._books, ref, amount, currency, period, tells[:_MOST_NAME])
        )

    async def close(self) -> None:
        """Nothing is held between questions."""

    async def _ask(self, what: Callable[[], T], refused: str | None = "") -> T:
        """Run it in a thread. `refused`: the Conflict that a refusal is, None where a refusal does no harm."""

        def run() -> T:
            import stripe

            try:
                return what()
            except stripe.InvalidRequestError as wrong:
                _note(wrong)
                if refused is None:
                    return None  # type: ignore[return-value]  # only those that return nothing say so
                # Without its words: Stripe's repeat parts of keys and what was asked.
                raise (Conflict(refused) if refused else Unavailable("payments_unavailable")) from None
            except stripe.StripeError as wrong:
                _note(wrong)
                raise Unavailable("payments_unavailable") from None
            except (msgspec.MsgspecError, NotAllowed) as wrong:
                log.error("Stripe answers in a form that is not known here: %s", type(wrong).__name__)
                raise Unavailable("payments_unavailable") from wrong

        return await asyncio.to_thread(run)

    def _refund(self, order: Order, amount: int, key: str) -> None:
        ref = self._books.intent_of(order)
        payment = self._books.intent(ref) if ref else None
        if payment is None or payment.latest_charge is None:
            raise Conflict("refund_refused")
        # Stripe forgets idempotency keys after a day; what has been given back it does not.
        if so_far(key, amount, payment.latest_charge.amount_refunded):
            self._books.client.v1.refunds.create(
                {"payment_intent": ref, "amount": amount, "metadata": {"order_id": order.id}}, {"idempotency_key": key}
            )


def _note(wrong: Any) -> None:
    """Log what an operator can look up at Stripe, and none of its words."""
    log.warning("Stripe: %s %s %s %s", type(wrong).__name__, wrong.http_status, wrong.code, wrong.request_id)
