"""The ledger in SQL: domain.usage.Ledger on SQLite, MySQL or PostgreSQL.

A row of `calls` and its share of `call_days` are written together. Days are those of UTC, reckoned here: every
database has date functions of its own, with its own idea of zones.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import count

import msgspec
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from db import ledger_sql as sql
from db.again import again
from db.work import known, reading, writing
from domain.errors import BadInput
from domain.usage import Call, Day, Sum, TurnCost

AT_ONCE = 500  # ids in one statement
CALLS_A_TURN = 8  # how many a turn makes, roughly: the first guess of how far back `turns` has to look
MOST = 2**56 - 1  # of one row, so that the sums of a day fit 63 bits

_NAMES = ("id", "kind", "runtime", "outcome", "price_class", "price_version")
_MAY_BE_EMPTY = ("turn_id", "remote_id", "container")


class SqlLedger:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, calls: Sequence[Call]) -> int:
        """Raises BadInput for a row that no database could hold: then none of them is written."""
        for call in calls:
            _check(call)
        firsts = {call.id: call for call in reversed(calls)}  # of rows with one id the first counts
        return self._add(sorted(firsts.values(), key=lambda call: call.id)) if firsts else 0

    @again(IntegrityError)  # somebody else wrote one of them in between: the next time it is seen
    def _add(self, rows: list[Call]) -> int:
        with writing(self._engine) as connection:
            for day in sorted({_day(call.at) for call in rows}):
                _hold(connection, day)
            before = {id_ for ids in _some([call.id for call in rows]) for id_ in _ids(connection, ids)}
            new = [call for call in rows if call.id not in before]
            if new:
                for key, figures in _shares(connection, new).items():
                    _count(connection, *key, figures)
                connection.execute(sql.ADD, [msgspec.structs.asdict(call) for call in new])
        return len(new)

    def turn(self, turn_id: str) -> list[Call]:
        if not known(turn_id):
            return []
        with reading(self._engine) as connection:
            found = [Call(**row) for row in connection.execute(sql.TURN, {"turn": turn_id}).mappings()]
        return sorted(found, key=lambda call: (call.at, call.id))

    def turns(self, limit: int = 50, before: datetime | None = None) -> list[TurnCost]:
        """A turn stands where its first call began.

        The newest calls are read from the end of the index, further back each time, until so many turns began
        after the oldest of them that none of those not seen can belong to the page.
        """
        statement = sql.NEWEST if before is None else sql.NEWEST_BEFORE
        values: dict[str, object] = {} if before is None else {"before": before}
        costs: list[TurnCost] = []
        with reading(self._engine) as connection:
            for attempt in count():
                most = max(limit, 1) * CALLS_A_TURN * 4**attempt
                seen = connection.execute(statement, {**values, "most": most}).all()
                costs = list(_costs(connection, list(dict.fromkeys(turn_id for turn_id, _ in seen))))
                if len(seen) < most or sum(cost.at > seen[-1].at for cost in costs) >= limit:
                    break
        return sorted(costs, key=lambda cost: (cost.at, cost.turn_id), reverse=True)[:limit]

    def days(self, since: date) -> list[Day]:
        with reading(self._engine) as connection:
            return [Day(*row) for row in connection.execute(sql.DAYS, {"first": since})]

    def sums(self, since: date, until: date) -> list[Sum]:
        with reading(self._engine) as connection:
            rows = connection.execute(sql.SUMS, {"first": since, "last": until})
            # Sums of whole numbers come as Decimal from MySQL and PostgreSQL.
            return [Sum(kind, *map(int, figures)) for kind, *figures in rows]


def _hold(connection: Connection, day: date) -> None:
    """Lock a day until the unit of work ends: whoever else writes in it waits here, and then sees our rows."""
    if connection.execute(sql.HOLD, {"which": day}).first() is None:
        connection.execute(sql.NEW_DAY, {"day": day, "kind": "", **dict.fromkeys(sql.FIGURES, 0)})


def _ids(connection: Connection, ids: list[str]) -> Sequence[str]:
    return connection.scalars(sql.KNOWN, {"ids": ids}).all()


def _shares(connection: Connection, new: list[Call]) -> dict[tuple[date, str], dict[str, int]]:
    """Return what these rows add to each day and kind, in the order in which to write it."""
    turns = sorted({call.turn_id for call in new} - {""})
    counted = {
        (row.turn_id, _day(row.at))
        for some in _some(turns)
        for row in connection.execute(sql.MOMENTS, {"turns": some})
    }
    shares: dict[tuple[date, str], dict[str, int]] = {}
    for call in new:
        day = _day(call.at)
        fresh = call.turn_id != "" and (call.turn_id, day) not in counted
        counted.add((call.turn_id, day))
        for kind in ("", call.kind):
            share = shares.setdefault((day, kind), dict.fromkeys(sql.FIGURES, 0))
            share["turns"] += fresh and kind == ""
            share["calls"] += 1
            for name in sql.USED:
                share[name] += getattr(call, name)
    return dict(sorted(shares.items()))


def _count(connection: Connection, day: date, kind: str, figures: dict[str, int]) -> None:
    share = {f"more_{name}": value for name, value in figures.items()}
    if not connection.execute(sql.COUNT, {"which": day, "what": kind, **share}).rowcount:
        connection.execute(sql.NEW_DAY, {"day": day, "kind": kind, **figures})


def _costs(connection: Connection, turn_ids: list[str]) -> Iterator[TurnCost]:
    for some in _some(turn_ids):
        for turn_id, at, *figures in connection.execute(sql.COSTS, {"turns": some}):
            yield TurnCost(turn_id, at, *map(int, figures))


def _some(names: list[str]) -> Iterator[list[str]]:
    return (names[start : start + AT_ONCE] for start in range(0, len(names), AT_ONCE))


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()


def _check(call: Call) -> None:
    """Refuse what one of the databases would refuse, cut or round: they are to agree."""
    for name in (*_NAMES, *_MAY_BE_EMPTY):
        value = getattr(call, name)
        if not (known(value) or (value == "" and name in _MAY_BE_EMPTY)):
            raise BadInput("form_bad", field=name)
    for name in sql.USED:
        value = getattr(call, name)
        if type(value) is not int or not 0 <= value <= MOST:
            raise BadInput("form_bad", field=name)
    if call.at.tzinfo is None:
        raise BadInput("form_bad", field="at")
