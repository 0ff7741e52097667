"""Between orders and their rows, and what no row may hold."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_args

import msgspec
from sqlalchemy import RowMapping

from db.tables.membership import REF_CHARS
from db.work import known
from domain.errors import BadInput
from domain.membership.model import Currency, Order, OrderKind, OrderState, Period
from domain.membership.orders import OPEN

MOST = 2**53  # of one amount, in minor units: sums of many of them fit 63 bits
_NAMES = ("id", "plan_id", "provider")
_MAY_BE_EMPTY = ("user_id", "coupon", "problem")
_OF = {"kind": OrderKind, "period": Period, "currency": Currency, "state": OrderState}
_AMOUNTS = ("amount", "list_amount", "credit", "discount", "refunded")
_RENAMED = {"to": "to_"}


def order_row(order: Order) -> dict[str, Any]:
    """Raises BadInput for what one of the databases would refuse, cut or round: they are to agree."""
    fields = msgspec.structs.asdict(order)
    check_fields(fields)
    return {_RENAMED.get(name, name): value for name, value in fields.items()}


def check_fields(fields: Mapping[str, Any]) -> None:
    refuse({name: _fits(name, value) for name, value in fields.items()})


def refuse(fits: Mapping[str, bool]) -> None:
    """Raise BadInput for the first field that no database could hold as it is."""
    for name, fit in fits.items():
        if not fit:
            raise BadInput("form_bad", field=name)


def _fits(name: str, value: Any) -> bool:
    if name in _NAMES:
        return known(value)
    if name in _MAY_BE_EMPTY:
        return value == "" or known(value)
    if name in _OF:
        return value in get_args(_OF[name])
    if name in _AMOUNTS:
        return whole(value)
    if name == "trial_days":
        return whole(value, 10_000)
    if name == "receipt":
        return value is None or whole(value)
    if isinstance(value, datetime):
        return value.tzinfo is not None
    return value is None or isinstance(value, bool) or is_ref(value)


def whole(value: Any, most: int = MOST, least: int = 0) -> bool:
    return type(value) is int and least <= value <= most


def is_ref(text: str) -> bool:
    """Tell whether this could be an id that a provider made, or none: visible ASCII, no spaces."""
    return len(text) <= REF_CHARS and text.isascii() and text.isprintable() and " " not in text


def to_order(row: RowMapping) -> Order:
    return Order(**{name: row[_RENAMED.get(name, name)] for name in Order.__struct_fields__})


def new_fields(changes: Mapping[str, object]) -> dict[str, Any]:
    """Return the columns that a change sets. Raises BadInput for what an order's change cannot be."""
    check_fields(changes)
    if not changes.keys() <= CHANGING:
        raise BadInput("form_bad", field=min(changes.keys() - CHANGING))
    return {_RENAMED.get(name, name): value for name, value in changes.items()}


# What is ordered stays as it was ordered, and a receipt keeps its number.
CHANGING = frozenset(("provider_ref", "expires_at", "paid_at", "granted_at", "from_", "to", "refunded", "problem"))
COLUMNS = [_RENAMED.get(name, name) for name in Order.__struct_fields__]


def slot_of(order: Order) -> str:
    """An account has one open order of a kind, plan and period. Renewals are in nobody's way, nor what is over."""
    if order.kind == "renew" or order.state not in OPEN or not order.user_id:
        return order.id
    return f"{order.kind}/{order.plan_id}/{order.period}"
