"""Counters in SQL: domain.people.Limits on SQLite, MySQL or PostgreSQL, shared by every process of one database.

One UPDATE decides and counts, so no two hits can take the same last place. A hit that is refused writes nothing.
Windows go by the clock of whoever asks: machines that share a database want NTP.
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, bindparam, case, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from db.again import again
from db.tables.people import limits
from db.tables.types import Moment
from db.work import reading, writing
from domain.people import Wanted

_OVER = limits.c.until <= bindparam("now")
_FREE = _OVER | (limits.c.count < bindparam("most"))
_MINE = limits.c.key == bindparam("name")
# MySQL sets columns one after the other and reads what it has set: `count` looks at `until` before that changes.
_COUNT = (
    update(limits)
    .where(_MINE, _FREE)
    .ordered_values(
        (limits.c.count, case((_OVER, 1), else_=limits.c.count + 1)),
        # Typed: inside a CASE it would be written as Python prints it, zone and all, and compare as another text.
        (limits.c.until, case((_OVER, bindparam("end", type_=Moment())), else_=limits.c.until)),
    )
)
_BEGIN = insert(limits)
_SEEN = select(limits.c.count.label("hits"), limits.c.until).where(_MINE)
_FORGET = delete(limits).where(_MINE)
_PURGE = delete(limits).where(_OVER)


class _Full(Exception):
    def __init__(self, waits: list[float]) -> None:
        self.waits = waits


class _Changed(Exception):
    """The counter changed between two looks at it."""


class SqlLimits:
    """`secret` keys the hash under which counters are kept: without it nobody tells which addresses they are of."""

    def __init__(self, engine: Engine, secret: str) -> None:
        self._engine, self._secret = engine, secret.encode()

    def hit(self, key: str, most: int, window_s: int, now: datetime) -> float:
        """Raises Unavailable."""
        return self.hit_all([(key, most, window_s)], now)[0]

    def hit_all(self, wanted: Sequence[Wanted], now: datetime) -> list[float]:
        """One transaction for all of them. Raises Unavailable."""
        try:
            return self._hit_all(wanted, now)
        except _Full as full:
            return full.waits

    @again(IntegrityError, _Changed)  # somebody else began the window, or it ended between two looks
    def _hit_all(self, wanted: Sequence[Wanted], now: datetime) -> list[float]:
        with writing(self._engine) as connection:
            waits = [self._count(connection, *each, now) for each in wanted]
            if any(waits):
                raise _Full(waits)  # what was counted before the full one is taken back
            return waits

    def _count(self, connection: Connection, key: str, most: int, window_s: int, now: datetime) -> float:
        if most < 1:
            return float(window_s)
        name, end = hashed(self._secret, key), now + timedelta(seconds=window_s)
        if connection.execute(_COUNT, {"name": name, "now": now, "most": most, "end": end}).rowcount:
            return 0.0
        seen = connection.execute(_SEEN, {"name": name}).first()
        if seen is None:
            connection.execute(_BEGIN, {"key": name, "count": 1, "until": end})
            return 0.0
        if seen.hits >= most and seen.until > now:
            # A clock that went back by a day would have people wait for a day.
            return float(min((seen.until - now).total_seconds(), window_s))
        raise _Changed

    def left(self, key: str, most: int, window_s: int, now: datetime) -> int:
        with reading(self._engine) as connection:
            seen = connection.execute(_SEEN, {"name": hashed(self._secret, key)}).first()
        return most if seen is None or seen.until <= now else max(0, most - int(seen.hits))

    @again()
    def forget(self, key: str) -> None:
        with writing(self._engine) as connection:
            connection.execute(_FORGET, {"name": hashed(self._secret, key)})

    @again()
    def purge(self, now: datetime) -> int:
        """Erase windows that are over; return how many. Wanted once a day: rows are 120 bytes."""
        with writing(self._engine) as connection:
            return connection.execute(_PURGE, {"now": now}).rowcount


def hashed(secret: bytes, key: str) -> str:
    """64 hex digits. Addresses are few: a hash without a secret would be undone by trying them all."""
    return hmac.new(secret, b"limit\n" + key.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
