"""The statements of db/meters.py and db/meter_owners.py, made once.

Whoever settles or extends a hold takes its row first, then the meter's. No statement counts beyond a limit: it looks at
what is used and held in the moment in which it writes.
"""

from datetime import datetime

from sqlalchemy import BindParameter, bindparam, delete, insert, select, update

from db.tables.membership import holds, meters, use_days, uses
from db.tables.people import users
from domain.membership.model import Hold

FIELDS = ["window_key" if name == "window" else name for name in Hold.__struct_fields__]
HOLD = [holds.c[name] for name in FIELDS]

_METER = (
    (meters.c.owner == bindparam("whose"))
    & (meters.c.feature == bindparam("what"))
    & (meters.c.window_key == bindparam("in_window"))
)
_MORE: BindParameter[int] = bindparam("more")
KEEP = (
    update(meters)
    .where(_METER, meters.c.used + meters.c.held + _MORE <= bindparam("most"))
    .values(held=meters.c.held + _MORE)
)
TAKE_METER = select(meters.c.used, meters.c.held).where(_METER).with_for_update()
METER = select(meters.c.used, meters.c.held).where(_METER)
NEW_METER = insert(meters)
_LET_GO = meters.c.held - bindparam("let_go")
RELEASE = update(meters).where(_METER).values(held=_LET_GO)
COUNT = (
    update(meters)
    .where(_METER)
    .values(used=meters.c.used + bindparam("counted"), held=_LET_GO, touched_at=bindparam("now"))
)

_HOLD = holds.c.id == bindparam("which")
ADD_HOLD = insert(holds)
GET_HOLD = select(holds.c.owner, holds.c.feature, holds.c.amount).where(_HOLD)
TAKE_HOLD = select(*HOLD).where(_HOLD).with_for_update()
GROW_HOLD = update(holds).where(_HOLD).values(amount=holds.c.amount + _MORE)
END_HOLD = delete(holds).where(_HOLD)
STALE = (
    select(*HOLD)
    .where(holds.c.expires_at <= bindparam("now"), holds.c.feature == bindparam("what"))
    .order_by(holds.c.expires_at)
    .limit(bindparam("most"))
)

KNOWN_USES = select(uses.c.call_id).where(uses.c.call_id.in_(bindparam("ids", expanding=True)))
ADD_USES = insert(uses)
_DAY = (
    (use_days.c.owner == bindparam("whose"))
    & (use_days.c.feature == bindparam("what"))
    & (use_days.c.day == bindparam("which"))
)
COUNT_DAY = update(use_days).where(_DAY).values(amount=use_days.c.amount + bindparam("counted"))
NEW_DAY = insert(use_days)
DAYS = (
    select(use_days.c.day, use_days.c.amount)
    .where(
        use_days.c.owner == bindparam("whose"),
        use_days.c.feature == bindparam("what"),
        use_days.c.day >= bindparam("first"),
    )
    .order_by(use_days.c.day)
)

# Owners: a guest who becomes a user, an account that goes, guests who stay away.
HOLDS_OF = select(holds.c.id).where(holds.c.owner == bindparam("whose")).order_by(holds.c.id).with_for_update()
GIVE_HOLD = update(holds).where(_HOLD).values(owner=bindparam("new_owner"))
METERS_OF = (
    select(meters.c.feature, meters.c.window_key, meters.c.used, meters.c.held, meters.c.touched_at)
    .where(meters.c.owner == bindparam("whose"))
    .order_by(meters.c.feature, meters.c.window_key)
    .with_for_update()
)
DAYS_OF = select(use_days.c.feature, use_days.c.day, use_days.c.amount).where(use_days.c.owner == bindparam("whose"))
GIVE_USES = update(uses).where(uses.c.owner == bindparam("whose")).values(owner=bindparam("new_owner"))
ERASE = [delete(table).where(table.c.owner == bindparam("whose")) for table in (holds, meters, use_days, uses)]
_BEFORE: BindParameter[datetime] = bindparam("before")
_later = meters.alias()
_OLD = (
    meters.c.touched_at < _BEFORE,
    ~select(users.c.id).where(users.c.id == meters.c.owner).exists(),
    ~select(_later.c.owner).where(_later.c.owner == meters.c.owner, _later.c.touched_at >= _BEFORE).exists(),
)
OLD_GUESTS = select(meters.c.owner).where(*_OLD).distinct().limit(bindparam("most"))
STILL_OLD = select(meters.c.owner).where(meters.c.owner == bindparam("whose"), *_OLD).limit(1)
