"""How the database is, for the page of admins: which one, how fast it answers, what waits in it."""

import time
from datetime import datetime

import msgspec
from sqlalchemy import Engine, func, select

from db.tables.people import outbox, sessions, users
from db.work import reading

NAMES = {"sqlite": "SQLite", "mysql": "MySQL", "mariadb": "MariaDB", "postgresql": "PostgreSQL"}


class Vitals(msgspec.Struct, frozen=True):
    database: str  # "SQLite 3.45.1"
    answered_ms: float  # to the first question
    accounts: int
    suspended: int
    sessions: int  # that are neither ended nor expired
    mails: int  # that wait to be sent; in development all there are
    oldest: datetime | None  # since when the one that waits longest does


class SqlVitals:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def look(self, now: datetime) -> Vitals:
        """Raises Unavailable."""
        began = time.monotonic()
        waiting = select(func.count(), func.min(outbox.c.at)).where(outbox.c.sent_at.is_(None))
        open_ = select(func.count()).where(sessions.c.revoked_at.is_(None), sessions.c.expires_at > now)
        with reading(self._engine) as connection:
            mails, oldest = connection.execute(waiting).one()
            answered_ms = (time.monotonic() - began) * 1_000
            people, suspended = connection.execute(select(func.count(), func.count(users.c.suspended_at))).one()
            alive = connection.execute(open_).scalar_one()
            version = ".".join(map(str, connection.dialect.server_version_info or ()))
            kind = "mariadb" if getattr(connection.dialect, "is_mariadb", False) else connection.dialect.name
        name = f"{NAMES.get(kind, kind)} {version}".strip()
        return Vitals(name, round(answered_ms, 1), people, suspended, alive, mails, oldest)
