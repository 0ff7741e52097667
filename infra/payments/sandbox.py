"""The sandbox as a provider: a second process with a pay page, books and signed webhooks (docs/payments.md).

The embedded default. It takes no money, so a server on the internet refuses it (infra/production.py).
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import msgspec

from domain.errors import Conflict, Unavailable
from domain.membership.model import Currency, EventKind, Membership, Order, Period, ProviderEvent
from domain.membership.ports import Checkout, PaymentState
from infra.payments import signed
from infra.payments.sandbox_wire import ACCOUNT, HEADER, Answer, Ask, Switch, What, make_key
from infra.payments.signed import Instant

if TYPE_CHECKING:
    from infra.payments.sandbox_child import Child


class Sandbox:
    """Implements ports.Provider. `folder` holds its books, `webhook` is where it tells us; `port` 0 is any free one."""

    name = "sandbox"
    live = False
    account = ACCOUNT
    currencies: tuple[Currency, ...] = ("USD", "CNY")
    least: Mapping[Currency, int] = {"USD": 50, "CNY": 500}  # as Stripe, which it stands for
    renews = True

    def __init__(self, folder: Path, webhook: str, clock: signed.Clock, port: int = 0) -> None:
        self._folder, self._webhook, self._clock, self._port = folder, webhook, clock, port
        self._key = ""

    @cached_property
    def _child(self) -> "Child":
        from infra.payments.sandbox_child import Child  # and httpx: 10 MB, 0.2 s, and nobody may ever order anything

        return Child(self._folder, self._port, self._webhook)

    async def checkout(self, order: Order, email: str, language: str, back: str, tells: str) -> Checkout:
        answer = await self._ask(
            Ask(
                what="checkout",
                order_id=order.id,
                due=order.due,
                amount=order.amount,
                list_amount=order.list_amount,
                currency=order.currency,
                period=order.period,
                trial_days=order.trial_days,
                renews=order.kind != "renew",  # a period more of what does not renew by itself is paid once
                ends=order.expires_at,
                email=email,
                language=language,
                back=back,
                tells=tells,
            )
        )
        return Checkout(answer.ref, answer.url)

    def verify(self, headers: Mapping[str, str], body: bytes) -> ProviderEvent:
        self._key = self._key or make_key(self._folder)
        signed.check(signed.lower(headers).get(HEADER, ""), self._key, body, self._clock())
        return signed.sound(_event(body))

    def accepted(self) -> tuple[int, bytes, str]:
        return 200, b'{"received":true}', "application/json"

    async def complete(self, event: ProviderEvent) -> ProviderEvent:
        return event

    async def state(self, order: Order) -> PaymentState:
        answer = await self._ask(Ask(what="state", order_id=order.id, ref=order.provider_ref))
        if answer.state is None:
            raise Unavailable("payments_unavailable")
        return answer.state

    async def withdraw(self, order: Order) -> None:
        await self._ask(Ask(what="withdraw", order_id=order.id))

    async def refund(self, order: Order, amount: int, key: str) -> None:
        await self._ask(Ask(what="refund", order_id=order.id, ref=order.provider_ref, amount=amount, key=key))

    async def cancel(self, membership: Membership) -> None:
        await self._ask(Ask(what="cancel", subscription=membership.subscription))

    async def resume(self, membership: Membership) -> None:
        await self._ask(Ask(what="resume", subscription=membership.subscription))

    async def switch(self, membership: Membership, amount: int, currency: Currency, period: Period, tells: str) -> None:
        await self._ask(
            Ask(
                what="change", subscription=membership.subscription, amount=amount, currency=currency, period=period,
                tells=tells,
            )
        )  # fmt: skip

    async def press(self, what: What, order_id: str, switches: dict[Switch, int] | None = None, card: str = "") -> None:
        """Do what a button of its page does: pay, decline, later, end, dispute, dispute_won, switch."""
        await self._ask(Ask(what=what, order_id=order_id, switches=switches or {}, card=card))

    async def start(self) -> None:
        """Go on telling what was not told the last time; nothing is started for those who never ordered anything."""
        if (self._folder / "books.db").exists():
            await self._child.start()

    async def close(self) -> None:
        if "_child" in vars(self):  # else there is none, and none is made for this
            await self._child.close()

    async def _ask(self, ask: Ask) -> Answer:
        answer = await self._child.ask(ask)
        if answer.error:
            raise Conflict(answer.error)
        return answer


class _Told(msgspec.Struct):
    """ProviderEvent as it travels: of kinds that are not known here too."""

    id: str
    kind: str
    at: Instant
    order_id: str = ""
    ref: str = ""
    amount: int = 0
    currency: str = ""
    account: str = ""
    live: bool = False
    subscription: str = ""
    period_end: Instant | None = None


def _event(body: bytes) -> ProviderEvent:
    told = signed.read(body, _Told)
    kind = told.kind if told.kind in get_args(EventKind) else "other"
    return ProviderEvent(provider="sandbox", **{**msgspec.structs.asdict(told), "kind": kind})
