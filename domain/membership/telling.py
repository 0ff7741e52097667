"""What became of money, told: the audit log has it, and its owner what they must know.

It is a job, kept in the unit of work of that which it tells of, so that no crash in between leaves either of them out.
The job's `event_id` is when it happened and what, with what the order does not say itself: "paid", "refunded:0:499",
"asked:<operator>:499".
"""

from collections.abc import Mapping
from datetime import datetime

from domain.audit import Action, happened
from domain.membership.model import Order
from domain.membership.orders import Move
from domain.membership.shop import Shop
from domain.membership.words import money
from domain.people import AuditEvent

Note = tuple[Action, str, Mapping[str, str | int]]  # what happened, who did it, and the details


def dated(now: datetime, what: str) -> str:
    """Return what a job is to tell, "" for nothing."""
    return f"{now.isoformat()}/{what}" if what else ""


def telling(order: Order, move: Move) -> str:
    """Return what is to be told of a move that the provider's books led to, "" for nothing."""
    if move.to in ("paid", "disputed"):
        return move.to
    if move.to == "failed" and move.problem != "refused":
        return f"failed:{move.problem or order.problem}"
    if move.refunded is not None and move.refunded > order.refunded and move.to in ("refunded", "part_refunded"):
        return f"refunded:{order.refunded}:{move.refunded}"
    return "won" if (order.state, move.to) == ("disputed", "granted") else ""


class Telling(Shop):
    async def _tell(self, order: Order, told: str, again: bool) -> None:
        """`again`: it may have been told already, by a program that died then."""
        moment, _, what = told.partition("/")
        name, _, rest = what.partition(":")
        action, who, details = _note_of(order, name, rest)
        event = happened(action, datetime.fromisoformat(moment), who, order.id, "", **details)
        if again and await self._is_noted(event):
            return
        if name == "refunded":
            before, _, after = rest.partition(":")
            part = int(after) - int(before)
            await self._mail(
                "refunded", order.user_id, f"refund-{order.id}-{after}", "/membership", sum=money(part, order.currency)
            )
        elif name == "returned":
            await self._mail("not_granted", order.user_id, f"not-granted-{order.id}", "/membership")
        await self._do(self._audit.add, [event])  # last: it says that all of it is told
        self._point("tell:noted")

    async def _is_noted(self, event: AuditEvent) -> bool:
        found = await self._do(self._audit.find, event.action, event.target, event.at)
        return any(row.event == event for row in found)


def _note_of(order: Order, name: str, rest: str) -> Note:
    who = order.user_id or "system"
    match name:
        case "paid":
            return "order_paid", who, {"amount": order.due, "plan": order.plan_id}
        case "granted":
            return "membership_granted", who, {"plan": order.plan_id, "receipt": order.receipt or 0}
        case "returned":
            return "payment_returned", who, {"problem": rest}
        case "refunded":
            before, _, after = rest.partition(":")
            return "order_refunded", who, {"amount": int(after) - int(before)}
        case "asked":
            by, _, amount = rest.rpartition(":")
            return "refund_asked", by, {"amount": int(amount)}
        case "refused":
            return "refund_refused", "system", {}
        case "disputed":
            return "order_disputed", who, {}
        case "won":
            return "dispute_won", who, {}
        case "failed":
            return "payment_mismatch", "system", {"problem": rest}
    raise ValueError(f"nothing is told of {name}")
