"""What the sandbox still has to tell the app, as its postman needs it."""

import sqlite3
from contextlib import AbstractContextManager
from typing import Any

import msgspec

KEPT = 1_000  # events, also of those that have arrived
_COLUMNS = "SELECT seq, kind, body, tries, arrived, last FROM events"


class Letter(msgspec.Struct):
    """An event on its way."""

    seq: int
    kind: str
    body: bytes
    tries: int
    arrived: bool
    last: str  # how the last try ended


class Letters:
    """`turn` is held while the database is used."""

    def __init__(self, db: sqlite3.Connection, turn: AbstractContextManager[Any]) -> None:
        self._db, self._turn = db, turn

    def due(self, now: float) -> list[Letter]:
        """Return what is to be told now, in the order in which it goes out."""
        return self._read(f"{_COLUMNS} WHERE arrived=0 AND due<=? ORDER BY turn LIMIT 100", now)

    def of(self, order_id: str) -> list[Letter]:
        """Return what was told of an order, newest first."""
        return self._read(f"{_COLUMNS} WHERE order_id=? ORDER BY seq DESC LIMIT 50", order_id)

    def next_due(self) -> float | None:
        with self._turn:
            found: float | None = self._db.execute("SELECT min(due) FROM events WHERE arrived=0").fetchone()[0]
            return found

    def arrived(self, seq: int, last: str) -> None:
        """One copy is there; a doubled one goes out once more."""
        with self._turn:
            self._db.execute(
                "UPDATE events SET copies=copies-1, arrived=(copies<=1), last=?, tries=tries+1 WHERE seq=?", (last, seq)
            )
            self._db.execute("DELETE FROM events WHERE arrived=1 AND seq < (SELECT max(seq) FROM events) - ?", (KEPT,))

    def failed(self, seq: int, last: str, again: float) -> None:
        """It is tried again at `again`, in seconds since 1970."""
        with self._turn:
            self._db.execute("UPDATE events SET tries=tries+1, due=?, last=? WHERE seq=?", (again, last, seq))

    def _read(self, sql: str, value: object) -> list[Letter]:
        with self._turn:
            rows = self._db.execute(sql, (value,)).fetchall()
        return [Letter(**{**dict(row), "arrived": bool(row["arrived"])}) for row in rows]
