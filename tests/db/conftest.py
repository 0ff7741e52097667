"""Databases for the store tests: memory and SQLite always, MariaDB and PostgreSQL under the marker `server`."""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, MetaData, NullPool, Select, create_engine, delete, insert, literal, select, text
from sqlalchemy.exc import OperationalError

from db.accounts import SqlAccounts
from db.chats import SqlChats
from db.connect import connect, disconnect
from db.frontier import SqlFrontier
from db.hosts import SqlHosts
from db.keys import SqlKeys
from db.ledger import SqlLedger
from db.meters import SqlMeters
from db.migrate import upgrade
from db.orders import SqlOrders
from db.pages import SqlPages
from db.personas import SqlPersonas
from db.sessions import SqlSessions
from db.sources import SqlSources
from db.tables.every import metadata
from db.tables.pages import metadata as pages_metadata
from db.tables.people import users
from db.tokens import SqlTokens
from domain.knowledge.ports import Frontier, Hosts, Pages, Sources
from domain.membership.ports import Meters, Orders
from domain.people import Accounts, Keys, Sessions, Tokens
from domain.ports import Chats
from domain.usage import Ledger
from tests.fakes_knowledge import MemoryFrontier, MemoryHosts, MemorySources, Shelfful
from tests.fakes_knowledge_pages import MemoryPages
from tests.fakes_membership import MemoryMeters, MemoryOrders
from tests.fakes_people import MemoryAccounts, MemoryKeys, MemorySessions, MemoryTokens, Town
from tests.fakes_stores import MemoryChats, MemoryLedger, MemoryPersonas

SERVERS = {
    "mysql": "mysql+pymysql://root@127.0.0.1:3306",
    "postgresql": "postgresql+psycopg://postgres@127.0.0.1:5432",
}
# They have no TLS, but before it asks, PyMySQL reads all root certificates for each connection: 25 ms.
OPTIONS = {"mysql": "?ssl_disabled=true", "postgresql": ""}
SQL = ["sqlite", *(pytest.param(kind, marks=pytest.mark.server) for kind in SERVERS)]


@contextmanager
def server_database(kind: str) -> Iterator[str]:
    """Yield the URL of a database made for the occasion; skip where there is no such server, except on CI."""
    home = SERVERS[kind] + ("/postgres" if kind == "postgresql" else "")
    admin = create_engine(home, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3}, poolclass=NullPool)
    name = f"parley_test_{secrets.token_hex(5)}"
    try:
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
            if kind == "postgresql":  # whose machine loses its power is in tests/servers.py
                connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
    except OperationalError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no {kind} server answers at {SERVERS[kind]}")
    try:
        yield f"{SERVERS[kind]}/{name}{OPTIONS[kind]}"
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name}" + (" WITH (FORCE)" if kind == "postgresql" else "")))


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def mysql() -> Iterator[str]:
    with server_database("mysql") as url:
        upgrade(url)
        upgrade(url, "pages")
        yield url


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    with server_database("postgresql") as url:
        upgrade(url)
        upgrade(url, "pages")  # both may live in one database
        yield url


@pytest.fixture
def sqlite(migrated_file: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(migrated_file, tmp_path / 'core.db')}"


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """Yield an engine, and close its connections however the test ends: the next one would hear of them."""
    engine = connect(url)
    try:
        yield engine
    finally:
        disconnect(engine)


@contextmanager
def emptied(url: str, tables: MetaData = metadata) -> Iterator[Engine]:
    """Yield an engine on a migrated database with nothing in it."""
    with opened(url) as engine:
        with engine.begin() as connection:
            held = connection.execute(_rows_in(tables)).one()._mapping
            for table in reversed(tables.sorted_tables):
                if held[table.name]:
                    connection.execute(delete(table))
        yield engine


@cache
def _rows_in(tables: MetaData) -> Select[*tuple[Any, ...]]:
    """Ask of every table at once whether it has rows: most tests write into two or three of thirty."""
    return select(*(select(literal(1)).select_from(each).exists().label(each.name) for each in tables.sorted_tables))


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


@pytest.fixture(params=["memory", *SQL])
def orders(request: pytest.FixtureRequest) -> Iterator[Orders]:
    """The store of money: the fake that other tests rely on, and the real one on each database."""
    if request.param == "memory":
        yield MemoryOrders()
        return
    with emptied(request.getfixturevalue(request.param)) as engine:
        yield SqlOrders(engine)


class Metered(msgspec.Struct, frozen=True):
    """A store of what is used, and how an owner becomes one who has an account."""

    meters: Meters
    settle: Callable[[str], None]


@pytest.fixture(params=["memory", *SQL])
def metered(request: pytest.FixtureRequest) -> Iterator[Metered]:
    if request.param == "memory":
        accounts: set[str] = set()
        yield Metered(MemoryMeters(accounts), accounts.add)
        return
    with emptied(request.getfixturevalue(request.param)) as engine:
        yield Metered(SqlMeters(engine), partial(add_user, engine))


@pytest.fixture
def meters(metered: Metered) -> Meters:
    return metered.meters


def add_user(engine: Engine, user_id: str) -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    names = {"username": user_id, "username_folded": user_id, "email": user_id, "email_folded": user_id}
    row = {"id": user_id, "role": "user", "language": "en", "password_hash": "", "created_at": now, "password_at": now}
    with engine.begin() as connection:
        connection.execute(insert(users), row | names)


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


class Knowledge(msgspec.Struct, frozen=True):
    """All stores behind PAGES_URL."""

    sources: Sources
    frontier: Frontier
    hosts: Hosts
    pages: Pages


@pytest.fixture(scope="session")
def migrated_pages_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sqlite") / "migrated-pages.db"
    upgrade(f"sqlite:///{file}", "pages")
    return file


@pytest.fixture
def pages_sqlite(migrated_pages_file: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(migrated_pages_file, tmp_path / 'pages.db')}"


@pytest.fixture(params=SQL)
def pages_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a migrated, empty database of pages, of each kind."""
    url = str(request.getfixturevalue("pages_sqlite" if request.param == "sqlite" else request.param))
    with emptied(url, pages_metadata):
        yield url


@pytest.fixture(params=["memory", *SQL])
def knowledge(request: pytest.FixtureRequest) -> Iterator[Knowledge]:
    """The stores of knowledge: the fakes that other tests rely on, and the real ones on each database."""
    if request.param == "memory":
        all_ = Shelfful()
        yield Knowledge(MemorySources(all_), MemoryFrontier(all_), MemoryHosts(), MemoryPages(all_))
        return
    url = str(request.getfixturevalue("pages_sqlite" if request.param == "sqlite" else request.param))
    with emptied(url, pages_metadata) as engine:
        yield Knowledge(SqlSources(engine), SqlFrontier(engine), SqlHosts(engine), SqlPages(engine))
