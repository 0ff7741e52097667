"""The states of an order and the moves between them: the one table, and what a provider's books lead to.

Events only wake: `next_move` looks at what the provider's books say now, so events that come doubled, late, reversed or
not at all end in the same state. docs/membership.md draws the table.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from domain.membership.model import Order, OrderState, ProviderEvent
from domain.membership.ports import PaymentState

MOVES: dict[OrderState, frozenset[OrderState]] = {
    "created": frozenset({"pending", "expired", "cancelled", "failed"}),
    "pending": frozenset({"paid", "expired", "cancelled", "failed"}),
    # refund_pending: what was paid can't be given any more, so the money goes back. failed: there was none.
    "paid": frozenset({"granted", "refund_pending", "refunded", "disputed", "failed"}),
    "granted": frozenset({"refund_pending", "refunded", "part_refunded", "disputed"}),
    # granted: the provider refused to give it back.
    "refund_pending": frozenset({"refunded", "part_refunded", "granted", "disputed"}),
    "part_refunded": frozenset({"refund_pending", "refunded", "part_refunded", "disputed"}),
    "refunded": frozenset(),
    # The bank decides: it is as before, or the money was given back meanwhile, or is still to be. paid: never granted.
    "disputed": frozenset({"granted", "part_refunded", "refunded", "refund_pending", "paid"}),
    # Somebody pays what was over: it counts (domain.membership.granting says when it is given back instead).
    "expired": frozenset({"paid", "failed"}),
    "cancelled": frozenset({"paid", "failed"}),
    "failed": frozenset({"paid"}),
}
OPEN: tuple[OrderState, ...] = ("created", "pending")  # somebody may still be paying
GOING: tuple[OrderState, ...] = (*OPEN, "paid", "refund_pending")  # the reconciler looks at these
GIVING: tuple[OrderState, ...] = ("granted", "part_refunded", "refund_pending")  # what it gave is held
LATE = "late"  # paid after it was over

# What did not match: codes for the operator.
Problem = Literal["order", "account", "mode", "currency", "amount"]


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A step to another state, and what it sets."""

    to: OrderState
    problem: str | None = None  # None: stays as it is
    ref: str = ""
    refunded: int | None = None


def may(from_: OrderState, to: OrderState) -> bool:
    return to in MOVES[from_]


def mismatch(order: Order, told: PaymentState | ProviderEvent) -> Problem | None:
    """Return the first thing in which what a provider says is not about this order as it was made."""
    if told.order_id != order.id:
        return "order"
    if told.account != order.account:
        return "account"
    if told.live is not order.live:
        return "mode"
    if told.currency != order.currency and not (told.currency == "" and order.due == 0):
        return "currency"
    if told.amount != order.due:
        return "amount"
    return None


def event_mismatch(order: Order, event: ProviderEvent) -> Problem | None:
    """The same for an event. Only those of a payment tell the order's own amount."""
    if event.kind == "paid":
        return mismatch(order, event)
    if event.account != order.account:
        return "account"
    return "mode" if event.live is not order.live else None


def next_move(order: Order, books: PaymentState, owed: int, now: datetime) -> Move | None:
    """Return the next step from what the order is to what the books say, None when it is there.

    `owed` is how much was decided to be given back in all (our own books have it). A paid order is granted first
    before anything else but a full refund or a dispute is looked at: that step is not made here.
    """
    if books.state in ("open", "failed", "expired", "unknown"):
        return _unpaid(order, books, now)
    if problem := mismatch(order, books):
        # Never a grant. Whoever has failed stays so, and what was granted before has matched then.
        return Move(to="failed", problem=problem) if order.state in (*OPEN, "expired", "cancelled") else None
    if order.state == "created":
        return Move(to="pending", ref=books.ref or order.provider_ref)
    if order.state == "pending":
        return Move(to="paid", ref=books.ref or order.provider_ref)
    if order.state in ("expired", "cancelled", "failed"):
        if order.paid_at is not None:  # it was paid with nothing, and could not be granted
            return None
        return Move(to="paid", ref=books.ref or order.provider_ref, problem=LATE)
    if order.state == "refunded":
        return None
    return _money(order, books, owed)


def _unpaid(order: Order, books: PaymentState, now: datetime) -> Move | None:
    if order.state not in OPEN:
        return None
    if books.state == "failed":
        return Move(to="failed", problem="refused")
    if books.state == "expired" or now >= order.expires_at:
        return Move(to="expired")
    if books.state == "open" and order.state == "created":
        return Move(to="pending", ref=books.ref or order.provider_ref)
    return None


def _money(order: Order, books: PaymentState, owed: int) -> Move | None:
    """What became of money that had been paid."""
    back = min(books.refunded, order.due)
    whole = back >= order.due > 0
    if books.state == "disputed":
        return None if order.state == "disputed" else Move(to="disputed")
    if order.state == "disputed":
        if back < owed:
            return Move(to="refund_pending", refunded=back)
        if order.granted_at is None and not whole:
            return Move(to="paid")
        return Move(to="refunded" if whole else "part_refunded" if back else "granted", refunded=back)
    if order.state == "refund_pending" and back < owed:
        return None
    if back <= order.refunded or (order.state == "paid" and not whole):
        return None
    return Move(to="refunded" if whole else "part_refunded", refunded=back)


def wrong_events(order: Order, events: Sequence[ProviderEvent]) -> list[tuple[ProviderEvent, Problem]]:
    """Return those events that are not about this order as it was made."""
    return [(event, problem) for event in events if (problem := event_mismatch(order, event))]
