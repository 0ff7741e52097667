"""What programs send and are told at /api/membership."""

from datetime import date, datetime

import msgspec

from domain.membership.model import (
    Currency,
    Entitlement,
    Feature,
    Gift,
    Order,
    OrderKind,
    OrderState,
    Period,
    Plan,
    Price,
    UsedDay,
)
from domain.membership.model import Membership as Held
from domain.membership.offers import Offer as Offered
from domain.membership.ports import Checkout
from domain.persona import Language


class Limit(msgspec.Struct, frozen=True):
    """How much of a feature there is: voice in seconds, space in bytes, the rest in pieces. `held` is kept for turns
    that are going on; `until` is when there is more, null where the plan gives it once. `better` is the id of the
    cheapest plan that gives more, empty where none does.
    """

    limit: int
    used: int
    held: int
    left: int
    since: datetime | None
    until: datetime | None
    better: str


class Mine(msgspec.Struct, frozen=True):
    """What the caller has. `paid`: it is a membership that somebody pays for, and the fields after it tell of that.

    `next_plan` is what it changes to at `until`, empty where it stays; `next_amount` what is taken then, in minor units
    (cents, fen), 0 where nothing is.
    """

    plan: str
    paid: bool
    limits: dict[Feature, Limit]
    since: datetime | None = None
    until: datetime | None = None
    period: Period | None = None
    renews: bool = False
    trial: bool = False
    grace_until: datetime | None = None
    next_plan: str = ""
    next_amount: int = 0
    currency: Currency | None = None


class Tariff(msgspec.Struct, frozen=True):
    """A plan. `gives`: how much of a feature, anew in each `window` (day, month, or empty: in all)."""

    id: str
    name: str
    tells: list[str]
    gives: dict[Feature, Gift]
    prices: list[Price]
    trial_days: int


class Offer(msgspec.Struct, frozen=True):
    """What the caller can have, and for how much: `list_amount` less `credit` (of what they have) less `discount` is
    `amount`; `beyond` is what else is left of what they have, and becomes time; `due` is paid now. `way`: buy, renew,
    upgrade; later is a `change` from `starts` on. `renews`: the list amount is taken again at the end of each period,
    until it is cancelled.
    """

    plan: str
    period: Period
    currency: Currency
    way: str
    list_amount: int
    credit: int
    beyond: int
    discount: int
    amount: int
    due: int
    trial_days: int
    starts: datetime
    renews: bool


class Tariffs(msgspec.Struct, frozen=True):
    """All plans, the least first; `offers` where somebody asks who is signed in."""

    plans: list[Tariff]
    offers: list[Offer]


class UsageDay(msgspec.Struct, frozen=True):
    day: date
    amount: int


class Usage(msgspec.Struct, frozen=True):
    """What was used of a feature on each day of UTC; days without are left out. Voice in milliseconds."""

    feature: Feature
    days: list[UsageDay]


class Bought(msgspec.Struct, frozen=True):
    """An order. Amounts in minor units; `due` is what is paid at the checkout, `refunded` what has come back.

    `state`: created, pending (to be paid), paid, granted (the membership is there), refund_pending, refunded,
    part_refunded, disputed, expired, cancelled, failed. `receipt` is its number.
    """

    id: str
    kind: OrderKind
    plan: str
    period: Period
    currency: Currency
    list_amount: int
    credit: int
    discount: int
    due: int
    refunded: int
    trial_days: int
    state: OrderState
    created_at: datetime
    expires_at: datetime
    granted_at: datetime | None
    since: datetime | None
    until: datetime | None
    receipt: int | None


class Orders(msgspec.Struct, frozen=True):
    """Newest first. `next` is what to give as `before` for those that follow, empty where none do."""

    orders: list[Bought]
    next: str


class Buy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`currency` is looked at where nothing is held that was paid in another. A coupon that is good for nothing is
    refused.
    """

    plan: str
    period: Period = "month"
    currency: Currency = "USD"
    coupon: str = ""


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    plan: str
    period: Period = "month"
    coupon: str = ""


class Paying(msgspec.Struct, frozen=True):
    """An order and where it is paid: a page (`url`), or a code for the phone (`qr`). Neither: nothing is to be paid."""

    order: Bought
    url: str = ""
    qr: str = ""


class Changed(msgspec.Struct, frozen=True):
    """Either something is to be paid first (`paying`), or it is changed from the end of what is paid on."""

    membership: Mine
    paying: Paying | None = None


def order_of(order: Order) -> Bought:
    return Bought(
        order.id, order.kind, order.plan_id, order.period, order.currency, order.list_amount, order.credit,
        order.discount, order.due, order.refunded, order.trial_days, order.state, order.created_at, order.expires_at,
        order.granted_at, order.from_, order.to, order.receipt,
    )  # fmt: skip


def paying_of(order: Order, checkout: Checkout) -> Paying:
    """Where nothing is to be paid the checkout leads back, which a program need not be told."""
    paid = order.state not in ("created", "pending")
    return Paying(order_of(order)) if paid else Paying(order_of(order), checkout.url, checkout.qr)


def mine_of(
    plan: Plan, held: Held | None, limits: dict[Feature, Entitlement], next_amount: int, currency: Currency
) -> Mine:
    told = {name: limit_of(one) for name, one in limits.items()}
    if held is None:
        return Mine(plan.id, False, told)
    return Mine(
        plan.id, True, told, held.since, held.until, held.period, held.renews, held.trial, held.grace_until,
        held.next_plan, next_amount, currency,
    )  # fmt: skip


def limit_of(one: Entitlement) -> Limit:
    return Limit(one.limit, one.used, one.held, one.left, one.since, one.until, one.better)


def tariff_of(plan: Plan, language: Language) -> Tariff:
    return Tariff(
        plan.id, plan.names[language], list(plan.tells[language]), plan.gives, list(plan.prices), plan.trial_days
    )


def offer_of(offer: Offered) -> Offer:
    return Offer(
        offer.plan.id, offer.period, offer.currency, offer.way, offer.list_amount, offer.credit, offer.beyond,
        offer.discount, offer.amount, offer.due, offer.trial_days, offer.starts, offer.renews,
    )  # fmt: skip


def usage_of(feature: Feature, days: list[UsedDay]) -> Usage:
    return Usage(feature, [UsageDay(each.day, each.amount) for each in days])
