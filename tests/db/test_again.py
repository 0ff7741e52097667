"""Work that meets with another's is undone by the database, and done again by whoever lost: nobody hears of it."""

import ast
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event

import pytest
from sqlalchemy import Connection, Engine, text

from db.again import Collided, again
from db.connect import connect
from db.work import writing
from domain.errors import NotFound, Unavailable
from tests.db.conftest import SERVERS, emptied

ROOT = Path(__file__).parents[2]
UNITS = ("writing", "in_turn", "alone")  # of work, in which something is changed


@pytest.fixture
def two(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A database with two characters, `a` and `b`."""
    with emptied(request.getfixturevalue(request.param)) as engine:
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO personas (id, card, place) VALUES ('a', '', 0), ('b', '', 0)"))
        yield engine


def servers(*kinds: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "two", [pytest.param(kind, marks=pytest.mark.server) for kind in kinds], indirect=True
    )


def move(connection: Connection, name: str) -> None:
    connection.execute(text("UPDATE personas SET place = place + 1 WHERE id = :name"), {"name": name})


def places(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return list(connection.scalars(text("SELECT place FROM personas ORDER BY id")))


@servers(*SERVERS)
def test_of_two_who_wait_for_one_another_both_get_done(two: Engine) -> None:
    both = Barrier(2)
    met: list[str] = []

    @again()
    def cross(first: str, then: str) -> str:
        try:
            with writing(two) as connection:
                move(connection, first)
                if not met:
                    both.wait(10)  # each holds a row that the other one wants
                move(connection, then)
        except Collided as collided:
            met.append(collided.code)
            raise
        return first

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(cross, "ab", "ba")) == ["a", "b"]
    assert set(met) == {"store_unavailable"}  # once, or again where who lost was back before the other one woke up
    assert places(two) == [2, 2]


@servers("mysql")
def test_who_waited_too_long_for_a_lock_asks_again(two: Engine) -> None:
    tries: list[int] = []
    held, free = Event(), Event()

    def hold() -> None:
        with writing(two) as connection:
            move(connection, "a")
            held.set()
            assert free.wait(30)

    @again()
    def wait() -> None:
        tries.append(len(tries))
        if len(tries) > 1:
            free.set()
        with writing(two) as connection:
            connection.execute(text("SET SESSION innodb_lock_wait_timeout = 1"))
            move(connection, "a")

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold)
        assert held.wait(10)
        wait()
        holding.result()
    assert len(tries) >= 2
    assert places(two) == [2, 0]


@servers("postgresql")
def test_who_read_what_has_changed_since_reads_it_again(two: Engine) -> None:
    tries: list[int] = []

    @again()
    def add() -> None:
        with writing(two) as connection:
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            connection.execute(text("SELECT place FROM personas")).all()
            tries.append(len(tries))
            if len(tries) == 1:
                with writing(two) as other:
                    move(other, "a")
            move(connection, "a")

    add()
    assert len(tries) == 2
    assert places(two) == [2, 0]


def test_who_loses_every_time_hears_that_the_store_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("db.again.RACES", 4)
    tries: list[int] = []

    @again(LookupError)
    def lose() -> None:
        tries.append(len(tries))
        raise KeyError if len(tries) % 2 else Collided("store_unavailable")

    with pytest.raises(Unavailable) as refused:
        lose()
    assert (len(tries), type(refused.value), refused.value.code) == (4, Unavailable, "store_unavailable")


def test_who_has_lost_for_long_does_not_begin_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("db.again.RACES_S", -1)
    tries: list[int] = []

    @again()
    def lose() -> None:
        tries.append(len(tries))
        raise Collided("store_unavailable")

    with pytest.raises(Unavailable):
        lose()
    assert len(tries) == 1


@pytest.mark.parametrize("error", [Unavailable("store_unavailable"), NotFound("chat_gone"), ValueError()])
def test_what_is_no_lost_race_is_told_at_once(error: Exception) -> None:
    tries: list[int] = []

    @again(LookupError)
    def fail() -> None:
        tries.append(len(tries))
        raise error

    with pytest.raises(type(error)) as raised:
        fail()
    assert raised.value is error
    assert len(tries) == 1


def test_a_database_that_is_away_is_no_lost_race() -> None:
    engine = connect("mysql+pymysql://root@127.0.0.1:1/nothing")
    with pytest.raises(Unavailable) as refused, writing(engine):
        pytest.fail("nobody is there")
    assert type(refused.value) is Unavailable


def units(file: Path) -> Iterator[tuple[str, bool]]:
    """Yield the functions that do a unit of work which changes something, and whether they are run again."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)]
    begin = {*UNITS}
    for function in functions:
        hands_on = any(isinstance(each, ast.Return) and called(each.value) in UNITS for each in ast.walk(function))
        if hands_on or ("contextmanager" in decorators(function) and begun(function) & {*UNITS}):
            begin.add(f"self.{function.name}")  # another name for one of them
    for function in functions:
        if begun(function) & begin and "contextmanager" not in decorators(function):
            yield f"{file.name}: {function.name}", "again" in decorators(function)


def begun(function: ast.FunctionDef) -> set[str]:
    return {called(each.context_expr) for each in ast.walk(function) if isinstance(each, ast.withitem)}


def called(expression: ast.expr | None) -> str:
    return ast.unparse(expression.func) if isinstance(expression, ast.Call) else ""


def decorators(function: ast.FunctionDef) -> set[str]:
    return {called(each) or ast.unparse(each) for each in function.decorator_list}


def test_every_unit_of_work_that_writes_is_run_again_when_it_loses() -> None:
    found = [each for file in sorted((ROOT / "db").glob("*.py")) for each in units(file)]
    assert len(found) > 60
    # A migration commits step by step on MySQL, and is run by nobody who could not start it again.
    assert [name for name, runs_again in found if not runs_again] == ["migrate.py: upgrade"]
