"""What a connection promises, and what is said about a database URL that cannot be used."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text

from db.chats import SqlChats
from db.connect import connect, disconnect
from db.work import reading, writing
from domain.chat import Reply
from domain.errors import Unavailable
from tests.db.conftest import opened
from tests.db.test_chats_contract import NOON, new_chat

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "cannot be read"),
        ("", "cannot be read"),
        ("oracle://scott@tiger/x", "oracle: no such database here"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:///file:x?mode=memory&uri=true", "needs a file"),
        ("mysql+nosuchdriver://root@127.0.0.1/x", "nosuchdriver"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_in_plain_words(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        connect(url)


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("mysql://root@127.0.0.1/x", "mysql+pymysql"),
        ("mariadb://root@127.0.0.1/x", "mysql+pymysql"),
        ("postgresql://127.0.0.1/x", "postgresql+psycopg"),
        ("postgres://127.0.0.1/x", "postgresql+psycopg"),
    ],
)
def test_a_url_without_a_driver_gets_ours(url: str, driver: str) -> None:
    assert connect(url).url.drivername == driver


def test_passwords_and_what_people_say_stay_out_of_messages(sqlite: str) -> None:
    assert "hush" not in repr(connect("mysql://root:hush@127.0.0.1/x"))
    engine = connect(sqlite)
    with pytest.raises(Unavailable) as failed, writing(engine) as connection:
        connection.execute(text("INSERT INTO nowhere VALUES (:words)"), {"words": "my secret"})
    assert "my secret" not in f"{failed.value} {failed.value.__cause__}"
    engine.dispose()


def test_only_its_owner_can_read_a_sqlite_file(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'deep' / 'er' / 'core.db'}")
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE t (x)"))
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "deep" / "er").iterdir()}
    engine.dispose()
    assert modes == {"core.db": 0o600, "core.db-wal": 0o600, "core.db-shm": 0o600}


def test_every_sqlite_connection_keeps_what_it_acknowledges(sqlite: str) -> None:
    engine = connect(sqlite)
    with reading(engine) as one, reading(engine) as two:
        for connection in (one, two):
            pragmas = {
                name: connection.scalar(text(f"PRAGMA {name}"))
                for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "busy_timeout")
            }
            assert pragmas == {
                "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1, "busy_timeout": 10_000,
            }  # fmt: skip
    engine.dispose()


@pytest.mark.server
@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
def test_a_server_session_is_strict_and_in_utc(kind: str, request: pytest.FixtureRequest) -> None:
    with opened(request.getfixturevalue(kind)) as engine, reading(engine) as connection:
        if kind == "mysql":
            zone, mode, charset, isolation = connection.execute(
                text("SELECT @@time_zone, @@sql_mode, @@character_set_connection, @@transaction_isolation")
                if not getattr(engine.dialect, "is_mariadb", False)
                else text("SELECT @@time_zone, @@sql_mode, @@character_set_connection, @@tx_isolation")
            ).one()
            assert (zone, charset, isolation) == ("+00:00", "utf8mb4", "READ-COMMITTED")
            assert "STRICT_ALL_TABLES" in mode
        else:
            assert connection.scalar(text("SHOW timezone")) == "UTC"
            assert connection.scalar(text("SHOW client_encoding")) == "UTF8"
            assert connection.scalar(text("SHOW transaction_isolation")) == "read committed"


def test_a_unit_of_work_that_raises_leaves_nothing(engine: Engine) -> None:
    def half() -> None:
        with writing(engine) as connection:
            connection.execute(text("INSERT INTO personas (id, card) VALUES ('socrates', '{}')"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    with reading(engine) as connection:
        assert connection.scalar(text("SELECT count(*) FROM personas")) == 0


def test_a_full_disk_is_unavailable_and_leaves_nothing_half_written(sqlite: str) -> None:
    engine = connect(sqlite)
    chats = SqlChats(engine)
    chat = new_chat(chats)
    chats.heard("anna", chat.id, "turn-1", "key-00001", "Hello", NOON)
    with engine.connect() as connection:
        pages = connection.scalar(text("PRAGMA page_count"))
        connection.execute(text(f"PRAGMA max_page_count = {pages}"))  # this one connection is in the pool

    with pytest.raises(Unavailable) as refused:
        chats.heard("anna", chat.id, "turn-2", "key-00002", "a long speech " * 10_000, NOON)
    assert refused.value.code == "store_unavailable"
    assert [m.text for m in chats.messages("anna", chat.id)] == ["Hello"]
    assert chats.turn_of_key("anna", chat.id, "key-00002") is None

    engine.dispose()  # room again
    chats.heard("anna", chat.id, "turn-2", "key-00002", "a long speech " * 10_000, NOON)
    engine.dispose()


def test_a_database_that_another_program_holds_is_unavailable_after_a_while(sqlite: str) -> None:
    holder, engine = connect(sqlite), connect(sqlite, wait_s=0.05)
    chats = SqlChats(engine)
    with writing(holder):
        with pytest.raises(Unavailable):
            new_chat(chats)
        assert chats.recent("anna") == []  # but it can be read
    new_chat(chats)
    holder.dispose()
    engine.dispose()


@pytest.mark.server
@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
def test_the_next_request_after_a_lost_connection_works(kind: str, request: pytest.FixtureRequest) -> None:
    with opened(request.getfixturevalue(kind)) as engine:
        chats = SqlChats(engine)
        chat = new_chat(chats)
        with engine.connect() as connection:
            own = connection.scalar(text("SELECT CONNECTION_ID()" if kind == "mysql" else "SELECT pg_backend_pid()"))
        with opened(request.getfixturevalue(kind)) as killer, killer.begin() as connection:
            connection.execute(text(f"KILL {own}" if kind == "mysql" else f"SELECT pg_terminate_backend({own})"))

        assert chats.get("anna", chat.id) == chat


def test_what_is_in_use_when_all_connections_are_closed_is_closed_when_it_comes_back(engine: Engine) -> None:
    closed: list[object] = []
    event.listen(engine, "close", lambda connection, _: closed.append(connection))
    with reading(engine) as one:
        with reading(engine) as other:
            idle = other.connection.dbapi_connection
        busy = one.connection.dbapi_connection
        disconnect(engine)
        assert closed == [idle]
        assert one.scalar(text("SELECT 1")) == 1
    assert closed == [idle, busy]
    with reading(engine) as late:  # a thread that has more to ask
        last = late.connection.dbapi_connection
    assert closed == [idle, busy, last]


def test_importing_the_stores_loads_no_orm_and_no_driver_but_sqlite() -> None:
    heavy = ("sqlalchemy.orm", "alembic", "pymysql", "psycopg", "litestar", "numpy.testing")
    code = f"import sys, db.chats, db.personas; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.stdout.strip() == "[]", done.stderr


def test_what_is_purged_is_gone_from_the_file_too(sqlite: str, tmp_path: Path) -> None:
    engine = connect(sqlite)
    chats = SqlChats(engine)
    chat, kept = new_chat(chats), new_chat(chats)
    for number in range(30):
        for owner in (chat, kept):
            turn = f"turn-{number}"
            marker = "MARKER-OF-ANNA" if owner is chat else "still here"
            chats.heard("anna", owner.id, turn, f"key-{number:05}", f"{marker} {number} " * 40, NOON)
            chats.said("anna", owner.id, turn, Reply(f"{marker} reply {number}"), NOON)
    chats.summarise("anna", chat.id, "MARKER-OF-ANNA in short", 20)
    chats.rename("anna", chat.id, "MARKER-OF-ANNA by name")
    chats.delete("anna", chat.id, NOON)
    assert chats.purge(NOON.replace(year=2027)) == 1

    left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"still here" in left
    assert b"MARKER-OF-ANNA" not in left
    assert len(chats.messages("anna", kept.id)) == 60
    engine.dispose()
