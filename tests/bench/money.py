"""What keeping minutes and money costs: `python -m tests.bench.money [--url URL] [--times N]`.

Without a URL it makes a SQLite file of its own. "a turn" is `hold` and `settle` of five calls, commits included; grants
come with the order's way there, one after the other and ten at once.
"""

import argparse
import logging
import secrets
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Engine

from db.meters import SqlMeters
from db.orders import SqlOrders
from domain.membership.model import Use
from tests.bench.bench_store import Timings, say, show, store, timed
from tests.db.orders_house import NOON, event, membership, order, paid
from tests.db.test_meters_contract import VOICE, hold

MANY_MS = 2**50


def minutes(engine: Engine, times: int) -> None:
    meters, owner = SqlMeters(engine), f"user-{secrets.token_hex(4)}"

    def begin(n: int) -> object:
        return meters.hold(hold(f"{owner}-{n}", owner, 15_000), MANY_MS, 1)

    def end(n: int) -> object:
        return meters.settle(f"{owner}-{n}", [Use(f"{owner}-{n}-{call}", "tts", 900) for call in range(5)], NOON)

    begin(-1)
    end(-1)
    show("hold", timed(times, begin))
    show("extend", timed(times, lambda n: meters.extend(f"{owner}-{n}", 5_000, MANY_MS)))
    show("settle, 5 calls", timed(times, end))
    show("a turn: hold + settle", timed(times, lambda n: (begin(n + times), end(n + times))))
    show("used", timed(times, lambda n: meters.used(owner, VOICE, "2026-11-28")))
    show("hold, and nothing is left", timed(times, lambda n: meters.hold(hold(f"no-{owner}-{n}", owner), 1, 1)))
    show("days of a month", timed(times, lambda n: meters.days(owner, VOICE, NOON.date())))

    def talk(person: int) -> Timings:
        mine = f"{owner}-{person}"
        return timed(
            max(5, times // 20),
            lambda n: (
                meters.hold(hold(f"{mine}-{n}", mine), MANY_MS, 1),
                meters.settle(f"{mine}-{n}", [Use(f"{mine}-{n}-{call}", "tts", 900) for call in range(5)], NOON),
            ),
        )

    with ThreadPoolExecutor(20) as pool:
        began = time.perf_counter()
        timings = [each for some in pool.map(talk, range(20)) for each in some]
        spent = time.perf_counter() - began
    show("a turn, 20 people at once", timings)
    say(f"  {'':28} {len(timings) / spent:7.0f} turns a second")


def money(engine: Engine, times: int) -> None:
    orders, run = SqlOrders(engine), secrets.token_hex(4)
    name = f"{run}-{{}}".format
    show("create", timed(times, lambda n: orders.create(order(name(f"open{n}"), name(n)), None)))
    show("receive", timed(times, lambda n: orders.receive(event(name(n), name(n)), NOON)))
    show("receive, told before", timed(times, lambda n: orders.receive(event(name(n), name(n)), NOON)))
    show("jobs, 20 leased", timed(max(1, times // 20), lambda n: orders.jobs(NOON)))
    bought = [paid(orders, name(f"paid{n}"), name(f"buyer{n}")) for n in range(2 * times)]
    show("move", timed(times, lambda n: orders.move(orders.get(name(f"open{n}")), "pending", NOON)))

    def grant(n: int) -> object:
        return orders.grant(bought[n], membership(bought[n].user_id), 0, NOON)

    show("grant", timed(times, grant))
    with ThreadPoolExecutor(10) as pool:
        began = time.perf_counter()
        granted = list(pool.map(grant, range(times, 2 * times)))
        say(f"  grants, 10 at once {'':9} {len(granted) / (time.perf_counter() - began):7.0f} a second")


def main(url: str | None, times: int) -> None:
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        target = url or f"sqlite:///{folder}/core.db"
        say(target.partition(":")[0])
        with store(target) as engine:
            minutes(engine, times)
            money(engine, times)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a database to measure instead; rows of test data stay in it")
    parser.add_argument("--times", type=int, default=300)
    given = parser.parse_args()
    main(given.url, given.times)
