"""What Stripe's books say of an order: its checkout, what was paid by it, and what became of that money."""

from typing import Any

import msgspec

from domain.membership.model import Order
from domain.membership.ports import PaymentState
from infra.payments.stripe_books import Books, Session, Subscription


def state(books: Books, order: Order, account: str) -> PaymentState:
    """`account` is ours. An order with a bill's id is a renewal."""
    asked = _renewal if order.provider_ref.startswith("in_") else _first
    return asked(books, order, account)


def _first(books: Books, order: Order, account: str) -> PaymentState:
    session = books.session(order)
    if session is None:
        return PaymentState(state="unknown")
    rest = books.subscription(session.subscription) if session.subscription else None
    told = PaymentState(
        state="open",
        order_id=session.client_reference_id or "",
        ref=session.id,
        amount=session.amount_total or 0,
        currency=(session.currency or "").upper(),
        account=account,
        live=session.livemode,
        subscription=session.subscription or "",
        period_end=rest.until if rest else None,
        renewal=_later(rest, session),
        print_=_fingerprint(rest.default_payment_method) if rest else "",
    )
    if session.status == "expired":
        return msgspec.structs.replace(told, state="expired")
    if session.status != "complete":
        return told
    intent = session.payment_intent or (books.paid_by(session.invoice) if session.invoice else "")
    if session.payment_status == "unpaid":  # a bank takes days, or has said no
        payment = books.intent(intent) if intent else None
        no = payment is not None and payment.status in ("canceled", "requires_payment_method")
        return msgspec.structs.replace(told, state="failed" if no else "open")
    return _money(books, told, intent)


def _renewal(books: Books, order: Order, account: str) -> PaymentState:
    bill = books.invoice(order.provider_ref)
    if bill is None:
        return PaymentState(state="unknown")
    told = PaymentState(
        state="failed" if bill.status in ("void", "uncollectible") else "open",
        order_id=order.id if bill.order_id else "",  # the bill itself names the order that began it all
        ref=bill.id,
        amount=bill.amount_paid,
        currency=bill.currency.upper(),
        account=account,
        live=bill.livemode,
        subscription=bill.of,
        period_end=bill.until,
    )
    return _money(books, told, books.paid_by(bill.id)) if bill.status == "paid" else told


def _money(books: Books, told: PaymentState, ref: str) -> PaymentState:
    """Add what became of money that was paid."""
    payment = books.intent(ref) if ref else None
    charge = payment.latest_charge if payment else None
    if charge is None:  # on trial, or nothing was left to pay
        return msgspec.structs.replace(told, state="paid")
    back = charge.amount_refunded
    state = "refunded" if 0 < told.amount <= back else "part_refunded" if back else "paid"
    if charge.disputed and books.disputed(ref):
        state = "disputed"
    print_ = told.print_ or _fingerprint(charge.payment_method_details)
    return msgspec.structs.replace(told, state=state, refunded=back, print_=print_)


def _later(rest: Subscription | None, session: Session) -> str:
    last = rest.latest_invoice if rest else None
    return last if last and last != session.invoice else ""


def _fingerprint(means: Any) -> str:
    return (means.card.fingerprint or "") if means and means.card else ""
