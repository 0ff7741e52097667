"""What all use cases of the till share: stores, providers, the audit log, mail, and a few rules."""

import asyncio
import base64
import hashlib
import logging
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import ParamSpec, TypeVar

import msgspec

from domain import mails
from domain.audit import Action, happened
from domain.errors import Conflict, NotFound, Unavailable
from domain.membership import books as ledger
from domain.membership.entitlements import Entitlements
from domain.membership.model import Currency, Membership, Order
from domain.membership.ports import FailPoint, Orders, PaymentState, Provider
from domain.people import Accounts, Audit, Mailer, MailKind, User
from domain.persona import Language
from domain.ports import Clock

log = logging.getLogger(__name__)
Given = ParamSpec("Given")
Result = TypeVar("Result")
replace = msgspec.structs.replace

HOUSE = "house"  # the provider of orders for which nothing is to be paid
CHECKOUT = timedelta(hours=1)  # for how long somebody may pay at a price
RACES = 10  # how often a change is worked out anew because somebody else was faster
ALL = 1_000  # orders of one account
# Between every two steps that something could come between: tests kill the program at each of them.
FAIL_POINTS = (
    "buy:created", "buy:checkout", "buy:pending", "drop:withdrawn",
    "change:kept", "change:switched", "cancel:told", "cancel:kept", "resume:told", "resume:kept",
    "receive:verified", "receive:kept",
    "work:leased", "work:completed", "work:did",
    "settle:asked", "settle:pending", "settle:paid", "settle:expired", "settle:failed", "settle:cancelled",
    "settle:granted", "settle:refunded", "settle:part_refunded", "settle:disputed",
    "grant:reckoned", "grant:cancelled", "grant:kept", "grant:refused",
    "renewal:kept", "refund:reckoned", "refund:decided", "refund:asked", "repair:cancelled", "repair:kept",
    "receipt:mailed", "tell:noted", "grace:kept", "end:cancelled", "end:kept",
)  # fmt: skip


class Shop:
    def __init__(
        self,
        orders: Orders,
        entitlements: Entitlements,
        providers: Mapping[str, Provider],
        accounts: Accounts,
        audit: Audit,
        mailer: Mailer,
        clock: Clock,
        site: str = "http://127.0.0.1:7210",
        wake: Callable[[], None] = lambda: None,
        fail_point: FailPoint = lambda _: None,
    ) -> None:
        """`providers` by name, the preferred one first; none where nothing is sold. `wake`: there is work."""
        self._orders, self._entitlements, self._providers = orders, entitlements, providers
        self._accounts, self._audit, self._mailer, self._clock = accounts, audit, mailer, clock
        self._site, self.wake, self._point = site.rstrip("/"), wake, fail_point
        self.plans = entitlements.plans

    def _now(self) -> datetime:
        return self._clock.now()

    async def _do(self, work: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs) -> Result:
        """Stores are sync."""
        return await asyncio.to_thread(work, *args, **kwargs)

    async def _note(self, action: Action, actor: str, target: str = "", **detail: str | int) -> None:
        await self._do(self._audit.add, [happened(action, self._now(), actor, target, "", **detail)])

    async def _mail(self, kind: MailKind, user_id: str, mail_id: str, path: str, **words: str) -> None:
        """Mail it once, whoever asks how often. Who has no account any more gets nothing."""
        try:
            user = await self._do(self._accounts.get, user_id) if user_id else None
        except NotFound:
            user = None
        if user is not None:
            await self._do(self._send, kind, user, mail_id, path, words)

    async def _language(self, user_id: str) -> Language:
        try:
            return (await self._do(self._accounts.get, user_id)).language if user_id else "en"
        except NotFound:
            return "en"

    def _send(self, kind: MailKind, user: User, mail_id: str, path: str, words: Mapping[str, str]) -> None:
        told = {"username": user.username, "link": self._site + path, **words}
        mail = mails.write(kind, user.language, user.email, self._now(), **told)
        self._mailer.send(replace(mail, id=mail_id))

    async def _all_of(self, user_id: str) -> list[Order]:
        """Return the orders of an account, newest first, for what they are worth: what is decided to be given back is
        as good as given back. It may be days on its way, and is not to be credited as well.
        """
        orders = await self._do(self._orders.of, user_id, ALL)
        return [await self._as_decided(each) if each.state == "refund_pending" else each for each in orders]

    async def _as_decided(self, order: Order) -> Order:
        owed = ledger.owed(await self._do(self._orders.transactions, order.id))
        return replace(order, refunded=max(order.refunded, owed))

    # -- providers ---------------------------------------------------------------------------------

    def provider_for(self, currency: Currency, name: str = "") -> Provider:
        """Raises Conflict("nothing_sold") where there is none for it."""
        for provider in self._providers.values():
            if currency in provider.currencies and name in ("", provider.name):
                return provider
        raise Conflict("nothing_sold")

    def _provider(self, name: str) -> Provider:
        """Raises Unavailable for one that is not connected any more."""
        provider = self._providers.get(name)
        if provider is None:
            log.error("the payment provider %s is asked for, and not connected", name)
            raise Unavailable("payments_unavailable")
        return provider

    async def _ask(self, order: Order) -> PaymentState:
        """Return what the provider's books say of an order. What costs nothing is in nobody's."""
        if order.provider == HOUSE:
            return PaymentState(state="paid", order_id=order.id, currency=order.currency, live=order.live)
        return await self._provider(order.provider).state(order)

    async def _stop(self, provider: str, subscription: str, whose: Membership) -> None:
        """Have a subscription take no more. Where its provider has gone, an operator has to."""
        if not subscription:
            return
        if provider not in self._providers:
            await self._note("payment_stuck", "system", whose.user_id, provider=provider, subscription=subscription)
            return
        await self._providers[provider].cancel(replace(whose, provider=provider, subscription=subscription))


def new_id() -> str:
    """Return 20 characters of a-z and 2-7, 100 random bits: every provider takes it for an order's number."""
    return base64.b32encode(secrets.token_bytes(13))[:20].decode().lower()


def keyed_id(user_id: str, key: str) -> str:
    """Return the id of an order by its orderer's own key, as unguessable as that and their account's id."""
    return base64.b32encode(hashlib.sha256(f"{user_id}\n{key}".encode()).digest())[:20].decode().lower()
