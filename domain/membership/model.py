"""Plans, memberships, orders, money and minutes as data.

Money is whole minor units (cents, fen) with its currency, never a float. Times are aware UTC. Code asks what somebody
may do (an Entitlement), never which plan they have.
"""

from datetime import date, datetime
from typing import Literal

import msgspec

# voice_seconds: of speech heard and spoken in turns; attachments: looked at. Both count within a window of time.
# The others count what there is at the moment. own_voices and knowledge_pages: how many of them one may have.
Feature = Literal[
    "voice_seconds", "attachments", "own_voices", "knowledge_pages", "files", "file_bytes", "saved_chats"
]
FEATURES: tuple[Feature, ...] = Feature.__args__  # type: ignore[attr-defined]
Window = Literal["day", "month", ""]  # a UTC day; a month counted from when the membership began; no window
Period = Literal["month", "year"]
Currency = Literal["USD", "CNY"]


class Gift(msgspec.Struct, frozen=True):
    """How much of a feature a plan gives, anew in each window."""

    limit: int
    window: Window = ""


class Price(msgspec.Struct, frozen=True):
    period: Period
    amount: int  # minor units
    currency: Currency


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is sold. `rank` orders them: one of a higher rank gives at least what those below it give."""

    id: str
    rank: int  # 0: what everybody has
    names: dict[str, str]  # by language
    tells: dict[str, tuple[str, ...]]  # by language: what it is, a line each
    gives: dict[Feature, Gift]
    prices: tuple[Price, ...] = ()  # none: it is not for sale
    trial_days: int = 0  # before the first payment, once per account and payment print


class Entitlement(msgspec.Struct, frozen=True):
    """What somebody may do now. `limit` and `used` in the feature's unit (seconds, pieces, bytes)."""

    feature: Feature
    limit: int
    used: int
    held: int  # of turns that are going on
    since: datetime | None  # the window, None where there is none
    until: datetime | None
    better: str = ""  # the id of the cheapest plan that gives more, "" where none does

    @property
    def left(self) -> int:
        return max(0, self.limit - self.used - self.held)


class Allowance(msgspec.Struct, frozen=True):
    """How much of a feature somebody's plan gives in the window of now, in the feature's unit, and what gives more."""

    limit: int
    window: str  # its key, the same for everybody who asks: "2026-11-28", "month 2026-11-05", "" where there is none
    since: datetime | None = None
    until: datetime | None = None
    better: str = ""


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """A plan that somebody holds until a date. Who holds none has the plan of rank 0."""

    user_id: str
    plan_id: str
    since: datetime  # months are counted from here
    until: datetime  # paid (or on trial) until then
    period: Period
    renews: bool  # whether the provider will take the next payment
    next_plan: str = ""  # a downgrade, from `until` on
    next_period: Period | Literal[""] = ""
    next_amount: int = 0  # what the provider then takes, in minor units
    grace_until: datetime | None = None  # a renewal has failed: kept until then
    trial: bool = False
    provider: str = ""
    subscription: str = ""  # the provider's id of what renews it
    version: int = 0  # each change counts one on; a change that expected another version is refused


OrderKind = Literal["buy", "renew", "upgrade"]
OrderState = Literal[
    "created",  # ours only: the provider knows nothing of it yet
    "pending",  # the provider has it, somebody may be paying
    "paid",  # the provider has the money, and all that must match does
    "granted",  # and the membership has been given, exactly once
    "refund_pending", "refunded", "part_refunded", "disputed",
    "expired",  # nobody paid in time
    "cancelled",  # by whoever ordered it, before paying
    "failed",  # the provider says no, or what came does not match
]  # fmt: skip


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody ordered, with the price of that moment. `list_amount` - `credit` - `discount` = `amount`."""

    id: str  # unguessable; the provider is told it
    user_id: str
    kind: OrderKind
    plan_id: str
    period: Period
    amount: int  # what is to be paid, in minor units
    currency: Currency
    list_amount: int
    credit: int = 0  # what is left of the plan before, on an upgrade
    discount: int = 0
    coupon: str = ""
    provider: str
    provider_ref: str = ""  # the provider's id of the checkout or payment
    live: bool  # real money, or the provider's test mode
    account: str = ""  # ours at the provider
    trial_days: int = 0  # nothing is paid before they are over
    state: OrderState = "created"
    created_at: datetime
    expires_at: datetime  # a checkout that nobody paid by then is over
    paid_at: datetime | None = None
    granted_at: datetime | None = None
    from_: datetime | None = None  # what it gave: the time from `from_` to `to`
    to: datetime | None = None
    refunded: int = 0  # minor units given back so far
    receipt: int | None = None  # counts from 1 without gaps, given with the grant
    problem: str = ""  # why it failed, or what did not match: a code for the operator

    @property
    def due(self) -> int:
        """What is paid at the checkout. On trial nothing; then `amount` for the first time, and `list_amount` later."""
        return 0 if self.trial_days else self.amount


EventKind = Literal[
    "paid", "failed", "expired", "refunded", "disputed", "dispute_won", "renewed", "renewal_failed", "ended", "other"
]


class ProviderEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider told, verified but not yet believed: amount, currency, account and mode must match the order."""

    provider: str
    id: str  # the provider's, unique: the same twice has one effect
    kind: EventKind
    order_id: str = ""  # ours, as the provider gave it back
    ref: str = ""  # the provider's id of the payment, as Order.provider_ref has it; of renewals their own
    amount: int = 0  # of `refunded`: given back so far in all
    currency: str = ""
    account: str = ""
    live: bool = False
    subscription: str = ""
    period_end: datetime | None = None  # of renewals
    at: datetime


class Coupon(msgspec.Struct, frozen=True, kw_only=True):
    """`percent` (1 to 100) or `amount` off. Each use is a row of its own, unique by (code, number below `most`)."""

    code: str
    percent: int = 0
    amount: int = 0
    currency: str = ""  # of `amount`
    most: int  # uses in all
    once_each: bool = True  # one use per account
    plan_id: str = ""  # only for this plan
    until: datetime | None = None


# clearing: what the provider owes us; revenue; discounts: list price that a coupon took off; credits: what an upgrade
# took over from the plan before; refunds; disputes. Debits are positive, credits negative.
Account = Literal["clearing", "revenue", "discounts", "credits", "refunds", "disputes"]


class Entry(msgspec.Struct, frozen=True):
    account: Account
    amount: int  # minor units
    currency: Currency


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """Entries that sum to zero in each currency; raises ValueError for others.

    `id` is made from the cause, so that it is written once.
    """

    id: str  # "pay:<order>", "refund:<order>:<so far>", "dispute:<order>:<which>": domain.membership.books has them all
    order_id: str
    at: datetime
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        sums: dict[str, int] = {}
        for entry in self.entries:
            sums[entry.currency] = sums.get(entry.currency, 0) + entry.amount
        if not self.entries or any(sums.values()):
            raise ValueError(f"{self.id} does not sum to zero: {sums}")


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """So much of a feature is kept for a turn (or an attachment) that has begun. `amount` grows while it goes on."""

    id: str  # the turn's id; holding twice by one id holds once
    owner: str  # an account's id or a guest's
    feature: Feature
    window: str  # the key of the window that it counts in
    amount: int
    at: datetime
    expires_at: datetime  # from then on whoever sweeps settles it by what the calls say


class Use(msgspec.Struct, frozen=True):
    """One function call, as a member pays for it: counted once, however often it is told. Voice in milliseconds."""

    call_id: str
    kind: str  # asr, tts, attachment
    amount: int


class UsedDay(msgspec.Struct, frozen=True):
    day: date  # UTC
    amount: int
