"""Coupons in SQL. Each use is a row with a number below `most`, so that of many who want the last one, one gets it."""

from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, bindparam, func, insert, null, select, update
from sqlalchemy.exc import IntegrityError

from db.again import again
from db.order_rows import is_ref, refuse, whole
from db.tables.membership import coupon_uses, coupons, trials
from db.work import known, reading, writing
from domain.errors import Conflict
from domain.membership.model import Coupon, Order

_CODE = coupons.c.code == bindparam("which")
_USE = coupon_uses.c.code == bindparam("which")
_ADD = insert(coupons)
_FIELDS = [coupons.c[name] for name in Coupon.__struct_fields__]
_GET = select(*_FIELDS).where(_CODE)
_TAKE = _GET.with_for_update()  # whoever uses it waits here for those before
_CHANGE = (
    update(coupons)
    .where(_CODE)
    .values({name: bindparam(f"new_{name}") for name in Coupon.__struct_fields__ if name != "code"})
)
_USED = select(func.count()).where(_USE, coupon_uses.c.order_id.is_not(None))
_HAS = select(coupon_uses.c.number).where(_USE, coupon_uses.c.once == bindparam("whose"))
_FREED = (
    select(coupon_uses.c.number)
    .where(_USE, coupon_uses.c.order_id.is_(None), coupon_uses.c.number < bindparam("most"))
    .limit(1)
)
_LAST = select(coupon_uses.c.number).where(_USE).order_by(coupon_uses.c.number.desc()).limit(1)
_NEW_USE = insert(coupon_uses)
_USE_AGAIN = (
    update(coupon_uses)
    .where(_USE, coupon_uses.c.number == bindparam("freed"), coupon_uses.c.order_id.is_(None))
    .values(order_id=bindparam("order"), once=bindparam("whose"))
)
_FREE = (
    update(coupon_uses)
    .where(_USE, coupon_uses.c.order_id == bindparam("order"))
    .values(order_id=null(), once=null())
)

_ALL = select(*_FIELDS).order_by(coupons.c.code).where(coupons.c.code > bindparam("after")).limit(bindparam("most"))

_TRIAL_OF = select(trials.c.order_id).where(trials.c.user_id == bindparam("whose"))
_TRIAL_WITH = select(trials.c.order_id).where(trials.c.print == bindparam("paid_with"))
_ADD_TRIAL = insert(trials)


class SqlCoupons:
    """Coupons, and who had a trial."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @again(IntegrityError)  # two keep a new one at once
    def keep_coupon(self, coupon: Coupon) -> None:
        """One that is there is changed; its uses stay."""
        row = coupon_row(coupon)
        new = {f"new_{name}": value for name, value in row.items() if name != "code"}
        with writing(self._engine) as connection:
            if not connection.execute(_CHANGE, {"which": coupon.code, **new}).rowcount:
                connection.execute(_ADD, row)

    def coupon(self, code: str) -> Coupon | None:
        if not known(code):
            return None
        with reading(self._engine) as connection:
            row = connection.execute(_GET, {"which": code}).mappings().first()
        return None if row is None else Coupon(**row)

    def coupons(self, limit: int = 50, after: str = "") -> list[Coupon]:
        if after and not known(after):
            return []
        with reading(self._engine) as connection:
            rows = connection.execute(_ALL, {"most": max(limit, 0), "after": after}).mappings()
            return [Coupon(**row) for row in rows]

    def coupon_uses(self, code: str) -> int:
        if not known(code):
            return 0
        with reading(self._engine) as connection:
            return connection.scalar(_USED, {"which": code}) or 0

    def had_trial(self, user_id: str, print_: str) -> bool:
        """Either of them is enough; "" is nobody's."""
        with reading(self._engine) as connection:
            of = connection.scalar(_TRIAL_OF, {"whose": user_id}) if known(user_id) else None
            paid_with = connection.scalar(_TRIAL_WITH, {"paid_with": print_}) if print_ and is_ref(print_) else None
        return of is not None or paid_with is not None


def use_coupon(connection: Connection, code: str, order: Order) -> None:
    """Keep a use of it for the order. Raises Conflict("coupon_spent") and, where one may use it once, "coupon_used"."""
    row = connection.execute(_TAKE, {"which": code}).mappings().first()
    if row is None:
        raise Conflict("coupon_spent")
    once = order.user_id if row["once_each"] else order.id
    if connection.scalar(_HAS, {"which": code, "whose": once}) is not None:
        raise Conflict("coupon_used")
    use = {"order": order.id, "whose": once}
    freed = connection.scalar(_FREED, {"which": code, "most": row["most"]})
    if freed is not None:
        connection.execute(_USE_AGAIN, {"which": code, "freed": freed, **use})
        return
    last = connection.scalar(_LAST, {"which": code})
    number = 0 if last is None else last + 1
    if number >= row["most"]:
        raise Conflict("coupon_spent")
    connection.execute(_NEW_USE, {"code": code, "number": number, "order_id": order.id, "once": once})


def free_coupon(connection: Connection, order: Order) -> None:
    connection.execute(_FREE, {"which": order.coupon, "order": order.id})


def use_trial(connection: Connection, order: Order, print_: str) -> None:
    """Raises IntegrityError when the user had one, or whoever pays by the same means."""
    print_or_none = print_ if print_ and is_ref(print_) else None
    connection.execute(_ADD_TRIAL, {"order_id": order.id, "user_id": order.user_id, "print": print_or_none})


def coupon_row(coupon: Coupon) -> dict[str, Any]:
    fits = {
        "code": known(coupon.code),
        "percent": whole(coupon.percent, 100),
        "amount": whole(coupon.amount),
        "currency": coupon.currency == "" or known(coupon.currency),
        "most": whole(coupon.most, 2**31 - 1),
        "plan_id": coupon.plan_id == "" or known(coupon.plan_id),
        "until": coupon.until is None or coupon.until.tzinfo is not None,
    }
    refuse(fits)
    return msgspec.structs.asdict(coupon)
