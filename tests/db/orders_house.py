"""Orders, memberships and what providers tell, for the tests of their stores."""

from datetime import UTC, datetime, timedelta
from typing import Any

from domain.membership.model import Coupon, Entry, Membership, Order, ProviderEvent, Transaction
from domain.membership.ports import Orders

NOON = datetime(2026, 11, 28, 12, 0, 0, 123456, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
HOSTILE = ("", "\0", "\ud800", "x" * 70, "x" * 100_000, "two words", "anna ", "' OR 1=1 --", "订单", "a\r\nb")


def order(name: str = "order1", user: str = "anna", minutes: float = 0, **fields: Any) -> Order:
    usual: dict[str, Any] = {
        "kind": "buy", "plan_id": "plus", "period": "month", "amount": 1200, "currency": "USD", "list_amount": 1200,
        "provider": "sandbox", "live": False, "account": "house", "expires_at": NOON + DAY,
    }  # fmt: skip
    return Order(**{**usual, "id": name, "user_id": user, "created_at": NOON + minutes * MINUTE, **fields})


def membership(user: str = "anna", **fields: Any) -> Membership:
    usual: dict[str, Any] = {
        "plan_id": "plus", "since": NOON, "until": NOON + 30 * DAY, "period": "month", "renews": True,
        "provider": "sandbox", "subscription": f"sub_{user}",
    }  # fmt: skip
    return Membership(**{**usual, "user_id": user, **fields})


def event(name: str = "evt_1", order_id: str = "order1", **fields: Any) -> ProviderEvent:
    usual: dict[str, Any] = {
        "provider": "sandbox", "kind": "paid", "ref": "pay_1", "amount": 1200, "currency": "USD", "account": "house",
        "live": False, "at": NOON,
    }  # fmt: skip
    return ProviderEvent(**{**usual, "id": name, "order_id": order_id, **fields})


def coupon(code: str = "AUTUMN", most: int = 3, **fields: Any) -> Coupon:
    return Coupon(**{"percent": 20, "code": code, "most": most, **fields})


def payment(order_id: str = "order1", amount: int = 1200, at: datetime = NOON, currency: Any = "USD") -> Transaction:
    entries = (Entry("clearing", amount, currency), Entry("revenue", -amount, currency))
    return Transaction(id=f"pay:{order_id}", order_id=order_id, at=at, entries=entries)


def paid(orders: Orders, name: str = "order1", user: str = "anna", **fields: Any) -> Order:
    """Return an order that somebody has paid."""
    kept = orders.create(order(name, user, **fields), None)
    assert orders.move(kept, "pending", NOON, provider_ref=f"cs_{name}")
    assert orders.move(orders.get(name), "paid", NOON, job="grant", transaction=payment(name), paid_at=NOON)
    return orders.get(name)
