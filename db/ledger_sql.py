"""The statements of db/ledger.py, made once."""

from sqlalchemy import bindparam, func, insert, select, update

from db.tables.core import call_days, calls
from domain.usage import Call

USED = ("engine_ms", "audio_ms", "tokens_in", "tokens_out", "microusd")
FIGURES = ("turns", "calls", *USED)

KNOWN = select(calls.c.id).where(calls.c.id.in_(bindparam("ids", expanding=True)))
MOMENTS = select(calls.c.turn_id, calls.c.at).where(calls.c.turn_id.in_(bindparam("turns", expanding=True)))
ADD = insert(calls)

TURN = (
    select(*(calls.c[name] for name in Call.__struct_fields__))
    .where(calls.c.turn_id == bindparam("turn"))
    .order_by(calls.c.at)
)
NEWEST = (
    select(calls.c.turn_id, calls.c.at)
    .where(calls.c.turn_id != "")
    .order_by(calls.c.at.desc())
    .limit(bindparam("most"))
)
NEWEST_BEFORE = NEWEST.where(calls.c.at < bindparam("before"))
COSTS = (
    select(
        calls.c.turn_id, func.min(calls.c.at), func.count(), func.sum(calls.c.engine_ms), func.sum(calls.c.microusd)
    )
    .where(calls.c.turn_id.in_(bindparam("turns", expanding=True)))
    .group_by(calls.c.turn_id)
)

_DAY = call_days.c.day == bindparam("which")
HOLD = select(call_days.c.day).where(_DAY, call_days.c.kind == "").with_for_update()
COUNT = (
    update(call_days)
    .where(_DAY, call_days.c.kind == bindparam("what"))
    .values({name: call_days.c[name] + bindparam(f"more_{name}") for name in FIGURES})
)
NEW_DAY = insert(call_days)
DAYS = (
    select(*(call_days.c[name] for name in ("day", "turns", "calls", "microusd")))
    .where(call_days.c.day >= bindparam("first"), call_days.c.kind == "", call_days.c.calls > 0)
    .order_by(call_days.c.day.desc())
)
SUMS = (
    select(call_days.c.kind, *(func.sum(call_days.c[name]) for name in ("calls", *USED)))
    .where(call_days.c.day.between(bindparam("first"), bindparam("last")), call_days.c.kind != "")
    .group_by(call_days.c.kind)
    .order_by(call_days.c.kind)
)
