"""The statements of db/orders.py and db/order_owners.py, made once.

Whatever changes an order takes its row first; then come the membership, a coupon's use, the books, and last the counter
of receipts, which all who grant wait for.
"""

from typing import Any

from sqlalchemy import Update, bindparam, insert, null, select, update

from db.order_rows import COLUMNS
from db.tables.membership import counters, coupon_uses, memberships, orders, trials

ORDER = [orders.c[name] for name in COLUMNS]
RECEIPTS = "receipts"

_ORDER = orders.c.id == bindparam("which")
ADD = insert(orders)
GET = select(*ORDER).where(_ORDER)
GET_OWN = GET.where(orders.c.user_id == bindparam("whose"))
IN_SLOT = select(*ORDER).where(orders.c.user_id == bindparam("whose"), orders.c.slot == bindparam("in_slot"))

_NEWEST = select(*ORDER).order_by(orders.c.created_at.desc(), orders.c.id.desc()).limit(bindparam("most"))
_BEFORE = orders.c.created_at < bindparam("before")
_IN = orders.c.state == bindparam("now_in")
ALL, ALL_BEFORE = _NEWEST, _NEWEST.where(_BEFORE)
ALL_IN, ALL_IN_BEFORE = _NEWEST.where(_IN), _NEWEST.where(_IN, _BEFORE)
OF = _NEWEST.where(orders.c.user_id == bindparam("whose"))
OF_BEFORE = OF.where(_BEFORE)
LONGEST = (  # of one state: the index gives the oldest first, and a few of each are merged
    select(*ORDER, orders.c.moved_at)
    .where(_IN, orders.c.moved_at < bindparam("before"))
    .order_by(orders.c.moved_at)
    .limit(bindparam("most"))
)

# Refunds go round: of an order that was given back in part once more meanwhile, the state is the same again.
_STILL = update(orders).where(
    _ORDER, orders.c.state == bindparam("was"), orders.c.refunded == bindparam("was_refunded")
)
MOVED: dict[Any, Any] = {"state": bindparam("to_state"), "moved_at": bindparam("now")}
CLOSED = MOVED | {"slot": orders.c.id}


def move(closed: bool, names: frozenset[str]) -> Update:
    """Return the statement that sets these columns besides; it is made once by SQLAlchemy's cache."""
    new: dict[Any, Any] = {name: bindparam(f"new_{name}") for name in sorted(names)}
    return _STILL.values((CLOSED if closed else MOVED) | new)


GRANT = (
    update(orders)
    .where(_ORDER, orders.c.state == "paid", orders.c.user_id == bindparam("whose"))
    .values(
        state="granted", granted_at=bindparam("now"), moved_at=bindparam("now"),
        from_=bindparam("new_from"), to_=bindparam("new_to"),
    )
)  # fmt: skip
NEXT = update(counters).where(counters.c.name == RECEIPTS).values(value=counters.c.value + 1)
TAKEN = select(counters.c.value).where(counters.c.name == RECEIPTS)
BEGIN_COUNTING = insert(counters).values(name=RECEIPTS, value=0)
NUMBER = update(orders).where(_ORDER).values(receipt=bindparam("number"))

# What an account leaves behind: orders without a person, for the books.
OWNED = select(orders.c.id, orders.c.coupon).where(orders.c.user_id == bindparam("whose")).order_by(orders.c.id)
DISOWN = update(orders).where(_ORDER, orders.c.user_id == bindparam("whose")).values(user_id="", slot=orders.c.id)
DISOWN_USE = (
    update(coupon_uses)
    .where(coupon_uses.c.code == bindparam("which_code"), coupon_uses.c.order_id == bindparam("which"))
    .values(once=coupon_uses.c.order_id)
)
DISOWN_TRIAL = update(trials).where(trials.c.user_id == bindparam("whose")).values(user_id=null())
END = memberships.delete().where(memberships.c.user_id == bindparam("whose"))
