"""Redis comes and goes: limits never open wide and never fail."""

import logging
import socket
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.redis_limits import AGAIN_S, RedisLimits
from tests.bench.server import free_port
from tests.needs import program

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TRIES = 1_200  # of 50 ms


class Hands:
    """A clock that is moved by hand."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def start(port: int, folder: Path) -> "subprocess.Popen[bytes]":
    server = subprocess.Popen(
        [program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )
    for _ in range(TRIES):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return server
        except OSError:
            time.sleep(0.05)
    server.kill()
    raise AssertionError("Redis did not start")


@pytest.fixture
def place(tmp_path: Path) -> tuple[int, Path]:
    program("redis-server")  # before the test, so that it is skipped as a whole
    return free_port(), tmp_path


def test_where_no_redis_answers_this_process_counts_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    limits = RedisLimits(f"redis://127.0.0.1:{free_port()}/0", "secret")
    with caplog.at_level(logging.WARNING):
        assert [limits.hit("door", 2, 60, NOON) for _ in range(4)] == [0.0, 0.0, 60.0, 60.0]
        assert limits.left("door", 2, 60, NOON) == 0
        limits.forget("door")
        assert limits.left("door", 2, 60, NOON) == 2

    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "each process counts for itself" in caplog.text


def test_a_redis_that_says_nothing_is_not_asked_by_every_request() -> None:
    """A server that takes connections and never answers costs one wait, not one for each request."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        clock = Hands()
        limits = RedisLimits(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", "secret", clock)
        silent.settimeout(0.2)
        for _ in range(50):
            limits.hit("door", 3, 60, NOON)
        came = 0
        try:
            while True:
                silent.accept()[0].close()
                came += 1
        except TimeoutError:
            pass
    assert 1 <= came <= 2  # the one question, and the one try again that it has


@pytest.mark.server
def test_redis_goes_and_comes_back_and_the_limit_holds_throughout(
    place: tuple[int, Path], caplog: pytest.LogCaptureFixture
) -> None:
    port, folder = place
    clock = Hands()
    limits = RedisLimits(f"redis://127.0.0.1:{port}/0", "secret", clock)
    server = start(port, folder)
    try:
        assert [limits.hit("door", 2, 60, NOON) for _ in range(3)] == [0.0, 0.0, 60.0]
        server.kill()
        server.wait()
        assert [limits.hit("door", 2, 60, NOON) for _ in range(4)] == [0.0, 0.0, 60.0, 60.0]  # counts anew, and holds

        server = start(port, folder)
        assert limits.hit("door", 2, 60, NOON) == 60.0  # still on its own
        clock.now += AGAIN_S
        assert [limits.hit("door", 2, 60, NOON) for _ in range(3)] == [0.0, 0.0, 60.0]
        assert "Redis counts again" in caplog.text

        server.kill()  # and once more, with connections left in the pool
        server.wait()
        server = start(port, folder)
        assert [limits.hit("door", 2, 60, NOON) for _ in range(3)] == [0.0, 0.0, 60.0]
    finally:
        server.kill()
        server.wait()
        limits.close()


@pytest.mark.server
def test_redis_keeps_no_name_and_removes_what_is_over(place: tuple[int, Path]) -> None:
    import redis

    port, folder = place
    server = start(port, folder)
    try:
        limits = RedisLimits(f"redis://127.0.0.1:{port}/0", "secret")
        limits.hit("sign_in anna 203.0.113.7", 5, 60, NOON)
        limits.hit("sign_in anna 203.0.113.7", 5, 60, NOON)
        client = redis.Redis(port=port, decode_responses=True)
        (name,) = map(str, client.keys("*"))
        assert name.startswith("parley:limit:") and "anna" not in name and "203.0" not in name
        assert 0 < client.pttl(name) <= 60_000
        client.close()
        limits.close()
    finally:
        server.kill()
        server.wait()


@pytest.mark.server
def test_a_redis_without_room_does_not_open_the_door(place: tuple[int, Path]) -> None:
    import redis

    port, folder = place
    server = start(port, folder)
    try:
        client = redis.Redis(port=port)
        client.config_set("maxmemory", "1")
        limits = RedisLimits(f"redis://127.0.0.1:{port}/0", "secret")
        assert [limits.hit("door", 2, 60, NOON) for _ in range(4)] == [0.0, 0.0, 60.0, 60.0]
        client.close()
        limits.close()
    finally:
        server.kill()
        server.wait()
