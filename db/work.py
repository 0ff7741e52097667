"""Units of work: one transaction each, and the database's troubles in the domain's words."""

import base64
import hashlib
import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from db.again import Collided, undone
from db.connect import QUEUE, WRITES
from db.tables.types import NAME_CHARS
from domain.errors import BadInput, Unavailable

log = logging.getLogger(__name__)
ALONE_WAIT_S = 120  # a migration of a large database takes a while
TURN_WAIT_S = 30  # as long as a burst of one owner may take on a slow machine; the others wait without end
_ALONE = 7_210_001  # the name of our lock: any number, the same for every process


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A view of one moment. Raises Unavailable("store_unavailable")."""
    with _troubles(), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Everything or nothing: what is done here is kept when the block ends, dropped when it raises.

    Raises Unavailable("store_unavailable"), as Collided where it may be run `again` (db/again.py).
    """
    queue = engine.get_execution_options().get(QUEUE) or nullcontext()
    begun = {WRITES: True}
    with _troubles(Collided), queue, engine.connect() as connection, connection.execution_options(**begun).begin():
        yield connection


def forget_log(engine: Engine) -> None:
    """Empty SQLite's write-ahead log, where erased rows are still to be read; elsewhere there is nothing to do."""
    if engine.name == "sqlite":
        with reading(engine) as connection:  # begun DEFERRED and reading nothing, it is not even in its own way
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def alone(engine: Engine) -> Iterator[Connection]:
    """Like `writing`, and no other process of ours is in such a block of this database at the same time.

    On SQLite `writing` is that already; PostgreSQL and MySQL have named locks. MySQL commits each statement
    that changes a table at once, the others all of them together.
    """
    if engine.name == "mysql":
        with _mysql_turn(engine, f"{_ALONE} {engine.url.database}"[:64], ALONE_WAIT_S) as connection:
            yield connection
        return
    with writing(engine) as connection:
        if engine.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:name)"), {"name": _ALONE})
        yield connection


@contextmanager
def in_turn(engine: Engine, name: str) -> Iterator[Connection]:
    """Like `writing`, and of all such blocks of that name one begins once what the one before did is kept or dropped.

    For rules over rows that are not there yet, which nobody could hold. Raises as `writing` does.
    """
    if engine.name == "mysql":
        with _mysql_turn(engine, str(_number(f"{engine.url.database} {name}")), TURN_WAIT_S) as connection:
            yield connection
        return
    with writing(engine) as connection:  # which on SQLite is all
        if engine.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:name)"), {"name": _number(name)})
        yield connection


@contextmanager
def _mysql_turn(engine: Engine, name: str, wait_s: int) -> Iterator[Connection]:
    """One transaction inside a lock by name, for the whole server.

    The lock is the connection's, not the transaction's: it is taken before the transaction begins, and given
    back after the commit, so that whoever has it next sees everything.
    """
    with _troubles(Collided), engine.connect() as connection:
        if connection.scalar(text("SELECT GET_LOCK(:name, :wait)"), {"name": name, "wait": wait_s}) != 1:
            raise Unavailable("store_unavailable")
        connection.commit()
        try:
            with connection.begin():
                yield connection
        finally:
            connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": name})
            connection.commit()


def _number(name: str) -> int:
    """Return 63 bits. Two names that share them wait for one another, and nothing else."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) >> 1


@contextmanager
def _troubles(collided: type[Unavailable] = Unavailable) -> Iterator[None]:
    """Server away, file locked for too long, disk full, pool used up: try again later."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        if undone(error):
            log.info("the database undid what met with another's work: %s", error.orig)
            raise collided("store_unavailable") from error
        log.error("the database failed: %s", error.orig)
        raise Unavailable("store_unavailable") from error
    except PoolTimeoutError as error:
        log.error("no database connection came free: %s", error)
        raise Unavailable("store_unavailable") from error


def new_id() -> str:
    """Return 20 characters of a-z and 2-7, 100 random bits: safe in a URL, a file name and a CSS selector."""
    return base64.b32encode(secrets.token_bytes(13))[:20].decode().lower()


def storable(text: str) -> bool:
    """Tell whether every database here can hold the text: PostgreSQL has no NUL, UTF-8 no lone surrogates."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def known(*names: str) -> bool:
    """Tell whether these could be ids that are kept here: 1 to 64 visible ASCII characters.

    Spaces are not among them, since MySQL takes "anna" and "anna " for equal.
    """
    return all(
        0 < len(name) <= NAME_CHARS and name.isascii() and name.isprintable() and " " not in name for name in names
    )


def check_names(*names: str) -> None:
    if not known(*names):
        raise BadInput("text_unreadable")


def check_texts(*texts: str) -> None:
    if not all(map(storable, texts)):
        raise BadInput("text_unreadable")
