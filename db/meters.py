"""What is used of what a plan gives, in SQL: domain.membership.ports.Meters on SQLite, MySQL or PostgreSQL.

What is held is in the meter as well as in the holds, so that one guarded UPDATE decides whether there is enough left,
however many ask at once. The sums of `uses`, of `use_days` and of `meters.used` are the same, but for meters that were
purged.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping
from sqlalchemy.exc import IntegrityError

from db import meter_sql as sql
from db.again import again
from db.meter_owners import SqlMeterOwners
from db.order_rows import refuse, whole
from db.work import known, reading, writing
from domain.membership.model import FEATURES, Feature, Hold, Use, UsedDay

Key = dict[str, Any]


class _Changed(Exception):
    """The meter changed between two looks at it."""


class SqlMeters(SqlMeterOwners):
    @again(IntegrityError, _Changed)  # somebody else began the meter, or holds by the same id
    def hold(self, hold: Hold, limit: int, least: int) -> int:
        """Raises BadInput for what no database could hold."""
        row = hold_row(hold)
        key = _key(hold.owner, hold.feature, hold.window)
        with writing(self._engine) as connection:
            before = connection.execute(sql.GET_HOLD, {"which": hold.id}).first()
            if before is not None:  # an id that is somebody else's holds nothing here
                return int(before.amount) if (before.owner, before.feature) == (hold.owner, hold.feature) else 0
            amount = _keep(connection, key, hold.amount, limit, least, hold.at)
            if amount:
                connection.execute(sql.ADD_HOLD, row | {"amount": amount})
        return amount

    @again(IntegrityError, _Changed)  # as there: another turn of its owner began the meter anew
    def extend(self, hold_id: str, more: int, limit: int) -> int:
        if not known(hold_id) or more < 1:
            return 0
        with writing(self._engine) as connection:
            hold = _take(connection, hold_id)
            if hold is None:
                return 0
            amount = _keep(connection, _key(hold.owner, hold.feature, hold.window), more, limit, 1, hold.at)
            if amount:
                connection.execute(sql.GROW_HOLD, {"which": hold_id, "more": amount})
        return amount

    @again(IntegrityError)  # another hold is settled with one of these calls, or the first of the day
    def settle(self, hold_id: str, uses: Sequence[Use], now: datetime) -> int:
        """Raises BadInput for uses that no database could hold: then the hold stays."""
        firsts = first_of_each(uses)
        if not known(hold_id):
            return 0
        with writing(self._engine) as connection:
            hold = _take(connection, hold_id)
            if hold is None:
                return 0
            before = set(connection.scalars(sql.KNOWN_USES, {"ids": list(firsts)})) if firsts else set()
            rows, left = [], hold.amount
            for use in firsts.values():
                if use.call_id not in before:
                    amount = min(use.amount, left)
                    left -= amount
                    whose = {"owner": hold.owner, "feature": hold.feature, "at": now}
                    rows.append({"call_id": use.call_id, "kind": use.kind, "amount": amount, **whose})
            if rows:
                connection.execute(sql.ADD_USES, rows)
            _count(connection, hold, hold.amount - left, now)
            connection.execute(sql.END_HOLD, {"which": hold_id})
        return hold.amount - left

    @again()
    def release(self, hold_id: str) -> None:
        if not known(hold_id):
            return
        with writing(self._engine) as connection:
            hold = _take(connection, hold_id)
            if hold is not None:
                key = _key(hold.owner, hold.feature, hold.window)
                connection.execute(sql.RELEASE, key | {"let_go": hold.amount})
                connection.execute(sql.END_HOLD, {"which": hold_id})

    def stale(self, now: datetime, feature: Feature, limit: int = 100) -> list[Hold]:
        """The longest over first."""
        with reading(self._engine) as connection:
            rows = connection.execute(sql.STALE, {"now": now, "what": feature, "most": max(limit, 0)}).mappings()
            return [_to_hold(row) for row in rows]

    def used(self, owner: str, feature: Feature, window: str) -> tuple[int, int]:
        if not known(owner) or not (window == "" or _is_window(window)):
            return 0, 0
        with reading(self._engine) as connection:
            row = connection.execute(sql.METER, _key(owner, feature, window)).first()
        return (0, 0) if row is None else (int(row.used), int(row.held))

    def days(self, owner: str, feature: Feature, since: date) -> list[UsedDay]:
        if not known(owner):
            return []
        with reading(self._engine) as connection:
            rows = connection.execute(sql.DAYS, {"whose": owner, "what": feature, "first": since})
            return [UsedDay(*row) for row in rows]


def _keep(connection: Connection, key: Key, wanted: int, limit: int, least: int, now: datetime) -> int:
    """Hold up to `wanted` of a meter, or nothing where less than `least` is left; return how much."""
    if connection.execute(sql.KEEP, key | {"more": wanted, "most": limit}).rowcount:
        return wanted
    meter = connection.execute(sql.TAKE_METER, key).first()
    left = limit if meter is None else limit - meter.used - meter.held
    amount = min(wanted, left)
    if amount < max(1, min(least, wanted)):
        return 0
    if meter is None:
        named = {"owner": key["whose"], "feature": key["what"], "window_key": key["in_window"]}
        connection.execute(sql.NEW_METER, named | {"used": 0, "held": amount, "touched_at": now})
    elif not connection.execute(sql.KEEP, key | {"more": amount, "most": limit}).rowcount:
        raise _Changed
    return amount


def _count(connection: Connection, hold: Hold, counted: int, now: datetime) -> None:
    key = _key(hold.owner, hold.feature, hold.window)
    connection.execute(sql.COUNT, key | {"counted": counted, "let_go": hold.amount, "now": now})
    if counted:
        day = {"whose": hold.owner, "what": hold.feature, "which": now.astimezone(UTC).date()}
        if not connection.execute(sql.COUNT_DAY, day | {"counted": counted}).rowcount:
            row = {"owner": hold.owner, "feature": hold.feature, "day": day["which"], "amount": counted}
            connection.execute(sql.NEW_DAY, row)


def _take(connection: Connection, hold_id: str) -> Hold | None:
    """Lock a hold until the unit of work ends: of two who settle it the second finds it gone."""
    row = connection.execute(sql.TAKE_HOLD, {"which": hold_id}).mappings().first()
    return None if row is None else _to_hold(row)


def _key(owner: str, feature: Feature, window: str) -> Key:
    return {"whose": owner, "what": feature, "in_window": window}


def _to_hold(row: RowMapping) -> Hold:
    fields = dict(row)
    return Hold(window=fields.pop("window_key"), **fields)


def _is_window(window: str) -> bool:
    """Unlike ids, windows have a space: "month 2026-11-05". Not at their end, where MySQL would not see it."""
    return known(window.replace(" ", "-")) and window == window.strip()


def hold_row(hold: Hold) -> dict[str, Any]:
    fits = {
        "id": known(hold.id),
        "owner": known(hold.owner),
        "feature": hold.feature in FEATURES,
        "window": hold.window == "" or _is_window(hold.window),
        "amount": whole(hold.amount, least=1),
        "at": hold.at.tzinfo is not None and hold.expires_at.tzinfo is not None,
    }
    refuse(fits)
    return {
        "id": hold.id, "owner": hold.owner, "feature": hold.feature, "window_key": hold.window,
        "at": hold.at, "expires_at": hold.expires_at,
    }  # fmt: skip


def first_of_each(uses: Sequence[Use]) -> dict[str, Use]:
    """Return the uses by their call; of those with one id the first counts."""
    for use in uses:
        refuse({"call_id": known(use.call_id), "kind": known(use.kind), "amount": whole(use.amount)})
    return {use.call_id: use for use in reversed(uses)}
