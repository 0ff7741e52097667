"""Migrations make exactly the tables that the code knows, however often and by however many they are run."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from db.migrate import MIGRATIONS, Branch, settings, upgrade
from db.migrated import newest, up_to_date
from db.tables import every, pages
from db.work import alone
from domain.errors import Unavailable
from tests.db.conftest import SQL, opened, server_database

ROOT = Path(__file__).parents[2]
BRANCHES: list[Branch] = ["core", "pages"]
TABLES = {"core": every.metadata, "pages": pages.metadata}
DONE = {"core": "alembic_version", "pages": "alembic_version_pages"}  # what each branch notes of itself
both = pytest.mark.parametrize("branch", BRANCHES)


@pytest.fixture(params=SQL)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with nothing in it, not even tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new' / 'core.db'}"
        return
    with server_database(request.param) as url:
        yield url


@both
def test_the_migrations_make_the_tables_that_the_code_knows(url: str, branch: Branch) -> None:
    upgrade(url, branch)
    with opened(url) as engine, engine.connect() as connection:
        options = {"compare_type": True, "version_table": DONE[branch]}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, TABLES[branch]) == []
        assert inspect(connection).has_table(DONE[branch])


def test_both_branches_live_in_one_database_and_are_undone_apart(url: str) -> None:
    for branch in BRANCHES:
        upgrade(url, branch)
    with opened(url) as engine:
        ours = {branch: {*TABLES[branch].tables, DONE[branch]} for branch in BRANCHES}
        assert ours["core"].isdisjoint(ours["pages"])
        assert set(inspect(engine).get_table_names()) == ours["core"] | ours["pages"]
        with alone(engine) as connection:
            command.downgrade(settings(connection, "pages"), "base")
        assert set(inspect(engine).get_table_names()) == ours["core"] | {DONE["pages"]}
        upgrade(url, "pages")
        with alone(engine) as connection:
            command.downgrade(settings(connection, "core"), "base")
        assert set(inspect(engine).get_table_names()) == ours["pages"] | {DONE["core"]}


def test_the_command_brings_both_databases_up_to_date(tmp_path: Path) -> None:
    urls = {name: f"sqlite:///{tmp_path}/{name}.db" for name in ("CORE_URL", "PAGES_URL")}
    subprocess.run([sys.executable, "-m", "db.migrate"], cwd=ROOT, env={**os.environ, **urls}, check=True, timeout=200)
    for branch, name in (("core", "CORE_URL"), ("pages", "PAGES_URL")):
        with opened(urls[name]) as engine:
            assert set(inspect(engine).get_table_names()) == {*TABLES[branch].tables, DONE[branch]}


def test_migrating_again_changes_nothing(url: str) -> None:
    upgrade(url)
    with opened(url) as engine:
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO personas (id, card) VALUES ('socrates', '{}')"))
        upgrade(url)
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM personas")) == 1
            assert connection.scalar(text("SELECT count(*) FROM alembic_version")) == 1


@both
def test_migrations_can_be_undone(url: str, branch: Branch) -> None:
    upgrade(url, branch)
    with opened(url) as engine:
        with alone(engine) as connection:
            command.downgrade(settings(connection, branch), "base")
        with engine.connect() as connection:
            assert inspect(connection).get_table_names() == [DONE[branch]]


@both
def test_whether_all_is_migrated_is_known_without_alembic(url: str, branch: Branch) -> None:
    assert not up_to_date(url, branch)
    upgrade(url, branch)
    assert up_to_date(url, branch)
    with opened(url) as engine:
        with alone(engine) as connection:
            assert ScriptDirectory.from_config(settings(connection, branch)).get_heads() == [newest(branch)]
            command.downgrade(settings(connection, branch), "base")
        assert not up_to_date(url, branch)
        with engine.begin() as connection:  # left by a newer release
            connection.execute(text(f"INSERT INTO {DONE[branch]} (version_num) VALUES ('9999')"))  # noqa: S608
    assert not up_to_date(url, branch)


@both
def test_programs_that_start_at_once_take_turns_at_migrating(url: str, branch: Branch) -> None:
    code = "import sys; from db.migrate import upgrade; upgrade(sys.argv[1], sys.argv[2])"
    started = [
        subprocess.Popen([sys.executable, "-c", code, url, branch], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in started:
        _, errors = process.communicate(timeout=200)
        assert process.returncode == 0, errors
    with opened(url) as engine, engine.connect() as connection:
        assert connection.scalar(text(f"SELECT count(*) FROM {DONE[branch]}")) == 1  # noqa: S608


@both
def test_migrations_are_numbered_without_gaps(branch: Branch) -> None:
    scripts = sorted((MIGRATIONS / branch / "versions").glob("*.py"))
    assert [script.name[:4] for script in scripts] == [f"{number:04}" for number in range(1, len(scripts) + 1)]


def test_a_server_that_is_away_is_told_plainly() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(Unavailable):
        upgrade("postgresql://nobody@127.0.0.1:9/parley")
