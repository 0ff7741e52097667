"""Politeness in SQL: domain.knowledge.ports.Hosts, shared by every process of one database.

A turn is one short transaction that holds the host's row: when it was last asked, until when it is left alone, and
when each place that is taken ends. Windows go by the clock of whoever asks: machines that share a database want NTP.
"""

from datetime import UTC, datetime, timedelta

import msgspec
from sqlalchemy import Connection, Engine, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from db.again import again
from db.tables.pages import SITE_CHARS, hosts
from db.work import reading, storable, writing
from domain.errors import BadInput

PLACE = timedelta(seconds=30)  # a place that nobody gave back ends
ROBOTS_FOR = timedelta(days=1)  # RFC 9309
ROBOTS_CHARS = 524_288  # RFC 9309: at least 500 KiB are to be read
LONGEST_PAUSE = timedelta(days=1)
AGAIN_S = 0.1  # when a place may have come free
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)

_MINE = hosts.c.host == bindparam("which")
_STATE = select(hosts.c.started_at, hosts.c.paused_until, hosts.c.places).where(_MINE)
_HOLD = _STATE.with_for_update()
_ADD = insert(hosts)
_START = (
    update(hosts)
    .where(_MINE)
    .values(started_at=bindparam("start"), places=bindparam("taken"), seen_at=bindparam("start"))
)
_LEAVE = update(hosts).where(_MINE).values(places=bindparam("taken"), paused_until=bindparam("until"))
_ROBOTS = select(hosts.c.robots, hosts.c.barred).where(
    _MINE, hosts.c.robots_at > bindparam("since")
)
_KEEP = (
    update(hosts)
    .where(_MINE)
    .values(robots=bindparam("body"), barred=bindparam("all"), robots_at=bindparam("now"), seen_at=bindparam("now"))
)
_PURGE = delete(hosts).where(hosts.c.seen_at < bindparam("before"))


class SqlHosts:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def robots(self, host: str, now: datetime) -> tuple[str, bool] | None:
        if not _is_host(host):
            return None
        with reading(self._engine) as connection:
            row = connection.execute(_ROBOTS, {"which": host, "since": now - ROBOTS_FOR}).first()
        return None if row is None else (row.robots, bool(row.barred))

    @again(IntegrityError)  # somebody else was the first to ask this host
    def keep_robots(self, host: str, body: str, barred: bool, now: datetime) -> None:
        """Text that cannot be kept is mended: NUL and lone surrogates are in no rule that could match an address."""
        if not storable(body):
            body = body.replace("\0", "").encode(errors="replace").decode()
        values = {"which": host, "body": body[:ROBOTS_CHARS], "all": barred, "now": now}
        with writing(self._engine) as connection:
            if not connection.execute(_KEEP, values).rowcount:
                _add(connection, host, now)
                connection.execute(_KEEP, values)

    @again(IntegrityError)
    def turn(self, host: str, now: datetime, gap: timedelta, at_once: int = 2) -> float:
        with writing(self._engine) as connection:
            row = connection.execute(_HOLD, {"which": host}).first() if _is_host(host) else None
            if row is None:
                _add(connection, host, now)
                places: list[int] = []
            else:
                places = _taken(row.places, now)
                if wait := _wait(row.started_at, row.paused_until, places, now, gap, at_once):
                    return wait
            taken = msgspec.json.encode([*places, _micros(now + PLACE)]).decode()
            connection.execute(_START, {"which": host, "start": now, "taken": taken})
        return 0.0

    @again()
    def leave(self, host: str, now: datetime, pause: timedelta = timedelta()) -> None:
        if not _is_host(host):
            return
        with writing(self._engine) as connection:
            row = connection.execute(_HOLD, {"which": host}).first()
            if row is None:
                return
            rest = sorted(_taken(row.places, now))[1:]  # whose place it was makes no difference
            until = max(now + min(pause, LONGEST_PAUSE), row.paused_until or now)
            values = {"which": host, "taken": msgspec.json.encode(rest).decode(), "until": until}
            connection.execute(_LEAVE, values)

    @again()
    def purge(self, before: datetime) -> int:
        """Forget hosts that nobody asked since then; return how many."""
        with writing(self._engine) as connection:
            return connection.execute(_PURGE, {"before": before}).rowcount


def _add(connection: Connection, host: str, now: datetime) -> None:
    if not _is_host(host):
        raise BadInput("url_bad")
    row = {"host": host, "places": "[]", "robots": "", "barred": False, "seen_at": now}
    connection.execute(_ADD, row)


def _wait(
    started: datetime | None, paused: datetime | None, places: list[int], now: datetime, gap: timedelta, at_once: int
) -> float:
    """Return the seconds until it may be asked, 0.0 for now."""
    ready = max([now, *([started + gap] if started else []), *([paused] if paused else [])])
    if ready > now:
        return (ready - now).total_seconds()
    if len(places) >= at_once:
        ends = (min(places) - _micros(now)) / 1e6 if places else PLACE.total_seconds()
        return min(ends, max(gap.total_seconds(), AGAIN_S))
    return 0.0


def _taken(places: str, now: datetime) -> list[int]:
    return [end for end in msgspec.json.decode(places, type=list[int]) if end > _micros(now)]


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _is_host(host: str) -> bool:
    return 0 < len(host) <= SITE_CHARS and host.isascii() and host.isprintable()
