"""A checkout at Stripe: begun once for an order, by its idempotency key, and found again after that."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from domain.errors import Conflict
from domain.membership.model import Order
from domain.membership.ports import Checkout
from infra.payments.stripe_books import Books, Session

if TYPE_CHECKING:
    from stripe.params.checkout import SessionCreateParams

# A checkout may be open from half an hour to a day. A minute more than that, since the request takes its time.
SHORTEST, LONGEST = timedelta(minutes=31), timedelta(hours=23, minutes=59)
_LANGUAGES = {"zh-CN": "zh", "en": "en"}
_MOST_NAME = 250


def begin(
    books: Books, order: Order, email: str, language: str, back: str, tells: str, now: datetime
) -> Checkout:
    """Raises Conflict("order_state") for one that is paid or over."""
    import stripe

    if order.provider_ref:
        return _again(books, order)
    ask = _asked(order, email, language, back, tells, now)
    off = order.list_amount - order.amount
    if ask["mode"] == "subscription" and off:
        ask["discounts"] = [{"coupon": _coupon(books, order, off)}]
    try:
        made = books.client.v1.checkout.sessions.create(ask, {"idempotency_key": order.id})
        session = msgspec.json.decode(made.last_response.body, type=Session)  # type: ignore[union-attr]
    except stripe.IdempotencyError:  # the same order in another language, or from another page: it is there
        return _again(books, order)
    return Checkout(session.id, session.url or "")


def _again(books: Books, order: Order) -> Checkout:
    session = books.session(order)
    if session is None or session.status != "open" or not session.url:
        raise Conflict("order_state")
    return Checkout(session.id, session.url)


def _coupon(books: Books, order: Order, off: int) -> str:
    """What is less to pay the first time: renewals cost what the list says."""
    import stripe

    name = f"order-{order.id}"
    # After a trial: all bills of a month, so that the one of nothing, for the trial, does not use it up.
    lasts: Any = {"duration": "repeating", "duration_in_months": 1} if order.trial_days else {"duration": "once"}
    coupon: Any = {"id": name, "amount_off": off, "currency": order.currency.lower(), "max_redemptions": 1, **lasts}
    try:
        books.client.v1.coupons.create(coupon, {"idempotency_key": f"off-{order.id}"})
    except stripe.InvalidRequestError as wrong:
        if wrong.code != "resource_already_exists":
            raise
    return name


def _asked(
    order: Order, email: str, language: str, back: str, tells: str, now: datetime
) -> "SessionCreateParams":
    subscribes = order.kind != "renew"  # a period more of what does not renew by itself is paid once
    ends = min(max(order.expires_at, now + SHORTEST), now + LONGEST)
    price: Any = {
        "currency": order.currency.lower(),
        "unit_amount": order.list_amount if subscribes else order.due,
        "product_data": {"name": tells[:_MOST_NAME]},
    }
    ask: SessionCreateParams = {
        "mode": "subscription" if subscribes else "payment",
        "client_reference_id": order.id,
        "metadata": {"order_id": order.id},
        "line_items": [{"quantity": 1, "price_data": price}],
        "success_url": back,
        "cancel_url": back,
        "expires_at": int(ends.timestamp()),
        "locale": _LANGUAGES.get(language, "auto"),
    }
    if email:
        ask["customer_email"] = email
    if subscribes:
        price["recurring"] = {"interval": order.period}
        ask["subscription_data"] = {"metadata": {"order_id": order.id}, "description": tells[:_MOST_NAME]}
        if order.trial_days:
            ask["subscription_data"]["trial_period_days"] = order.trial_days
    else:
        ask["payment_intent_data"] = {"metadata": {"order_id": order.id}, "description": tells[:_MOST_NAME]}
    return ask
