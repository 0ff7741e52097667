"""What a paid order gives: the membership that follows, worked out from the one there is. Pure.

Also which orders are not granted though they are paid, so that the money goes back:

    credit_gone        what was left of the plan before has been used, taken over or given back meanwhile
    coupon_gone        paid after it was over, when its coupon was anybody's again
    currency_other     it cannot be added to what is held, which was paid in another currency
    has_better         a higher plan has been bought meanwhile
    subscription_gone  a renewal of what has been replaced or has ended
    account_gone       nobody is there to have it
    trial_used         a trial for whoever had one
    plan_gone          it is no longer known what was sold
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from domain.membership.model import Membership, Order
from domain.membership.months import DAY, end_of
from domain.membership.orders import LATE
from domain.membership.plans import Plans
from domain.membership.proration import credit, more_time, stretch

GRACE = timedelta(days=3)  # after a renewal that failed
Refusal = Literal[
    "credit_gone", "coupon_gone", "currency_other", "has_better", "subscription_gone", "account_gone", "trial_used",
    "plan_gone",
]  # fmt: skip
replace = msgspec.structs.replace


class Granted(msgspec.Struct, frozen=True):
    order: Order  # with the time that it gives
    membership: Membership
    expects: int  # the version that it was reckoned from, 0 where there was none


def runs_until(membership: Membership) -> datetime:
    """Return until when a plan is held. One that renews is held for the time in which a payment may be late."""
    if membership.grace_until is not None:
        return membership.grace_until
    return membership.until + GRACE if membership.renews else membership.until


def held(membership: Membership | None, now: datetime) -> Membership | None:
    """Return the membership if it still is one."""
    return membership if membership is not None and now < runs_until(membership) else None


def begun(orders: Sequence[Order], at: datetime) -> datetime | None:
    """Return when the stretch began that ran at a moment, None where there was none: its first order is given from the
    moment of its grant on.
    """
    return max((moment for moment in _beginnings(orders) if moment <= at), default=None)


def _beginnings(orders: Sequence[Order]) -> list[datetime]:
    return [each.granted_at for each in orders if each.granted_at is not None and each.from_ == each.granted_at]


def reckon(
    order: Order, subscription: str, membership: Membership | None, orders: Sequence[Order], plans: Plans,
    now: datetime, *, renews: bool,
) -> Granted | Refusal:  # fmt: skip
    """`subscription` is what the provider made with this payment, and whether that `renews`. `orders` are all of the
    account.
    """
    plan = plans.get(order.plan_id)
    if not order.user_id:
        return "account_gone"
    if plan is None:
        return "plan_gone"
    if order.problem == LATE and order.coupon:
        return "coupon_gone"
    if order.kind == "renew" and subscription:
        return _renewed(order, subscription, membership, now)
    current = held(membership, now)
    if current is not None:
        before = plans.get(current.plan_id)
        if order.trial_days:
            return "trial_used"
        if before is not None and before.rank > plan.rank and current.until > now:  # in a time of grace nothing is left
            return "has_better"
        if any(each.currency != order.currency for each in stretch(orders, current.since)):
            return "currency_other"
        if order.kind != "upgrade" and current.plan_id == order.plan_id:
            return _extended(order, subscription, current, now, renews)
    beyond = _beyond(order, current, orders, now)
    if beyond < 0:
        return "credit_gone"
    given = replace(order, from_=now, to=_end(order, beyond, now))
    return _granted(given, subscription, now, membership, renews)


def left_of(order: Order, orders: Sequence[Order]) -> int:
    """Return what was left of the plan before when an upgrade was ordered, by what is known of that today.

    Nothing where that plan has been replaced since: then another order has taken it over.
    """
    since = begun(orders, order.created_at)
    if since is None or any(moment > order.created_at for moment in _beginnings(orders)):
        return 0
    return credit(orders, since, order.created_at)


def _beyond(order: Order, current: Membership | None, orders: Sequence[Order], now: datetime) -> int:
    """Return what is left of what this replaces and is not in its price; it becomes time. Less than 0: there is not
    even that.
    """
    in_time = order.kind == "upgrade" and order.problem != LATE
    if in_time and not any(moment > order.created_at for moment in _beginnings(orders)):
        return left_of(order, orders) - order.credit
    rest = credit(orders, current.since, now) if current is not None else 0
    return rest if not order.credit else -1


def _end(order: Order, beyond: int, now: datetime) -> datetime:
    """`beyond`: credit for which the price left no room."""
    if order.trial_days:
        return now + order.trial_days * DAY
    end = end_of(now, now, order.period)
    return end + more_time(beyond, order.list_amount, end - now)


def _granted(
    order: Order, subscription: str, now: datetime, before: Membership | None, renews: bool
) -> Granted:
    """A stretch begins."""
    membership = Membership(
        user_id=order.user_id, plan_id=order.plan_id, since=now, until=order.to or now, period=order.period,
        renews=renews and bool(subscription), trial=order.trial_days > 0, provider=order.provider,
        subscription=subscription,
    )  # fmt: skip
    return Granted(order, membership, before.version if before is not None else 0)


def _extended(order: Order, subscription: str, current: Membership, now: datetime, renews: bool) -> Granted:
    """The same plan once more, from the end of what is held; in a time of grace from now on."""
    if current.until <= now:
        order = replace(order, from_=now, to=end_of(now, now, order.period))
        return _granted(order, subscription, now, current, renews)
    order = replace(order, from_=current.until, to=end_of(current.since, current.until, order.period))
    membership = replace(current, until=order.to, period=order.period, trial=False, grace_until=None)
    if subscription:
        membership = replace(membership, provider=order.provider, subscription=subscription, renews=renews)
    return Granted(order, membership, current.version)


def _renewed(order: Order, subscription: str, membership: Membership | None, now: datetime) -> Granted | Refusal:
    """The provider took the next payment: it goes on where it ended, also after some days of grace."""
    if membership is None or (membership.provider, membership.subscription) != (order.provider, subscription):
        return "subscription_gone"
    if held(membership, now) is None and membership.until + GRACE <= now:
        since = from_ = now
    else:
        since, from_ = membership.since, membership.until
    order = replace(order, from_=from_, to=end_of(since, from_, order.period))
    switched = (membership.next_plan, membership.next_period) == (order.plan_id, order.period)
    after = replace(
        membership, plan_id=order.plan_id, since=since, until=order.to or now, period=order.period, trial=False,
        grace_until=None,
    )  # fmt: skip
    if switched:
        after = replace(after, next_plan="", next_period="", next_amount=0)
    return Granted(order, after, membership.version)
