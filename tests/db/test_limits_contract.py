"""What every counter does: in memory, in SQL on each database, in Redis."""

import os
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
import redis
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from db.connect import connect
from db.limits import SqlLimits
from domain.errors import Unavailable
from domain.people import Limits
from infra.local_limits import LocalLimits
from infra.redis_limits import RedisLimits
from tests.db.conftest import SQL, emptied

NOON = datetime(2026, 3, 1, 12, 0, 0, 123000, tzinfo=UTC)
REDIS = "redis://127.0.0.1:6379/15"
SECRET = "a secret of the tests"


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def redis_server() -> None:
    """Skip where no Redis answers, except on CI."""
    try:
        redis.Redis.from_url(REDIS, socket_connect_timeout=2).ping()
    except redis.RedisError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no Redis answers at {REDIS}")


@pytest.fixture(params=["memory", *SQL, pytest.param("redis", marks=pytest.mark.server)])
def limits(request: pytest.FixtureRequest) -> Iterator[Limits]:
    if request.param == "memory":
        yield LocalLimits()
    elif request.param == "redis":
        redis_server()
        counters = RedisLimits(REDIS, secrets.token_hex(8))  # a secret of its own: nobody else's counters
        yield counters
        counters.close()
    else:
        with emptied(request.getfixturevalue(request.param)) as engine:
            yield SqlLimits(engine, SECRET)


def test_so_many_as_may_get_in_and_the_next_is_told_how_long_to_wait(limits: Limits) -> None:
    assert [limits.hit("door", 3, 60, after(second)) for second in (0, 1, 2)] == [0.0, 0.0, 0.0]
    assert limits.hit("door", 3, 60, after(20)) == 40.0
    assert limits.hit("door", 3, 60, after(59.5)) == 0.5


def test_the_window_begins_with_the_first_hit_and_then_counting_starts_anew(limits: Limits) -> None:
    for second in (0, 59):
        assert limits.hit("door", 2, 60, after(second)) == 0.0
    assert limits.hit("door", 2, 60, after(59.9)) > 0

    assert limits.hit("door", 2, 60, after(60)) == 0.0
    assert limits.left("door", 2, 60, after(60)) == 1
    assert limits.hit("door", 2, 60, after(119)) == 0.0
    assert limits.hit("door", 2, 60, after(119)) == 1.0


def test_what_is_refused_is_not_counted_so_knocking_keeps_no_door_closed(limits: Limits) -> None:
    limits.hit("door", 1, 60, NOON)
    for second in range(1, 60, 7):
        assert limits.hit("door", 1, 60, after(second)) == 60 - second
    assert limits.hit("door", 1, 60, after(60)) == 0.0


def test_what_is_left_is_told_without_counting(limits: Limits) -> None:
    assert limits.left("door", 3, 60, NOON) == 3
    limits.hit("door", 3, 60, NOON)
    assert [limits.left("door", 3, 60, NOON) for _ in range(3)] == [2, 2, 2]
    limits.hit("door", 3, 60, NOON)
    limits.hit("door", 3, 60, NOON)
    limits.hit("door", 3, 60, NOON)
    assert limits.left("door", 3, 60, NOON) == 0
    assert limits.left("door", 3, 60, after(60)) == 3


def test_keys_do_not_touch_each_other_and_can_be_forgotten(limits: Limits) -> None:
    for name in ("anna", "Anna", "anna ", "änna", ""):
        assert limits.hit(name, 1, 60, NOON) == 0.0
    limits.forget("anna")
    assert limits.hit("anna", 1, 60, NOON) == 0.0
    assert limits.hit("Anna", 1, 60, NOON) == 60.0
    limits.forget("nobody")


def test_a_limit_of_nothing_lets_nobody_in(limits: Limits) -> None:
    assert limits.hit("door", 0, 60, NOON) == 60.0
    assert limits.left("door", 0, 60, NOON) == 0


def test_a_clock_that_went_back_makes_nobody_wait_longer_than_a_window(limits: Limits) -> None:
    limits.hit("door", 1, 60, NOON + timedelta(days=3))
    assert limits.hit("door", 1, 60, NOON) == 60.0


@pytest.mark.parametrize("key", ["\0", "\ud800", "x" * 1_000_000, "' OR 1=1 --", "\u202e", "a\r\nb", "*", "{x}"])
def test_hostile_keys_are_keys_like_any_other(limits: Limits, key: str) -> None:
    assert limits.hit(key, 1, 60, NOON) == 0.0
    assert limits.hit(key, 1, 60, NOON) == 60.0
    assert limits.left(key, 1, 60, NOON) == 0


