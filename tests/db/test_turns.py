"""Blocks of work that take turns: whoever is next sees all that the one before kept."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial

import pytest
from sqlalchemy import Connection, Engine, event, text

from db.work import alone, in_turn

Turn = Callable[[Engine], AbstractContextManager[Connection]]
TURNS = pytest.mark.parametrize("turn", [alone, partial(in_turn, name="somebody")], ids=["alone", "in_turn"])


def count(connection: Connection) -> int:
    return connection.scalar(text("SELECT COUNT(*) FROM personas")) or 0


@TURNS
def test_the_next_one_begins_after_the_commit_however_long_that_takes(engine: Engine, turn: Turn) -> None:
    @event.listens_for(engine, "commit")
    def slowly(connection: Connection) -> None:
        if connection.info.pop("added", False):
            time.sleep(0.1)

    def add(_: int) -> int:
        with turn(engine) as connection:
            before = count(connection)
            row = {"name": f"p{before}", "place": before}
            connection.execute(text("INSERT INTO personas (id, card, place) VALUES (:name, '', :place)"), row)
            connection.info["added"] = True
        return before

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(add, range(4))) == [0, 1, 2, 3]


@TURNS
def test_what_fails_is_dropped_and_holds_nobody_up(engine: Engine, turn: Turn) -> None:
    def fail() -> None:
        with turn(engine) as connection:
            connection.execute(text("INSERT INTO personas (id, card, place) VALUES ('a', '', 0)"))
            raise LookupError

    with pytest.raises(LookupError):
        fail()

    def other() -> int:
        with turn(engine) as connection:
            return count(connection)

    with ThreadPoolExecutor(1) as pool, engine.connect():  # the first one's connection is taken: here is another
        assert pool.submit(other).result(30) == 0
