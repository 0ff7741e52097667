"""Subscriptions at Stripe: cancelled, taken up again, and switched to another price when what is paid is over."""

from typing import Any

import msgspec

from domain.errors import Conflict
from domain.membership.model import Currency, Period
from infra.payments.stripe_books import Books, Subscription

_OVER = ("canceled", "incomplete_expired")


class _Item(msgspec.Struct):
    price: str
    quantity: int = 1


class _Discount(msgspec.Struct):
    discount: str | None = None


class _Phase(msgspec.Struct):
    start_date: int
    end_date: int
    items: list[_Item]
    trial_end: int | None = None
    discounts: list[_Discount] = []


class _Schedule(msgspec.Struct):
    id: str
    phases: list[_Phase]


def cancel(books: Books, ref: str) -> None:
    there = _there(books, ref)
    if there is not None:
        _release(books, there)  # one that is switched later cannot be cancelled before that
        books.client.v1.subscriptions.update(ref, {"cancel_at_period_end": True})


def resume(books: Books, ref: str) -> None:
    """Raises Conflict("resume_late")."""
    if _there(books, ref) is None:
        raise Conflict("resume_late")
    books.client.v1.subscriptions.update(ref, {"cancel_at_period_end": False})


def switch(books: Books, ref: str, amount: int, currency: Currency, period: Period, tells: str) -> None:
    """A change of the price alone would be paid at once where the period changes too; a schedule waits for the end.

    Raises Conflict("resume_late").
    """
    there = _there(books, ref)
    if there is None:
        raise Conflict("resume_late")
    _release(books, there)
    if there.costs == (amount, currency, period):
        return
    v1 = books.client.v1
    product = v1.products.create({"name": tells})
    made = v1.subscription_schedules.create({"from_subscription": ref})
    schedule = msgspec.json.decode(made.last_response.body, type=_Schedule)  # type: ignore[union-attr]
    price: Any = {
        "currency": currency.lower(), "product": product.id, "unit_amount": amount, "recurring": {"interval": period}
    }  # fmt: skip
    v1.subscription_schedules.update(
        schedule.id,
        {
            "end_behavior": "release",  # it goes on like that
            "phases": [
                _as_it_is(schedule.phases[0]),
                {"items": [{"price_data": price, "quantity": 1}], "proration_behavior": "none"},
            ],
        },
    )


def _as_it_is(phase: _Phase) -> Any:
    """Return what is paid already, to be told again: what is left out would be taken away, a trial with it."""
    told: dict[str, Any] = {
        "items": [msgspec.to_builtins(item) for item in phase.items],
        "start_date": phase.start_date,
        "end_date": phase.end_date,
        "proration_behavior": "none",
    }
    if phase.trial_end:
        told["trial_end"] = phase.trial_end
    if discounts := [{"discount": each.discount} for each in phase.discounts if each.discount]:
        told["discounts"] = discounts
    return told


def _there(books: Books, ref: str) -> Subscription | None:
    found = books.subscription(ref) if ref else None
    return found if found is not None and found.status not in _OVER else None


def _release(books: Books, there: Subscription) -> None:
    if there.schedule:
        books.client.v1.subscription_schedules.release(there.schedule)
