"""Databases for the store tests: memory and SQLite always, MariaDB and PostgreSQL under the marker `server`."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, create_engine, delete, text
from sqlalchemy.exc import OperationalError

from db.accounts import SqlAccounts
from db.chats import SqlChats
from db.connect import connect
from db.keys import SqlKeys
from db.ledger import SqlLedger
from db.migrate import upgrade
from db.personas import SqlPersonas
from db.sessions import SqlSessions
from db.tables.core import metadata
from db.tokens import SqlTokens
from domain.people import Accounts, Keys, Sessions, Tokens
from domain.ports import Chats
from domain.usage import Ledger
from tests.fakes_people import MemoryAccounts, MemoryKeys, MemorySessions, MemoryTokens, Town
from tests.fakes_stores import MemoryChats, MemoryLedger, MemoryPersonas

SERVERS = {
    "mysql": "mysql+pymysql://root@127.0.0.1:3306",
    "postgresql": "postgresql+psycopg://postgres@127.0.0.1:5432",
}
SQL = ["sqlite", *(pytest.param(kind, marks=pytest.mark.server) for kind in SERVERS)]


@contextmanager
def server_database(kind: str) -> Iterator[str]:
    """Yield the URL of a database made for the occasion; skip where there is no such server, except on CI."""
    home = SERVERS[kind] + ("/postgres" if kind == "postgresql" else "")
    admin = create_engine(home, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    name = f"parley_test_{secrets.token_hex(5)}"
    try:
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
    except OperationalError:
        admin.dispose()
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no {kind} server answers at {SERVERS[kind]}")
    try:
        yield f"{SERVERS[kind]}/{name}"
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name}" + (" WITH (FORCE)" if kind == "postgresql" else "")))
        admin.dispose()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def mysql() -> Iterator[str]:
    with server_database("mysql") as url:
        upgrade(url)
        yield url


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    with server_database("postgresql") as url:
        upgrade(url)
        yield url


@pytest.fixture
def sqlite(migrated_file: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(migrated_file, tmp_path / 'core.db')}"


@contextmanager
def emptied(url: str) -> Iterator[Engine]:
    """Yield an engine on a migrated database with nothing in it."""
    engine = connect(url)
    with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))
    yield engine
    engine.dispose()


@pytest.fixture(params=SQL)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A migrated, empty database of each kind."""
    with emptied(request.getfixturevalue(request.param)) as engine:
        yield engine


@pytest.fixture(params=["memory", *SQL])
def chats(request: pytest.FixtureRequest) -> Iterator[Chats]:
    """Each store of chats: the fake that other tests rely on, and the real one on each database."""
    if request.param == "memory":
        yield MemoryChats()
        return
    with emptied(request.getfixturevalue(request.param)) as engine:
        yield SqlChats(engine)


@pytest.fixture(params=["memory", *SQL])
def personas(request: pytest.FixtureRequest) -> Iterator[SqlPersonas | MemoryPersonas]:
    if request.param == "memory":
        yield MemoryPersonas()
        return
    with emptied(request.getfixturevalue(request.param)) as engine:
        yield SqlPersonas(engine)


@pytest.fixture(params=["memory", *SQL])
def ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    if request.param == "memory":
        yield MemoryLedger()
        return
    with emptied(request.getfixturevalue(request.param)) as engine:
        yield SqlLedger(engine)


class Stores(msgspec.Struct, frozen=True):
    """All that an account holds."""

    accounts: Accounts
    sessions: Sessions
    tokens: Tokens
    keys: Keys
    chats: Chats


@pytest.fixture(params=["memory", *SQL])
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    """The stores of people: the fakes that other tests rely on, and the real ones on each database."""
    if request.param == "memory":
        town = Town()
        fakes = (MemoryAccounts(town), MemorySessions(town), MemoryTokens(town), MemoryKeys(town))
        yield Stores(*fakes, town.chats)
        return
    with emptied(request.getfixturevalue(request.param)) as engine:
        yield Stores(SqlAccounts(engine), SqlSessions(engine), SqlTokens(engine), SqlKeys(engine), SqlChats(engine))
