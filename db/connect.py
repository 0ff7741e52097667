"""From a database URL to an engine that behaves the same on SQLite, MySQL and PostgreSQL."""

import os
import threading
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

# Two options that db/work.py uses: a unit of work that writes, and the lock that writers of this process queue at.
WRITES, QUEUE = "writes", "queue"
DRIVERS = {"sqlite": "pysqlite", "mysql": "pymysql", "postgresql": "psycopg"}
# As many connections as asyncio.to_thread and Litestar have threads (40 at most): a store call never waits for one.
POOL: dict[str, Any] = {"pool_size": 10, "max_overflow": 30}


def connect(url: str, wait_s: float = 10) -> Engine:
    """Return an engine for `sqlite:///file`, `mysql://...` or `postgresql://...`; nothing is opened yet.

    A SQLite file and its folder are made when they are missing, readable by their owner only; `wait_s` is
    how long a writer waits there for the one before it. Raises ValueError for a URL that cannot be used,
    in words for whoever set it, and OSError when the file cannot be made.
    """
    target = _target(url)
    try:
        if target.get_backend_name() == "sqlite":
            return _sqlite(target, wait_s)
        return _server(target)
    except NoSuchModuleError:
        raise ValueError(f"{target.drivername}: no such database driver") from None
    except ImportError as error:
        raise ValueError(
            f"{target.drivername} needs the Python package {error.name}: pip install {error.name}"
        ) from error


def disconnect(engine: Engine) -> None:
    """Close its connections. One that a thread still has is closed when it comes back: `dispose` would leave it open.

    Whoever is cancelled while a thread of theirs asks the database does not wait for that thread.
    """
    event.listen(engine, "checkin", lambda _, record: record.invalidate())  # the pool that `dispose` makes has it too
    engine.dispose()


def _target(url: str) -> URL:
    try:
        target = make_url(url)
    except ArgumentError:
        raise ValueError(
            "the database URL cannot be read: use sqlite:///FILE, mysql://... or postgresql://..."
        ) from None
    kind, _, driver = target.drivername.partition("+")
    kind = {"mariadb": "mysql", "postgres": "postgresql"}.get(kind, kind)
    if kind not in DRIVERS:
        raise ValueError(f"{kind}: no such database here, use sqlite, mysql or postgresql")
    return target.set(drivername=f"{kind}+{driver or DRIVERS[kind]}")


def _sqlite(target: URL, wait_s: float) -> Engine:
    if not target.database or target.database.startswith((":", "file:")):
        raise ValueError("SQLite needs a file here: every thread would see another database in memory")
    file = Path(target.database)
    file.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives its -wal and -shm the same mode
    engine = create_engine(
        target,
        hide_parameters=True,  # what people say to a character has no place in a log
        connect_args={"timeout": wait_s},
        # SQLite has one writer at a time, and those who wait sleep and try again: with 20 threads that write
        # without a pause some slept 900 ms. In a queue of our own the next one is woken at once.
        execution_options={QUEUE: threading.Lock()},
        **POOL,
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins no transaction of its own: _begin_sqlite does
    for pragma in (
        "journal_mode = WAL",  # readers never wait for the writer
        # Every commit reaches the disk before it is acknowledged; docs/adr/0002-sqlite-commits.md has the figures.
        "synchronous = FULL",
        "foreign_keys = ON",
        "secure_delete = ON",  # what is erased is overwritten, not just unlinked
        "journal_size_limit = 16777216",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads and then writes fails at once, without waiting, when another has written in
    # between; taking the write lock at the beginning makes writers wait for their turn instead.
    mode = "IMMEDIATE" if connection.get_execution_options().get(WRITES) else "DEFERRED"
    connection.exec_driver_sql(f"BEGIN {mode}")


def _server(target: URL) -> Engine:
    """Both servers: UTC, every character, READ COMMITTED, and no connection that died in the pool."""
    if target.get_backend_name() == "postgresql":
        session: dict[str, Any] = {"connect_timeout": 5, "options": "-c timezone=UTC", "client_encoding": "utf8"}
    else:
        strict = "SET SESSION time_zone = '+00:00', sql_mode = CONCAT_WS(',', @@sql_mode, 'STRICT_ALL_TABLES')"
        session = {"connect_timeout": 5, "charset": "utf8mb4", "init_command": strict}
    return create_engine(
        target,
        hide_parameters=True,
        isolation_level="READ COMMITTED",  # PostgreSQL's own; on MySQL it avoids locks on gaps between rows
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args=session,
        **POOL,
    )
