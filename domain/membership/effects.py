"""What a move of an order brings along: the money's entries and the fields that change. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from domain.membership import books
from domain.membership.model import Entry, Order, Transaction
from domain.membership.orders import Move
from domain.membership.telling import dated, telling

# The membership, or a subscription that became none, has to be looked at then.
FOLLOWED = ("granted", "part_refunded", "refunded", "disputed", "failed", "refund_pending")


class Effects(msgspec.Struct, frozen=True):
    changes: dict[str, Any]
    transaction: Transaction | None
    job: str  # what is still to be done once it has moved, so that a crash forgets nothing
    tell: str  # and what is to be told of it


def effects(order: Order, move: Move, written: Sequence[Transaction], now: datetime) -> Effects:
    """`written` are the transactions of the order so far."""
    changes: dict[str, Any] = {}
    if move.problem is not None:
        changes["problem"] = move.problem
    if move.ref and move.ref != order.provider_ref:
        changes["provider_ref"] = move.ref
    if move.refunded is not None:
        changes["refunded"] = move.refunded
    if move.to == "paid" and order.paid_at is None:
        changes["paid_at"] = now
    if move.to == "refunded" and order.to is not None and order.from_ is not None:
        end = taken_at(written) if order.state == "disputed" else now
        changes["to"] = max(order.from_, min(order.to, end or now))
    job = "grant" if move.to == "paid" else "apply" if move.to in FOLLOWED else ""
    return Effects(changes, _transaction(order, move, written, now), job, dated(now, telling(order, move)))


def _transaction(order: Order, move: Move, written: Sequence[Transaction], now: datetime) -> Transaction | None:
    back = books.refund(order, move.refunded or 0, books.owed(written), now)
    if order.state == "disputed":
        return _both(books.won(written, now), back)
    if move.to == "paid":
        return books.pay(order, now)
    if move.to == "disputed":
        return books.dispute(order, written, now)
    return back


def _both(first: Transaction | None, second: Transaction | None) -> Transaction | None:
    """One cause, one transaction: the bank's decision and what was given back meanwhile."""
    if first is None or second is None:
        return first or second
    sums: dict[tuple[str, str], Entry] = {}
    for each in (*first.entries, *second.entries):
        before = sums.get((each.account, each.currency))
        sums[each.account, each.currency] = Entry(
            each.account, each.amount + (before.amount if before else 0), each.currency
        )
    entries = tuple(each for each in sums.values() if each.amount)
    return msgspec.structs.replace(second, entries=entries) if entries else None


def taken_at(written: Sequence[Transaction]) -> datetime | None:
    """Return since when a bank has the money of a disputed order."""
    found = books.disputes(written)
    return found[-1].at if found else written[-1].at if written else None
