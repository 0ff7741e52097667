"""The audit log in SQL: domain.people.Audit on SQLite, MySQL or PostgreSQL. Rows are added, never changed."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, insert, select
from sqlalchemy.exc import IntegrityError, NoResultFound

from db.again import again
from db.audit_chain import Head, HeadBroken, HeadFile, row_mac
from db.tables.people import audit
from db.work import reading, writing
from domain.audit import clean
from domain.errors import Unavailable
from domain.people import AuditEvent, AuditRow

log = logging.getLogger(__name__)
PAGE = 1_000
TOLD_S = 3_600.0  # how often the program's own log says the head: whoever keeps that elsewhere keeps heads, too

_LAST = select(audit.c.seq, audit.c.mac).order_by(audit.c.seq.desc()).limit(1)
_ADD = insert(audit)


class Finding(msgspec.Struct, frozen=True):
    """What `inspect` saw: so many good rows, the last of them, and the first that is wrong or missing."""

    rows: int
    last: Head
    compared: bool  # whether there was a head, without which an end that was cut off cannot be seen
    broken: int | None = None
    # "missing", "changed", "cut" (the end), "other" (a row of another log), "head" (its file is not ours)
    why: str = ""


class SqlAudit:
    """`key` signs; it is kept outside the database. Without a `head` an end that was cut off cannot be seen."""

    def __init__(
        self, engine: Engine, key: str, head: HeadFile | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine, self._key, self._head, self._monotonic = engine, key.encode(), head, monotonic
        self._tell_at = 0.0
        self._one = threading.Lock()  # writers of this process take turns; those of others meet at the primary key

    def add(self, events: Sequence[AuditEvent]) -> None:
        """All or none. What hostile text cannot be stored is mended, not refused. Raises Unavailable."""
        rows = [_row(clean(event)) for event in events]
        if not rows:
            return
        with self._one:
            self._move(self._write(rows))

    @again(IntegrityError)  # another process wrote a row with our number
    def _write(self, rows: list[dict[str, Any]]) -> Head:
        with writing(self._engine) as connection:
            last = self._chain(connection, rows)
            connection.execute(_ADD, rows)
        return last

    def _chain(self, connection: Connection, rows: list[dict[str, Any]]) -> Head:
        seq, mac = self._last(connection)
        for row in rows:
            seq += 1
            row["seq"] = seq
            row["mac"] = mac = row_mac(self._key, row, mac)
        return Head(seq, mac)

    def _move(self, last: Head) -> None:
        if (now := self._monotonic()) >= self._tell_at:
            self._tell_at = now + TOLD_S
            log.info("the head of the audit log is %d:%s", last.seq, last.mac)
        try:
            if self._head is not None:
                self._head.move(last)
        except OSError as error:  # the row is kept: a full disk must not turn a sign-in away
            log.error("the head of the audit log cannot be kept: %s", error.strerror)

    def _last(self, connection: Connection) -> tuple[int, str]:
        found = connection.execute(_LAST).first()
        return (int(found.seq), str(found.mac)) if found else (0, "")

    def find(
        self, action: str = "", about: str = "", since: datetime | None = None, before: int = 0, limit: int = 100
    ) -> list[AuditRow]:
        wanted = [audit.c.action == action] * (action != "")
        if since is not None:
            wanted.append(audit.c.at >= since)
        if before > 0:
            wanted.append(audit.c.seq < min(before, 2**63 - 1))
        if not all(name.isprintable() and name.isascii() for name in (action, about)):
            return []  # PostgreSQL takes no NUL, drivers no lone surrogates; nothing of ours is called so
        # Two reads by an index each: an OR of both would sort all that somebody ever did for the newest of it.
        sides = [[audit.c.actor == about], [audit.c.target == about]] if about else [[]]
        found: dict[int, dict[str, Any] | None] = {}
        for side in sides:
            found |= self._read([*wanted, *side], audit.c.seq.desc(), max(limit, 0))
        newest = sorted(found, reverse=True)[: max(limit, 0)]
        return [_told(row) for row in map(found.get, newest) if row is not None]

    def verify(self) -> int | None:
        return self.inspect().broken

    def inspect(self, expect: Head | None = None) -> Finding:
        """Read the log from its beginning; `expect` is a head that was noted elsewhere. Raises Unavailable."""
        try:
            head = self._head.read() if self._head else None
            ours = True
        except HeadBroken:
            head, ours = None, False
        known = [each for each in (head, expect) if each is not None]  # read before the rows: new ones may come
        seq, mac, rows = 0, "", 0

        def found(broken: int | None, why: str) -> Finding:
            return Finding(rows, Head(seq, mac), bool(known), broken, why)

        for number, row in self._rows():
            if number > seq + 1:
                return found(seq + 1, "missing")
            if row is None or row["mac"] != row_mac(self._key, row, mac):
                return found(number, "changed")
            if any(number == each.seq and row["mac"] != each.mac for each in known):
                return found(number, "other")
            seq, mac, rows = number, row["mac"], rows + 1
        if any(each.seq > seq for each in known):
            return found(seq + 1, "cut")
        return found(None, "") if ours else found(seq + 1, "head")

    def _rows(self) -> Iterator[tuple[int, dict[str, Any] | None]]:
        """Every row by number, in pages: neither the whole log in memory nor one long transaction."""
        after = -(2**63)  # a row numbered 0 or less is an intruder, and has to be seen
        while True:
            rows = self._read([audit.c.seq > after], audit.c.seq, PAGE)
            yield from rows
            if len(rows) < PAGE:
                return
            after = rows[-1][0]

    def _read(
        self, where: Sequence[ColumnElement[bool]], order: ColumnElement[Any], most: int
    ) -> list[tuple[int, dict[str, Any] | None]]:
        """Return rows by number; None for one that somebody made unreadable, as SQLite lets them."""
        statement = select(audit).where(*where).order_by(order).limit(most)
        try:
            with reading(self._engine) as connection:
                return [(int(row["seq"]), dict(row)) for row in connection.execute(statement).mappings()]
        except (ValueError, TypeError, Unavailable):
            numbers = select(audit.c.seq).where(*where).order_by(order).limit(most)
            with reading(self._engine) as connection:
                found = list(connection.scalars(numbers))
            return [(n, self._one_row(n)) if isinstance(n, int) else (0, None) for n in found]

    def _one_row(self, number: int) -> dict[str, Any] | None:
        try:
            with reading(self._engine) as connection:
                return dict(connection.execute(select(audit).where(audit.c.seq == number)).mappings().one())
        except (ValueError, TypeError, Unavailable, NoResultFound):
            return None


def _row(event: AuditEvent) -> dict[str, Any]:
    return {**msgspec.structs.asdict(event), "detail": msgspec.json.encode(event.detail).decode()}


def _told(row: Any) -> AuditRow:
    try:
        detail = msgspec.json.decode(row["detail"], type=dict[str, str | int])
    except (
        msgspec.DecodeError,
        TypeError,
    ):  # somebody wrote into the database: the page still shows it, verify names it
        detail = {"unreadable": 1}
    names = ("at", "action", "actor", "target", "address")
    return AuditRow(int(row["seq"]), AuditEvent(**{name: row[name] for name in names}, detail=detail), str(row["mac"]))
