"""What the stores cost: `python -m tests.bench.bench_store [--url URL] [--turns N]`, or under pytest -m bench.

Without a URL it makes SQLite files of its own and compares the two ways to commit. CPU is this process's,
so on a server it leaves out what the server spends. "a turn" is `heard` and `said`, commits included.
"""

import argparse
import logging
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, event

from db.chats import SqlChats
from db.connect import connect
from db.migrate import upgrade
from domain.chat import Cue, Receipt, Reply

Timings = list[tuple[float, float]]  # wall and CPU of each call, ms

HEARD = "So tell me, what would you have done in my place, when everybody in the room had gone quiet?"
CUES = tuple(Cue("A piece of the reply, about as long as they are, ", n * 2000, n * 2000 + 1900) for n in range(4))
REPLY = Reply("".join(cue.text for cue in CUES), False, CUES, Receipt(5, 300, 600, 700, 900, 4000))


def say(line: str = "") -> None:
    sys.stdout.write(line + "\n")


def timed(times: int, call: Callable[[int], object]) -> Timings:
    timings = []
    for number in range(times):
        wall, cpu = time.perf_counter(), time.process_time()
        call(number)
        timings.append(((time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000))
    return timings


def show(name: str, timings: Timings) -> None:
    wall = sorted(t[0] for t in timings)
    p50, p95, worst = wall[len(wall) // 2], wall[int(len(wall) * 0.95)], wall[-1]
    cpu = sum(t[1] for t in timings) / len(timings)
    say(f"  {name:28} p50 {p50:7.2f}  p95 {p95:7.2f}  max {worst:8.2f} ms   CPU {cpu:6.2f} ms")


def methods(chats: SqlChats, turns: int) -> None:
    """Time each method, in a store where the guest has 200 chats and this one has `turns` turns."""
    now = datetime.now(UTC)
    guest = f"guest-{secrets.token_hex(4)}"
    show("create", timed(200, lambda n: chats.create(guest, "socrates", "en", f"Chat {n}", now)))
    chat = chats.create(guest, "socrates", "en", "", now).id

    def heard(n: int) -> object:
        return chats.heard(guest, chat, f"turn-{n}", f"key-{n:06}", HEARD, datetime.now(UTC))

    def said(n: int) -> object:
        return chats.said(guest, chat, f"turn-{n}", REPLY, datetime.now(UTC))

    for n in range(50):
        heard(-n - 1)
        said(-n - 1)
    show("a turn: heard + said", timed(turns, lambda n: (heard(n), said(n))))
    show("said again (barge-in)", timed(turns, said))
    shift = turns
    show("heard", timed(200, lambda n: heard(n + shift)))
    ids = [m.id for m in chats.messages(guest, chat)]
    show("get", timed(500, lambda n: chats.get(guest, chat)))
    show("turn_of_key", timed(500, lambda n: chats.turn_of_key(guest, chat, f"key-{n:06}")))
    last = chats.messages(guest, chat)[-20].seq
    show("messages, the last 20", timed(500, lambda n: chats.messages(guest, chat, after=last)))
    show(f"messages, all {len(ids)}", timed(20, lambda n: chats.messages(guest, chat)))
    show("message", timed(500, lambda n: chats.message(guest, chat, ids[n % len(ids)])))
    show("turn", timed(500, lambda n: chats.turn(guest, chat, f"turn-{n % turns}")))
    show("recent, 50 of 201", timed(200, lambda n: chats.recent(guest)))
    show("rename", timed(200, lambda n: chats.rename(guest, chat, f"Title {n}")))
    show("summarise", timed(200, lambda n: chats.summarise(guest, chat, HEARD, n)))
    show("unsay", timed(turns, lambda n: chats.unsay(guest, chat, f"turn-{n}")))


def together(chats: SqlChats, sessions: int, turns: int) -> None:
    """Time turns of many chats at once, as fast as they go: far denser than people talk."""
    guest, now = f"guest-{secrets.token_hex(4)}", datetime.now(UTC)

    def talk(_: int) -> Timings:
        chat = chats.create(guest, "socrates", "en", "", now).id

        def turn(n: int) -> None:
            chats.heard(guest, chat, f"turn-{n}", f"key-{n:06}", HEARD, datetime.now(UTC))
            chats.said(guest, chat, f"turn-{n}", REPLY, datetime.now(UTC))

        return timed(turns, turn)

    began = time.perf_counter()
    cpu = time.process_time()
    with ThreadPoolExecutor(sessions) as pool:
        timings = [timing for each in pool.map(talk, range(sessions)) for timing in each]
    spent = time.process_time() - cpu
    show(f"a turn, {sessions} at once", [(wall, spent * 1000 / len(timings)) for wall, _ in timings])
    say(f"  {'':28} {len(timings) / (time.perf_counter() - began):7.0f} turns a second")


@contextmanager
def store(url: str, synchronous: str | None = None) -> Iterator[Engine]:
    upgrade(url)
    engine = connect(url)
    if synchronous is not None:
        event.listen(engine, "connect", lambda c, _: c.execute(f"PRAGMA synchronous = {synchronous}").close())
    yield engine
    engine.dispose()


def measure(url: str | None, turns: int) -> None:
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        runs = [(url, None)] if url else [(f"sqlite:///{folder}/{s}.db", s) for s in ("FULL", "NORMAL")]
        for target, synchronous in runs:
            say(f"{target.partition(':')[0]} {'synchronous = ' + synchronous if synchronous else ''}")
            with store(target, synchronous) as engine:
                chats = SqlChats(engine)
                methods(chats, turns)
                for sessions in (4, 20):
                    together(chats, sessions, max(10, turns // sessions))
            say()


@pytest.mark.bench
def test_the_cost_of_the_stores_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        measure(None, 100)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a database to measure instead; rows of test data stay in it")
    parser.add_argument("--turns", type=int, default=500)
    given = parser.parse_args()
    measure(given.url, given.turns)
