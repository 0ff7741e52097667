"""Migrations make exactly the tables that the code knows, however often and by however many they are run."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from db.connect import connect
from db.migrate import settings, upgrade
from db.tables.core import metadata
from db.work import alone
from domain.errors import Unavailable
from tests.db.conftest import SQL, server_database

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=SQL)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with nothing in it, not even tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new' / 'core.db'}"
        return
    with server_database(request.param) as url:
        yield url


def test_the_migrations_make_the_tables_that_the_code_knows(url: str) -> None:
    upgrade(url)
    engine = connect(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_migrating_again_changes_nothing(url: str) -> None:
    upgrade(url)
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO personas (id, card) VALUES ('socrates', '{}')"))
    upgrade(url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM personas")) == 1
        assert connection.scalar(text("SELECT count(*) FROM alembic_version")) == 1
    engine.dispose()


def test_migrations_can_be_undone(url: str) -> None:
    upgrade(url)
    engine = connect(url)
    with alone(engine) as connection:
        command.downgrade(settings(connection), "base")
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]
    engine.dispose()


def test_programs_that_start_at_once_take_turns_at_migrating(url: str) -> None:
    code = "import sys; from db.migrate import upgrade; upgrade(sys.argv[1])"
    started = [
        subprocess.Popen([sys.executable, "-c", code, url], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in started:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    engine = connect(url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM alembic_version")) == 1
    engine.dispose()


def test_migrations_are_numbered_without_gaps() -> None:
    scripts = sorted((ROOT / "db" / "migrations" / "core" / "versions").glob("*.py"))
    assert [script.name[:4] for script in scripts] == [f"{number:04}" for number in range(1, len(scripts) + 1)]


def test_a_server_that_is_away_is_told_plainly() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(Unavailable):
        upgrade("postgresql://nobody@127.0.0.1:9/parley")
