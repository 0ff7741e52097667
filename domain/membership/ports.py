"""What membership needs from the world. Stores are sync, every method one unit of work; providers are async."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Literal, Protocol

import msgspec

from domain.membership.model import (
    Allowance,
    Coupon,
    Currency,
    Feature,
    Hold,
    Membership,
    Order,
    OrderState,
    Period,
    ProviderEvent,
    Transaction,
    Use,
    UsedDay,
)

FailPoint = Callable[[str], None]  # called with the name of a point between two steps; tests kill the program there


class Allowances(Protocol):
    """What plans give; domain.membership.entitlements has it. Sync: waits for the store at most once a second."""

    def allowance(self, owner: str, feature: Feature) -> Allowance:
        """`owner` is an account's id or a guest's. An unknown one has what everybody has."""


class Checkout(msgspec.Struct, frozen=True):
    """Where somebody pays. `qr`: what a phone reads (WeChat's code_url), of providers without a page of their own."""

    ref: str
    url: str = ""
    qr: str = ""


class PaymentState(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider's own books say now; the truth, whatever events said and in whichever order they came."""

    state: Literal["open", "paid", "failed", "expired", "refunded", "part_refunded", "disputed", "unknown"]
    order_id: str = ""
    ref: str = ""
    amount: int = 0  # paid
    currency: str = ""
    account: str = ""
    live: bool = False
    refunded: int = 0
    subscription: str = ""
    period_end: datetime | None = None
    print_: str = ""  # a fingerprint of the means of payment, where the provider has one: a trial is given once
    renewal: str = ""  # the last later payment of its subscription; an order with this provider_ref can be asked for


class Provider(Protocol):
    """Stripe, WeChat Pay or the sandbox. Raises Unavailable("payments_unavailable") when it cannot be reached."""

    name: str
    live: bool
    account: str
    currencies: tuple[Currency, ...]
    renews: bool  # whether it takes later payments by itself
    least: Mapping[Currency, int]  # minor units: it takes no payment of less; where none is said, one unit

    async def checkout(self, order: Order, email: str, language: str, back: str, tells: str) -> Checkout:
        """Begin a payment; the same order twice gives the same one (idempotency key: the order's id).

        `back` is where the browser returns to, which grants nothing; `tells` is what the bill says. Raises
        Conflict("order_state") for one that cannot be paid any more.
        """

    def verify(self, headers: Mapping[str, str], body: bytes) -> ProviderEvent:
        """Return what a webhook tells. Raises NotAllowed("webhook_bad") for a bad signature, age or form.

        Sync and without network: the raw body and keys are enough.
        """

    def accepted(self) -> tuple[int, bytes, str]:
        """Return what a webhook is answered with: status, body, media type."""

    async def complete(self, event: ProviderEvent) -> ProviderEvent:
        """Return the event with its order, asked of the provider where the event itself does not name it.

        Before it is received: Stripe's events of refunds and disputes name a payment only. `order_id` is the order that
        began the subscription, `ref` the provider_ref of the order that was paid, "" where that is the first one.
        """

    async def state(self, order: Order) -> PaymentState:
        """Return "unknown" for an order that the provider never heard of."""

    async def withdraw(self, order: Order) -> None:
        """See to it that a checkout can no longer be paid. One that is paid, over or unknown stays as it is."""

    async def refund(self, order: Order, amount: int, key: str) -> None:
        """Give money back, once per `key`: "refund:<order>:<minor units that are then given back in all>".

        The event (or `state`) tells when it has arrived. Raises Conflict("refund_refused").
        """

    async def cancel(self, membership: Membership) -> None:
        """Take no further payments; what is paid stays. Cancelling twice is no error.

        Only `provider` and `subscription` are looked at.
        """

    async def resume(self, membership: Membership) -> None:
        """Undo `cancel` while what is paid lasts. Raises Conflict("resume_late") where nothing can go on."""

    async def switch(self, membership: Membership, amount: int, currency: Currency, period: Period, tells: str) -> None:
        """From the next payment on take this; nothing is paid now. Asked for the present price it undoes a switch.

        Only where `renews`. The same twice is no error.
        """

    async def close(self) -> None: ...


class Job(msgspec.Struct, frozen=True):
    """Something that has to be done about an order, written with what caused it: the outbox."""

    id: str
    order_id: str
    # Ask the provider and apply; give the membership; mail the receipt; tell the audit log and the owner.
    what: Literal["apply", "grant", "receipt", "tell"]
    tries: int  # this one included
    due: datetime
    provider: str = ""  # of "apply" for an event: which one, for those that name no order of ours
    event_id: str = ""  # of "tell": what (domain.membership.telling)


class Orders(Protocol):
    """Orders, memberships, coupons and the money ledger. Raises NotFound("order_gone"), Conflict.

    `user_id` "" in `get` is the house itself (providers' events, the operator).
    """

    def create(self, order: Order, coupon: Coupon | None) -> Order:
        """Keep a new order and, with a coupon, one use of it. Raises Conflict("coupon_spent", "coupon_used").

        Returned instead: an order of the same user, kind, plan and period that is still created or pending (but no
        renewal, each of those pays for a time of its own), or the same user's that has this id already.
        """

    def get(self, order_id: str, user_id: str = "") -> Order: ...

    def of(self, user_id: str, limit: int = 50, before: datetime | None = None) -> list[Order]:
        """Newest first."""

    def find(self, state: OrderState | None = None, limit: int = 50, before: datetime | None = None) -> list[Order]:
        """Everybody's, newest first, for the operator."""

    def move(
        self, order: Order, state: OrderState, now: datetime, /, *, job: str = "",
        transaction: Transaction | None = None, beside: Membership | None = None, tell: str = "", **changes: object,
    ) -> bool:
        """Change the state if it is still `order.state` and no more was given back, with a job and the money's entries.

        `tell` is what the job to tell of it has. `beside`: only while that is still the membership, of which whoever
        reckons with it then has to read again.
        `changes` are of provider_ref, expires_at, paid_at, granted_at, from_, to, refunded and problem.
        One unit of work; False when somebody else was faster: read again. domain.membership.orders decides which moves
        there are. A use of a coupon comes free again when its order expires, is cancelled or fails.
        """

    def receive(self, event: ProviderEvent, now: datetime) -> bool:
        """Keep an event and the job to apply it; False for one that was received before. One unit of work."""

    def events(self, order_id: str) -> list[ProviderEvent]:
        """Those received, oldest first."""

    def event(self, provider: str, event_id: str) -> ProviderEvent | None: ...

    def jobs(self, now: datetime, limit: int = 20, lease_s: int = 60) -> list[Job]:
        """Lease jobs that are due: nobody else gets them until the lease is over."""

    def done(self, job_id: str) -> None: ...

    def again(self, job_id: str, due: datetime) -> None:
        """It failed: try again then."""

    def grant(
        self, order: Order, membership: Membership, expects: int, now: datetime, print_: str = "", tell: str = ""
    ) -> Order | None:
        """Move a paid order to granted, give the membership, the next receipt number and the jobs to mail it and, with
        `tell`, to tell of it.

        `from_` and `to` are kept as the order given has them. A membership on trial uses the user's trial, and that of
        the payment print: None when there was one.

        `expects` is the version of the membership that the new one was reckoned from, 0 where there was none. None when
        the order was granted before or the membership has changed: read again. All in one unit of work.
        """

    def membership(self, user_id: str) -> Membership | None: ...

    def change(self, membership: Membership, expects: int) -> bool:
        """Replace a membership if its version is still `expects`: cancelling, downgrades, grace."""

    def end(self, user_id: str, expects: int) -> bool:
        """Its time is over: it goes, if its version is still `expects`."""

    def by_subscription(self, provider: str, subscription: str) -> Membership | None: ...

    def ending(self, before: datetime, limit: int = 100) -> list[Membership]:
        """Those whose time (or grace, where it has begun) ends before then, the longest over first."""

    def open(self, before: datetime, limit: int = 100) -> list[Order]:
        """Orders last moved before then that still have a way to go: for the reconciler."""

    def keep_coupon(self, coupon: Coupon) -> None: ...

    def coupon(self, code: str) -> Coupon | None: ...

    def coupons(self, limit: int = 50, after: str = "") -> list[Coupon]:
        """By their codes, those after one."""

    def coupon_uses(self, code: str) -> int: ...

    def had_trial(self, user_id: str, print_: str) -> bool: ...

    def transactions(self, order_id: str) -> list[Transaction]: ...

    def balance(self) -> dict[tuple[str, str], int]:
        """Return the sum of each (account, currency); all accounts of a currency sum to zero."""

    def books(self, since: date, until: date) -> list[tuple[str, str, str, int]]:
        """Return (month "2026-11", account, currency, sum) for the operator."""

    def erase_owner(self, user_id: str) -> None:
        """An account is gone: its membership goes, orders and entries stay without the person (bookkeeping)."""


class Meters(Protocol):
    """What is used of what a plan gives. `limit`, `amount` in the meter's unit (voice: milliseconds; else pieces)."""

    def hold(self, hold: Hold, limit: int, least: int) -> int:
        """Keep up to `hold.amount` for it, at least `least`; return how much, 0 when less than `least` is left.

        Used and held together never exceed `limit`, however many ask at once. Holding again by the same id returns what
        is held already.
        """

    def extend(self, hold_id: str, more: int, limit: int) -> int:
        """Keep up to `more` besides; return how much more, 0 when nothing is left or the hold is over."""

    def settle(self, hold_id: str, uses: Sequence[Use], now: datetime) -> int:
        """Count the uses, each call once, at most what is held; let go of the rest. Return what was counted."""

    def release(self, hold_id: str) -> None:
        """Let go of all of it: nothing was used."""

    def stale(self, now: datetime, feature: Feature, limit: int = 100) -> list[Hold]:
        """Holds of one feature that nobody has settled in time: each is looked after by its own part."""

    def used(self, owner: str, feature: Feature, window: str) -> tuple[int, int]:
        """Return (used, held)."""

    def days(self, owner: str, feature: Feature, since: date) -> list[UsedDay]:
        """Oldest first; days without use are left out."""

    def move(self, guest: str, user_id: str) -> None:
        """A guest has got an account: what the guest used counts there from now on."""

    def erase_owner(self, owner: str) -> None: ...

    def purge(self, before: datetime) -> int:
        """Erase meters of guests whose last window ended before then."""
