"""Memberships in SQL. Each has a version: who reckoned a new one from an older version than the present is refused."""

from datetime import datetime
from typing import Any, get_args

import msgspec
from sqlalchemy import Connection, Engine, RowMapping, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from db.again import again
from db.order_rows import is_ref, whole
from db.tables.membership import memberships
from db.work import known, reading, writing
from domain.errors import BadInput
from domain.membership.model import Membership, Period

_FIELDS = Membership.__struct_fields__
_MEMBERSHIP = [memberships.c[name] for name in _FIELDS]
_MINE = memberships.c.user_id == bindparam("whose")
_GET = select(*_MEMBERSHIP).where(_MINE)
_BY_SUBSCRIPTION = select(*_MEMBERSHIP).where(
    memberships.c.provider == bindparam("of_provider"), memberships.c.subscription == bindparam("which")
)
_ENDING = (
    select(*_MEMBERSHIP)
    .where(memberships.c.ends_at < bindparam("before"))
    .order_by(memberships.c.ends_at)
    .limit(bindparam("most"))
)
_ADD = insert(memberships)
_CHANGING = [name for name in (*_FIELDS, "ends_at") if name != "user_id"]
_STILL = memberships.c.version == bindparam("expects")
_CHANGE = update(memberships).where(_MINE, _STILL).values({name: bindparam(f"new_{name}") for name in _CHANGING})
_COUNT_ON = update(memberships).where(_MINE, _STILL).values(version=memberships.c.version + 1)
_END = delete(memberships).where(_MINE, _STILL)


class SqlMemberships:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def membership(self, user_id: str) -> Membership | None:
        if not known(user_id):
            return None
        with reading(self._engine) as connection:
            return _first(connection.execute(_GET, {"whose": user_id}).mappings().first())

    def by_subscription(self, provider: str, subscription: str) -> Membership | None:
        if not known(provider) or not subscription or not is_ref(subscription):
            return None
        with reading(self._engine) as connection:
            values = {"of_provider": provider, "which": subscription}
            return _first(connection.execute(_BY_SUBSCRIPTION, values).mappings().first())

    def ending(self, before: datetime, limit: int = 100) -> list[Membership]:
        """The longest over first."""
        with reading(self._engine) as connection:
            rows = connection.execute(_ENDING, {"before": before, "most": max(limit, 0)}).mappings()
            return [Membership(**row) for row in rows]

    @again()
    def change(self, membership: Membership, expects: int) -> bool:
        """With `expects` 0 it is given, where there is none."""
        try:
            with writing(self._engine) as connection:
                return give(connection, membership, expects)
        except IntegrityError:  # there is one
            return False

    @again()
    def end(self, user_id: str, expects: int) -> bool:
        if not known(user_id):
            return False
        with writing(self._engine) as connection:
            return bool(connection.execute(_END, {"whose": user_id, "expects": expects}).rowcount)


def give(connection: Connection, membership: Membership, expects: int) -> bool:
    """Put it in the place of version `expects`; False where that is not the present one. Raises IntegrityError."""
    row = membership_row(membership) | {"version": expects + 1}
    if expects == 0:
        connection.execute(_ADD, row)
        return True
    new = {f"new_{name}": row[name] for name in _CHANGING}
    return bool(connection.execute(_CHANGE, {"whose": membership.user_id, "expects": expects, **new}).rowcount)


def count_on(connection: Connection, membership: Membership) -> bool:
    """Have whoever reckoned with it read again; False where it has changed already."""
    values = {"whose": membership.user_id, "expects": membership.version}
    return bool(connection.execute(_COUNT_ON, values).rowcount)


def membership_row(membership: Membership) -> dict[str, Any]:
    """Raises BadInput for what one of the databases would refuse or cut."""
    for name in ("user_id", "plan_id"):
        _check(name, known(getattr(membership, name)))
    for name in ("next_plan", "provider"):
        _check(name, getattr(membership, name) == "" or known(getattr(membership, name)))
    _check("subscription", is_ref(membership.subscription))
    _check("period", membership.period in get_args(Period))
    _check("next_period", membership.next_period in ("", *get_args(Period)))
    _check("next_amount", whole(membership.next_amount))
    for name in ("since", "until", "grace_until"):
        at = getattr(membership, name)
        _check(name, at is None or at.tzinfo is not None)
    ends = membership.grace_until or membership.until
    return msgspec.structs.asdict(membership) | {"ends_at": ends}


def _check(name: str, fits: bool) -> None:
    if not fits:
        raise BadInput("form_bad", field=name)


def _first(row: RowMapping | None) -> Membership | None:
    return None if row is None else Membership(**row)
