"""What an order took over from the plan before it, and what of its time goes when a bank takes that money back. Pure.

Else somebody would buy a plan, have an upgrade take it over, and dispute the first payment: the bank has the money, and
they have what it bought.
"""

from collections.abc import Container, Sequence
from datetime import timedelta
from fractions import Fraction

from domain.membership.model import Order
from domain.membership.months import end_of
from domain.membership.orders import GIVING
from domain.membership.proration import NOTHING, SECOND, lasts, stretch, worth


def gone_time(mine: Sequence[Order], orders: Sequence[Order], taken: Container[str]) -> timedelta:
    """Return for how much shorter a membership lasts. `mine` are its orders, `orders` all of the account, `taken` the
    ids of those whose money a bank has; of those themselves domain.membership.proration.until knows.
    """
    return sum(
        (
            int(lasts(each) // SECOND * share(each, orders, taken)) * SECOND
            for each in mine
            if each.id not in taken and each.state in GIVING
        ),
        NOTHING,
    )


def share(order: Order, orders: Sequence[Order], taken: Container[str]) -> Fraction:
    """Return which part of what its time was bought for a bank has, from 0 to 1."""
    if order.id in taken:
        return Fraction(1)
    beyond = _beyond(order)
    over = beyond + (0 if order.trial_days else order.credit)
    before = _before(order, orders) if over else []
    whole = sum(map(worth, before))
    if not whole:
        return Fraction(0)
    lost = sum((worth(each) * share(each, orders, taken) for each in before), Fraction(0))
    return min(Fraction(1), lost / whole * over / (worth(order) + beyond))


def _before(order: Order, orders: Sequence[Order]) -> list[Order]:
    """Return the orders of the stretch that it replaced."""
    granted, number = order.granted_at, order.receipt
    if granted is None or number is None:
        return []
    earlier = [
        each
        for each in orders
        if each.granted_at is not None and each.granted_at <= granted and (each.receipt or number) < number
    ]
    begun = [each.from_ for each in earlier if each.from_ is not None and each.from_ == each.granted_at]
    return stretch(earlier, max(begun)) if begun else []


def _beyond(order: Order) -> Fraction:
    """Return what became time because the price left no room for it, in minor units."""
    if order.trial_days or order.from_ is None or order.from_ != order.granted_at:
        return Fraction(0)
    period = end_of(order.from_, order.from_, order.period) - order.from_
    more = max(NOTHING, lasts(order) - period)
    return Fraction(more // SECOND * order.list_amount, period // SECOND)
