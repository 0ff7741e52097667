"""What is left of what somebody has paid for: credit on an upgrade, the end of a membership. Whole seconds and units.

A stretch is a membership since it began (`Membership.since`): orders that were granted in it follow one another without
a gap, so its end is its beginning and the times of its orders put together. That makes it something to be worked out
anew whenever an order was given back, in whichever order that was told.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from domain.membership.model import Order
from domain.membership.orders import GIVING

SECOND = timedelta(seconds=1)
NOTHING = timedelta(0)


def worth(order: Order) -> int:
    """Return what its time was bought for: what was paid and taken over, less what was given back. Not what a coupon
    took off.
    """
    return max(0, order.due + (0 if order.trial_days else order.credit) - order.refunded)


def unused(order: Order, at: datetime) -> int:
    """Return what the rest of its time is worth at a moment, in minor units, rounded up: in the member's favour.

    Never more than it is worth in all, nor less than nothing.
    """
    if order.from_ is None or order.to is None or order.state not in GIVING or at >= order.to:
        return 0
    whole = (order.to - order.from_) // SECOND
    left = (order.to - max(at, order.from_)) // SECOND
    return -(-worth(order) * left // whole) if whole > 0 else 0


def stretch(orders: Iterable[Order], since: datetime) -> list[Order]:
    """Return the orders that a membership since then consists of, also those that were given back, by their grants."""
    found = [each for each in orders if each.granted_at is not None and each.granted_at >= since and each.from_]
    found.sort(key=lambda each: (each.granted_at or since, each.receipt or 0))
    first = max((place for place, each in enumerate(found) if each.from_ == each.granted_at == since), default=0)
    return found[first:]  # what was replaced in the same moment is not among them


def credit(orders: Iterable[Order], since: datetime, at: datetime) -> int:
    """Return what is left of a membership at a moment, in minor units of its currency."""
    return sum(unused(each, at) for each in stretch(orders, since))


def lasts(order: Order, taken_at: datetime | None = None) -> timedelta:
    """Return the time that an order gives. `taken_at`: when its money was taken away, where that is so."""
    if order.from_ is None or order.to is None:
        return NOTHING
    end = order.to if taken_at is None else max(order.from_, min(order.to, taken_at))
    return end - order.from_


def until(orders: Sequence[Order], since: datetime, taken: Mapping[str, datetime]) -> datetime:
    """Return the end of a membership. `taken`: since when the bank has the money of orders that are disputed."""
    return sum((lasts(each, taken.get(each.id)) for each in stretch(orders, since)), NOTHING) + since


def more_time(value: int, price: int, period: timedelta) -> timedelta:
    """Return for how long a value lasts at a price per period: what a credit is beyond a price is not lost."""
    return (period // SECOND) * max(0, value) // price * SECOND if price > 0 else NOTHING


def refundable(order: Order, owed: int, others: Iterable[Order]) -> int:
    """Return how much of what was paid can still be given back.

    `owed` is given back already or decided to be. What an upgrade took over from it cannot be had a second time.
    """
    taken = sum(
        each.credit
        for each in others
        if each.state in GIVING and each.credit and _took_over(each, order)
    )
    return max(0, order.due - owed - taken)


def _took_over(later: Order, order: Order) -> bool:
    if order.granted_at is None or order.to is None or later.granted_at is None or later.id == order.id:
        return False
    return order.granted_at <= later.created_at < order.to and order.granted_at < later.granted_at
