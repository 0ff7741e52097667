"""What somebody can buy or change to, and for how much, to the unit. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from domain.errors import Conflict, NotFound
from domain.membership import coupons
from domain.membership.granting import held
from domain.membership.model import Coupon, Currency, Membership, Order, OrderKind, Period, Plan
from domain.membership.months import MONTHS
from domain.membership.plans import Plans
from domain.membership.proration import credit, stretch

# later: nothing is paid now, and from the end of what is paid on it is this plan at this price.
Way = Literal["buy", "renew", "upgrade", "later"]


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """`list_amount` - `credit` - `discount` = `amount`, in minor units."""

    plan: Plan
    period: Period
    currency: Currency
    way: Way
    list_amount: int
    credit: int = 0
    beyond: int = 0  # what else is left of the plan before: it becomes time
    discount: int = 0
    coupon: str = ""
    trial_days: int = 0
    starts: datetime  # now, or when what is paid ends
    renews: bool = False  # whether the list price is taken again at the end of each period
    problem: str = ""  # why the coupon that was given takes nothing off: the code of an error

    @property
    def amount(self) -> int:
        return self.list_amount - self.credit - self.discount

    @property
    def due(self) -> int:
        """What is to be paid now."""
        return 0 if self.trial_days or self.way == "later" else self.amount

    @property
    def kind(self) -> OrderKind:
        return "buy" if self.way == "later" else self.way


class Offers(msgspec.Struct, frozen=True):
    """All that somebody sees before they decide. `plan` is what they have now."""

    plan: Plan
    membership: Membership | None
    house: bool  # `plan` is theirs without paying
    currency: Currency
    options: tuple[Offer, ...]  # by rank, the month first
    next_amount: int = 0  # what the provider takes at the end of what is paid, 0 where it takes nothing


def way(membership: Membership | None, plans: Plans, plan: Plan, period: Period, now: datetime) -> Way:
    """Return how somebody gets to a plan. Raises Conflict("plan_yours", "change_later")."""
    current = held(membership, now)
    if current is None or current.until <= now:
        return "buy"  # in a time of grace, too: there is nothing left to be changed
    before = plans.get(current.plan_id)
    rank = before.rank if before is not None else -1
    if (plan.rank, period) == (rank, current.period):
        if current.renews:
            raise Conflict("plan_yours")
        return "renew"
    if plan.rank >= rank and MONTHS[period] >= MONTHS[current.period]:
        return "upgrade"
    if not current.renews:
        raise Conflict("change_later", until=f"{current.until:%Y-%m-%d}")
    return "later"  # also what comes next already: asked for twice it tells the provider, who may not have heard


def currency_of(membership: Membership | None, orders: Sequence[Order], now: datetime) -> Currency | None:
    """Return the currency that what somebody holds was paid in: changes are reckoned in it. None: any."""
    current = held(membership, now)
    if current is None or current.until <= now:
        return None
    return next((each.currency for each in reversed(stretch(orders, current.since))), None)


def offer(
    plans: Plans, membership: Membership | None, orders: Sequence[Order], plan_id: str, period: Period,
    currency: Currency, now: datetime, coupon: Coupon | None = None, trial: bool = False, renews: bool = False,
    least: int = 1,
) -> Offer:  # fmt: skip
    """Return what it takes. `trial`: whether somebody may still have one; `renews`: whether the provider does; `least`:
    the smallest payment that it takes.

    Raises NotFound("plan_unknown"), Conflict of `way`, of coupons.good_for, and "currency_other".
    """
    plan, price = plans.get(plan_id), plans.price(plan_id, period, currency)
    if plan is None or price is None:
        raise NotFound("plan_unknown")
    how = way(membership, plans, plan, period, now)
    if (paid_in := currency_of(membership, orders, now)) not in (None, currency):
        raise Conflict("currency_other", currency=paid_in)
    starts = membership.until if membership is not None and how in ("renew", "later") else now
    left = credit(orders, membership.since, now) if how == "upgrade" and membership is not None else 0
    off = 0
    if coupon is not None and how != "later":
        coupons.good_for(coupon, plan_id, currency, now)
        off = coupons.discount(coupon, price.amount - min(left, price.amount))
    taken, off = parts(price.amount, left, off, least)
    paid = price.amount - taken - off
    days = plan.trial_days if trial and coupon is None and how == "buy" else 0
    return Offer(
        plan=plan,
        period=period,
        currency=currency,
        way=how,
        list_amount=price.amount,
        credit=taken,
        beyond=left - taken,
        discount=off,
        coupon=coupon.code if coupon is not None and how != "later" else "",
        trial_days=days,
        starts=starts,
        renews=renews and (how == "later" or paid > 0 or days > 0),  # of what costs nothing no provider knows
    )


def parts(price: int, left: int, off: int, least: int) -> tuple[int, int]:
    """Return how much of what is `left` of the plan before is taken over, and what a coupon takes off, so that what is
    to be paid is a payment that can be made, or nothing.

    Where less than `least` would be, less is taken over, since the rest becomes time; where there is no such rest the
    coupon takes off that little, too.
    """
    taken = min(left, price)
    paid = price - taken - off
    if not 0 < paid < least:
        return taken, off
    less = least - paid
    return (taken - less, off) if taken >= less else (taken, off + paid)


def next_amount(membership: Membership | None, orders: Sequence[Order], now: datetime) -> int:
    """Return what the provider takes at the end of what is paid, in minor units, 0 where it takes nothing."""
    current = held(membership, now)
    if current is None or not current.renews:
        return 0
    return current.next_amount if current.next_plan else recurring(current, orders)


def recurring(membership: Membership, orders: Sequence[Order]) -> int:
    """Return the price at which a plan goes on: the one that it was first ordered for."""
    same = [
        each
        for each in stretch(orders, membership.since)
        if (each.plan_id, each.period, each.provider) == (membership.plan_id, membership.period, membership.provider)
    ]
    return same[0].list_amount if same else 0
