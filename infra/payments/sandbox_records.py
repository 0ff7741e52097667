"""What is in the sandbox's books."""

import calendar
from datetime import datetime

import msgspec

from domain.membership.model import Period
from infra.payments.sandbox_wire import Ask, Switch


class Bill(msgspec.Struct):
    """An order here, with its payments, oldest first."""

    order_id: str
    ref: str
    ask: Ask
    state: str  # open, paid, failed, expired
    until: datetime | None
    subscription: str
    renews: bool
    print_: str
    switches: dict[Switch, int]
    price: int  # of the next payment
    usual: int  # and of those after it
    period: Period
    payments: list["Payment"] = []


class Payment(msgspec.Struct):
    ref: str
    amount: int
    currency: str
    account: str
    live: bool
    refunded: int
    disputed: int  # 1: the bank has the money, 2: we have it again
    until: datetime | None


def later(start: datetime, period: str) -> datetime:
    """Return a month or a year later; the 31st becomes the last day of a shorter month."""
    month = start.month + (1 if period == "month" else 12) - 1
    year, month = start.year + month // 12, month % 12 + 1
    return start.replace(year=year, month=month, day=min(start.day, calendar.monthrange(year, month)[1]))
