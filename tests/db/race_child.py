"""One of several processes that want the same of one database: `python -m tests.db.race_child URL WHAT NUMBER`.

It says `ready`, begins when it is told to, and prints what came of it as JSON.
"""

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import Engine

from db.connect import connect
from db.meters import SqlMeters
from db.orders import SqlOrders
from domain.membership.model import Hold, Use
from tests.db.orders_house import NOON, event, membership

HELD_MS, LIMIT_MS = 3_000, 60_000
THREADS = 8


def hold(engine: Engine, number: int) -> object:
    """Hold three seconds for each of forty turns; return how many got them."""
    meters = SqlMeters(engine)

    def begin(turn: int) -> int:
        name = f"turn-{number}-{turn}"
        wanted = Hold(
            id=name, owner="anna", feature="voice_seconds", window="2026-11-28", amount=HELD_MS, at=NOON,
            expires_at=NOON + timedelta(minutes=5),
        )  # fmt: skip
        return meters.hold(wanted, LIMIT_MS, HELD_MS)

    with ThreadPoolExecutor(THREADS) as pool:
        return [held for held in pool.map(begin, range(40)) if held]


def settle(engine: Engine, number: int) -> object:
    """Settle the twenty holds that are there, each with its own call and one that all of them name."""
    meters = SqlMeters(engine)

    def end(turn: int) -> int:
        return meters.settle(f"turn-{turn}", [Use(f"call-{turn}", "tts", 1_000), Use("shared", "asr", 7)], NOON)

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(end, range(20)))


def receive(engine: Engine, number: int) -> object:
    """Receive the same twenty events five times each; return how often it was the first time."""
    orders = SqlOrders(engine)
    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(lambda n: orders.receive(event(f"evt_{n % 20}"), NOON), range(100)))


def grant(engine: Engine, number: int) -> object:
    """Grant every paid order there is; return the numbers of the receipts."""
    orders = SqlOrders(engine)
    found = orders.find("paid", 100)

    def give(place: int) -> int | None:
        order = found[place]
        granted = orders.grant(order, membership(order.user_id), 0, NOON)
        return None if granted is None else granted.receipt

    with ThreadPoolExecutor(THREADS) as pool:
        return [receipt for receipt in pool.map(give, range(len(found))) if receipt is not None]


WORK: dict[str, Callable[[Engine, int], object]] = {
    "hold": hold, "settle": settle, "receive": receive, "grant": grant,
}  # fmt: skip


def main(url: str, what: str, number: str) -> None:
    engine = connect(url)
    with engine.connect():
        sys.stdout.write("ready\n")
        sys.stdout.flush()
    sys.stdin.readline()
    came = WORK[what](engine, int(number))
    engine.dispose()
    sys.stdout.write(json.dumps(came) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
