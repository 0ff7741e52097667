"""Coupons: whether one is good for a purchase, and what it takes off."""

from datetime import datetime

from domain.errors import BadInput, Conflict
from domain.membership.model import Coupon, Currency

_MOST_CHARS = 40


def spelled(code: str) -> str:
    """Return a code as it is kept: capitals, without the spaces around it that a mail brings along.

    Raises BadInput("coupon_unknown") for what can be none.
    """
    code = code.strip().upper()
    if not 0 < len(code) <= _MOST_CHARS or not code.isascii() or not code.replace("-", "").isalnum():
        raise BadInput("coupon_unknown", field="coupon")
    return code


def check(coupon: Coupon) -> Coupon:
    """Return a coupon that an operator makes. Raises BadInput("coupon_bad")."""
    one = (coupon.percent > 0) is not (coupon.amount > 0)
    sane = 0 <= coupon.percent <= 100 and coupon.amount >= 0 and coupon.most > 0
    if not one or not sane or (coupon.amount > 0) is not (coupon.currency in ("USD", "CNY")):
        raise BadInput("coupon_bad", field="coupon")
    return coupon


def good_for(coupon: Coupon, plan_id: str, currency: Currency, now: datetime) -> None:
    """Raises Conflict("coupon_over", "coupon_other_plan", "coupon_other_currency"). How often it was used the store
    knows, in the moment in which it is.
    """
    if coupon.until is not None and now >= coupon.until:
        raise Conflict("coupon_over", field="coupon")
    if coupon.plan_id and coupon.plan_id != plan_id:
        raise Conflict("coupon_other_plan", field="coupon")
    if coupon.amount and coupon.currency != currency:
        raise Conflict("coupon_other_currency", field="coupon")


def discount(coupon: Coupon, amount: int) -> int:
    """Return what it takes off, in minor units, at most all of it. A share is rounded half up."""
    off = coupon.amount or (2 * amount * coupon.percent + 100) // 200
    return max(0, min(off, amount))
