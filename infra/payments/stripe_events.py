"""What Stripe's webhooks say, in our words.

Only what is needed is read, from the places of today's API version and from those before 2025, since an endpoint keeps
the version that it was made with. Of kinds that are not used only the frame is read.
"""

from datetime import datetime

import msgspec

from domain.membership.model import EventKind, ProviderEvent
from infra.payments import signed

FIRST = "subscription_create"  # the reason of a subscription's first bill, which its checkout has told already


class _Frame(msgspec.Struct):
    id: str
    type: str
    created: int
    livemode: bool
    data: "_Data"
    account: str | None = None  # on whose behalf, with Connect


class _Data(msgspec.Struct):
    object: msgspec.Raw


class _Session(msgspec.Struct):
    id: str
    client_reference_id: str | None = None
    amount_total: int | None = None
    currency: str | None = None
    payment_status: str = ""
    subscription: str | None = None


class _Payment(msgspec.Struct):
    """A charge, or a dispute about one."""

    payment_intent: str | None = None
    amount: int = 0
    amount_refunded: int = 0
    currency: str = ""
    status: str = ""
    metadata: dict[str, str] = {}


class _Details(msgspec.Struct):
    subscription: str | None = None
    metadata: dict[str, str] | None = None


class _Parent(msgspec.Struct):
    subscription_details: _Details | None = None


class _Period(msgspec.Struct):
    end: int


class _Line(msgspec.Struct):
    period: _Period


class _Lines(msgspec.Struct):
    data: list[_Line] = []


class Invoice(msgspec.Struct):
    id: str
    billing_reason: str | None = None
    amount_paid: int = 0
    amount_due: int = 0
    currency: str = ""
    livemode: bool = False
    status: str | None = None
    parent: _Parent | None = None
    subscription: str | None = None  # until 2025
    subscription_details: _Details | None = None  # until 2025
    lines: _Lines = msgspec.field(default_factory=_Lines)

    @property
    def details(self) -> _Details:
        now = self.parent.subscription_details if self.parent else None
        return now or self.subscription_details or _Details()

    @property
    def order_id(self) -> str:
        return (self.details.metadata or {}).get("order_id", "")

    @property
    def of(self) -> str:
        """Return the id of the subscription."""
        return self.details.subscription or self.subscription or ""

    @property
    def until(self) -> datetime | None:
        """Return when what it paid for ends; its own period is the one before."""
        ends = [line.period.end for line in self.lines.data]
        return signed.instant(max(ends)) if ends else None


class _Subscription(msgspec.Struct):
    id: str
    metadata: dict[str, str] = {}


def event(body: bytes, ours: str) -> ProviderEvent:
    """Return what a body tells that is signed already; `ours` is the account that plain endpoints belong to.

    Raises NotAllowed("webhook_bad").
    """
    frame = signed.read(body, _Frame)
    told = ProviderEvent(
        provider="stripe",
        id=frame.id,
        kind="other",
        account=frame.account or ours,
        live=frame.livemode,
        at=signed.instant(frame.created),
    )
    what, _, step = frame.type.rpartition(".")
    inside = bytes(frame.data.object)
    if what == "checkout.session":
        told = _session(told, step, signed.read(inside, _Session))
    elif frame.type in ("charge.refunded", "charge.dispute.created", "charge.dispute.closed"):
        told = _payment(told, frame.type, signed.read(inside, _Payment))
    elif frame.type in ("invoice.paid", "invoice.payment_failed"):
        told = _invoice(told, step, signed.read(inside, Invoice))
    elif frame.type == "customer.subscription.deleted":
        over = signed.read(inside, _Subscription)
        order_id = over.metadata.get("order_id", "")
        told = _with(told, "ended" if order_id else "other", order_id=order_id, subscription=over.id)
    return signed.sound(told)


def _session(told: ProviderEvent, step: str, session: _Session) -> ProviderEvent:
    kinds: dict[str, EventKind] = {
        "async_payment_succeeded": "paid", "async_payment_failed": "failed", "expired": "expired"
    }  # fmt: skip
    kind = kinds.get(step, "other")
    if step == "completed" and session.payment_status != "unpaid":  # else a bank is still at it: async_... follows
        kind = "paid"
    return _with(
        told,
        kind if session.client_reference_id else "other",  # somebody else's, in the same account
        order_id=session.client_reference_id or "",
        ref=session.id,
        amount=session.amount_total or 0,
        currency=(session.currency or "").upper(),
        subscription=session.subscription or "",
    )


def _payment(told: ProviderEvent, name: str, payment: _Payment) -> ProviderEvent:
    """The order is in it only where it was paid once and not by subscription: Stripe.complete finds the others."""
    if name == "charge.refunded":
        kind: EventKind = "refunded"
    else:
        kept = name.endswith("closed") and payment.status in ("won", "warning_closed", "prevented")
        kind = "dispute_won" if kept else "disputed"
    amount = payment.amount_refunded if kind == "refunded" else payment.amount
    order_id = payment.metadata.get("order_id", "")
    # Until it is completed `ref` is Stripe's own name of the payment.
    ref = "" if order_id else payment.payment_intent or ""
    return _with(told, kind, order_id=order_id, ref=ref, amount=amount, currency=payment.currency.upper())


def _invoice(told: ProviderEvent, step: str, invoice: Invoice) -> ProviderEvent:
    kind: EventKind = "renewed" if step == "paid" else "renewal_failed"
    if invoice.billing_reason == FIRST or not invoice.order_id:
        kind = "other"
    return _with(
        told,
        kind,
        order_id=invoice.order_id,
        ref=invoice.id,
        amount=invoice.amount_paid if step == "paid" else invoice.amount_due,
        currency=invoice.currency.upper(),
        subscription=invoice.of,
        period_end=invoice.until,
    )


def _with(told: ProviderEvent, kind: EventKind, **more: object) -> ProviderEvent:
    return msgspec.structs.replace(told, kind=kind, **more)
