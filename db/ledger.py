"""The ledger in SQL: domain.usage.Ledger on SQLite, MySQL or PostgreSQL.

Days are cut by comparing times, never by a date function, which each database spells and zones in its own way.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from itertools import count

import msgspec
from sqlalchemy import Connection, Engine, bindparam, func, insert, select
from sqlalchemy.exc import IntegrityError

from db.tables.core import calls
from db.work import known, reading, writing
from domain.errors import BadInput, Unavailable
from domain.usage import Call, Day, Sum, TurnCost

AT_ONCE = 500  # ids in one statement
RACES = 5  # how often others may have written the same rows in between
CALLS_A_TURN = 8  # how many a turn makes, roughly: the first guess of how far back `turns` has to look
MOST = 2**63 - 1

_FIELDS = Call.__struct_fields__
_NAMES = ("id", "turn_id", "kind", "runtime", "remote_id", "container", "outcome", "price_class", "price_version")
_MAY_BE_EMPTY = {"turn_id", "remote_id", "container"}
_FIGURES = ("engine_ms", "audio_ms", "tokens_in", "tokens_out", "microusd")

_KNOWN = select(calls.c.id).where(calls.c.id.in_(bindparam("ids", expanding=True)))
_ADD = insert(calls)
_TURN = (
    select(*(calls.c[name] for name in _FIELDS)).where(calls.c.turn_id == bindparam("turn")).order_by(calls.c.at)
)
_NEWEST = (
    select(calls.c.turn_id, calls.c.at)
    .where(calls.c.turn_id != "")
    .order_by(calls.c.at.desc())
    .limit(bindparam("most"))
)
_NEWEST_BEFORE = _NEWEST.where(calls.c.at < bindparam("before"))
_COSTS = (
    select(
        calls.c.turn_id, func.min(calls.c.at), func.count(), func.sum(calls.c.engine_ms), func.sum(calls.c.microusd)
    )
    .where(calls.c.turn_id.in_(bindparam("turns", expanding=True)))
    .group_by(calls.c.turn_id)
)
_WITHIN = (calls.c.at >= bindparam("first"), calls.c.at < bindparam("end"))
_LAST = select(func.max(calls.c.at)).where(*_WITHIN)
_DAY = select(
    func.count(func.distinct(func.nullif(calls.c.turn_id, ""))), func.count(), func.sum(calls.c.microusd)
).where(*_WITHIN)
_SUMS = (
    select(
        calls.c.kind, func.count(),
        *(func.sum(calls.c[name]) for name in ("engine_ms", "audio_ms", "tokens_in", "tokens_out", "microusd")),
    )
    .where(*_WITHIN).group_by(calls.c.kind).order_by(calls.c.kind)
)  # fmt: skip


class SqlLedger:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, calls: Sequence[Call]) -> int:
        """Raises BadInput for a row that no database could hold: then none of them is written."""
        for call in calls:
            _check(call)
        firsts = {call.id: call for call in reversed(calls)}
        # In order, so that two writers of the same rows queue at the first of them instead of blocking each other.
        rows = sorted(firsts.values(), key=lambda call: call.id)
        for _ in range(RACES):
            try:
                return self._add(rows)
            except IntegrityError:
                continue  # another writer was faster with some of them: they are seen the next time
        raise Unavailable("store_unavailable")

    def _add(self, rows: list[Call]) -> int:
        with writing(self._engine) as connection:
            before: set[str] = set()
            for start in range(0, len(rows), AT_ONCE):
                ids = [call.id for call in rows[start : start + AT_ONCE]]
                before.update(connection.scalars(_KNOWN, {"ids": ids}))
            new = [msgspec.structs.asdict(call) for call in rows if call.id not in before]
            if new:
                connection.execute(_ADD, new)
        return len(new)

    def turn(self, turn_id: str) -> list[Call]:
        if not known(turn_id):
            return []
        with reading(self._engine) as connection:
            found = [Call(**row) for row in connection.execute(_TURN, {"turn": turn_id}).mappings()]
        return sorted(found, key=lambda call: (call.at, call.id))

    def turns(self, limit: int = 50, before: datetime | None = None) -> list[TurnCost]:
        """A turn stands where its first call began.

        The newest calls are read from the end of the index, further back each time, until so many turns began
        after the oldest of them that none of those not seen can belong to the page.
        """
        statement = _NEWEST if before is None else _NEWEST_BEFORE
        values: dict[str, object] = {} if before is None else {"before": before}
        with reading(self._engine) as connection:
            for attempt in count():
                most = max(limit, 1) * CALLS_A_TURN * 4**attempt
                seen = connection.execute(statement, {**values, "most": most}).all()
                costs = _costs(connection, list(dict.fromkeys(turn_id for turn_id, _ in seen)))
                if len(seen) < most or sum(cost.at > seen[-1].at for cost in costs) >= limit:
                    break
        return sorted(costs, key=lambda cost: (cost.at, cost.turn_id), reverse=True)[:limit]

    def days(self, since: date) -> list[Day]:
        found: list[Day] = []
        first, end = _midnight(since), datetime.max.replace(tzinfo=UTC)
        with reading(self._engine) as connection:
            while last := connection.scalar(_LAST, {"first": first, "end": end}):
                day = last.date()
                end = _midnight(day)
                sums = connection.execute(_DAY, {"first": end, "end": end + timedelta(days=1)}).one()
                found.append(Day(day, *map(int, sums)))
        return found

    def sums(self, since: date, until: date) -> list[Sum]:
        within = {"first": _midnight(since), "end": _midnight(until) + timedelta(days=1)}
        with reading(self._engine) as connection:
            # Sums of whole numbers come as Decimal from MySQL and PostgreSQL.
            return [Sum(kind, *map(int, figures)) for kind, *figures in connection.execute(_SUMS, within)]


def _costs(connection: Connection, turn_ids: list[str]) -> list[TurnCost]:
    found: list[TurnCost] = []
    for start in range(0, len(turn_ids), AT_ONCE):
        rows = connection.execute(_COSTS, {"turns": turn_ids[start : start + AT_ONCE]})
        found += [TurnCost(turn_id, at, *map(int, figures)) for turn_id, at, *figures in rows]
    return found


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time_of_day(), UTC)


def _check(call: Call) -> None:
    """Refuse what one of the databases would refuse, cut or round: they are to agree."""
    for name in _NAMES:
        value = getattr(call, name)
        if not (known(value) or (value == "" and name in _MAY_BE_EMPTY)):
            raise BadInput("form_bad", field=name)
    for name in _FIGURES:
        value = getattr(call, name)
        if type(value) is not int or not 0 <= value <= MOST:
            raise BadInput("form_bad", field=name)
    if call.at.tzinfo is None:
        raise BadInput("form_bad", field="at")