def test_two_counters_are_hit_together_or_not_at_all(limits: Limits) -> None:
    both = [("guest", 5, 60), ("address", 2, 30)]
    assert [limits.hit_all(both, after(second)) for second in (0, 1)] == [[0.0, 0.0], [0.0, 0.0]]
    assert [limits.hit_all(both, after(second)) for second in (2, 3)] == [[0.0, 28.0], [0.0, 27.0]]
    assert limits.left("guest", 5, 60, after(4)) == 3  # what was refused is not counted, of either
    assert limits.hit_all([("guest", 2, 60), ("address", 2, 30)], after(5)) == [55.0, 25.0]
    assert limits.hit_all(both, after(30)) == [0.0, 0.0]  # the window of one of them is over
    assert limits.hit_all([("other", 0, 60), ("address", 2, 30)], after(30)) == [60.0, 0.0]
    assert limits.left("address", 2, 30, after(30)) == 1


def test_fifty_turns_at_once_of_several_guests_behind_one_address_never_pass_either_limit(limits: Limits) -> None:
    start = Barrier(50)

    def speak(number: int) -> tuple[int, bool]:
        start.wait()
        guest = number % 5
        return guest, not any(limits.hit_all([(f"guest {guest}", 4, 60), ("address", 17, 60)], NOON))

    with ThreadPoolExecutor(50) as crowd:
        spoke = [guest for guest, let_in in crowd.map(speak, range(50)) if let_in]
    assert len(spoke) == 17
    assert max(spoke.count(guest) for guest in range(5)) <= 4


@pytest.mark.parametrize("most", [1, 7, 30])
def test_fifty_at_once_never_let_more_than_the_limit_through(limits: Limits, most: int) -> None:
    start = Barrier(50)

    def knock(_: int) -> float:
        start.wait()
        return limits.hit("door", most, 60, NOON)

    with ThreadPoolExecutor(50) as crowd:
        waits = list(crowd.map(knock, range(50)))

    assert waits.count(0.0) == most
    assert {wait for wait in waits if wait} == {60.0}

    def later(_: int) -> float:
        start.wait()
        return limits.hit("door", most, 60, after(60))  # the old window is there, and over for all of them at once

    with ThreadPoolExecutor(50) as crowd:
        assert list(crowd.map(later, range(50))).count(0.0) == most


@settings(max_examples=150, deadline=None)
@example([("a", 0), ("a", 20), ("a", 40), ("a", 20), ("a", 40)], 1)  # a window that began anew ends to the microsecond
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 40)), max_size=60), st.integers(1, 4))
def test_memory_and_sqlite_count_alike_and_never_too_many(
    migrated_file: object, hits: list[tuple[str, int]], most: int
) -> None:
    """The rule itself, told another way: those let in since the window began."""
    with emptied(f"sqlite:///{migrated_file}") as engine:
        sql, memory = SqlLimits(engine, SECRET), LocalLimits()
        begun: dict[str, int] = {}
        inside: dict[str, int] = {}
        second = 0
        for key, later in hits:
            second += later
            if key not in begun or second >= begun[key] + 60:
                begun[key], inside[key] = second, 0
            expected = 0.0 if inside[key] < most else float(begun[key] + 60 - second)
            inside[key] += expected == 0.0
            assert sql.hit(key, most, 60, after(second)) == expected
            assert memory.hit(key, most, 60, after(second)) == expected


def test_no_name_and_no_address_is_in_the_table_nor_a_hash_that_can_be_guessed(engine: Engine) -> None:
    SqlLimits(engine, SECRET).hit("sign_in anna 203.0.113.7", 5, 60, NOON)
    SqlLimits(engine, "another secret").hit("sign_in anna 203.0.113.7", 5, 60, NOON)

    with engine.connect() as connection:
        kept = str(connection.execute(text("SELECT * FROM limits")).all())
        keys = list(connection.scalars(text("SELECT limits.key FROM limits")))
    assert "anna" not in kept and "203.0" not in kept
    assert len(set(keys)) == 2  # it takes the secret to make one
    assert all(len(key) == 64 for key in keys)


def test_windows_that_are_over_are_purged_and_no_others(engine: Engine) -> None:
    limits = SqlLimits(engine, SECRET)
    for number in range(5):
        limits.hit(f"old {number}", 1, 60, NOON)
    limits.hit("new", 1, 60, after(30))

    assert limits.purge(after(59)) == 0
    assert limits.purge(after(60)) == 5
    assert limits.hit("new", 1, 60, after(60)) == 30.0


def test_a_refusal_writes_nothing(sqlite: str) -> None:
    with emptied(sqlite) as engine:
        limits = SqlLimits(engine, SECRET)
        limits.hit("door", 1, 60, NOON)
        with engine.connect() as connection:
            before = connection.scalar(text("PRAGMA data_version"))
            assert limits.hit("door", 1, 60, NOON) == 60.0
            assert connection.scalar(text("PRAGMA data_version")) == before
            limits.hit("other", 1, 60, NOON)
            connection.rollback()
            assert connection.scalar(text("PRAGMA data_version")) != before


def test_counters_that_cannot_be_reached_say_so() -> None:
    engine = connect("mysql+pymysql://root@127.0.0.1:1/nothing")
    with pytest.raises(Unavailable):
        SqlLimits(engine, SECRET).hit("door", 1, 60, NOON)
