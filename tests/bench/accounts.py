"""What signing in costs: `python -m tests.bench.accounts [--url URL] [--times N]`, or under pytest -m bench.

Argon2 alone with several parameters, one at a time and as many as there are; then the whole use case (limits, the
search, Argon2, the session, audit rows, mail) on a real database; then those parts alone. Without --url it makes a
SQLite file, whose commits reach the disk. CPU is this process's.
"""

import argparse
import asyncio
import logging
import secrets
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from db.accounts import SqlAccounts
from db.audit import SqlAudit
from db.audit_chain import HeadFile
from db.keys import SqlKeys
from db.limits import SqlLimits
from db.outbox import SqlOutbox
from db.sessions import SqlSessions
from db.tokens import SqlTokens
from domain.accounts import People
from domain.audit import happened
from domain.errors import NotAllowed, Unavailable
from domain.hashing import DEFAULT, Hasher
from domain.jwt_tokens import Issuer
from domain.people import Pending, User
from domain.places import Place
from infra.clock import SystemClock
from infra.mail import Outbox
from tests.bench.bench_store import Timings, say, show, store, timed

PASSWORD = "seven herons by the old lock"
PARAMETERS = (DEFAULT, "47104,1,1", "65536,3,1")  # OWASP's floor, its other pair, argon2-cffi's memory


async def each(times: int, at_once: int, do: Callable[[int], Awaitable[object]]) -> Timings:
    """Time `times` runs, `at_once` of them in flight."""
    timings: Timings = []
    numbers = iter(range(times))
    cpu = time.process_time()

    async def worker() -> None:
        for number in numbers:
            wall = time.perf_counter()
            await do(number)
            timings.append(((time.perf_counter() - wall) * 1000, 0.0))

    await asyncio.gather(*(worker() for _ in range(at_once)))
    spent = (time.process_time() - cpu) * 1000 / times
    return [(wall, spent) for wall, _ in timings]


async def argon2(times: int) -> None:
    for parameters in PARAMETERS:
        hasher = Hasher(parameters)
        hashed = await hasher.hash(PASSWORD)
        show(f"argon2 {parameters}", await each(times, 1, lambda _, h=hasher, k=hashed: h.verify(k, PASSWORD)))  # type: ignore[misc]
        show("  8 at once", await each(times, 8, lambda _, h=hasher, k=hashed: h.verify(k, PASSWORD)))  # type: ignore[misc]
        hasher.close()
    hasher = Hasher()
    flood = [asyncio.create_task(hasher.verify("no hash", PASSWORD)) for _ in range(200)]
    refused = sum(isinstance(end, Unavailable) for end in await asyncio.gather(*flood, return_exceptions=True))
    say(f"  of 200 at once {200 - refused} were checked and {refused} told to come back")
    hasher.close()


async def sign_ins(url: str, folder: Path, times: int) -> None:
    with store(url) as engine:
        clock, limits = SystemClock(), SqlLimits(engine, "a secret of the bench")
        audit = SqlAudit(engine, "a key of the bench", HeadFile(folder / "audit-head", b"a key of the bench"))
        accounts, hasher, mailer = SqlAccounts(engine), Hasher(), Outbox(SqlOutbox(engine))
        issuer = Issuer(secrets.token_urlsafe(48), secrets.token_urlsafe(48), "http://127.0.0.1:7210", clock)
        people = People(
            accounts,
            SqlSessions(engine),
            SqlTokens(engine),
            SqlKeys(engine),
            limits,
            audit,
            mailer,
            hasher,
            issuer,
            clock,
        )
        names = [settle(accounts, await hasher.hash(PASSWORD), clock.now()) for _ in range(20)]

        async def right(number: int) -> None:
            await people.sign_in(names[number % len(names)], PASSWORD, somewhere())

        async def wrong(number: int) -> None:
            try:
                await people.sign_in(names[number % len(names)] + "x" * (number % 2), "another password", somewhere())
            except NotAllowed:
                return
            raise AssertionError("the wrong password was taken")

        show("sign in", await each(times, 1, right))
        show("  8 at once", await each(times, 8, right))
        show("wrong password or name", await each(times, 1, wrong))
        now = clock.now()
        show("a limit, counted", timed(times, lambda n: limits.hit(f"bench {n % 20}", 10**6, 60, now)))
        limits.hit("full", 1, 60, now)
        show("a limit, refused", timed(times, lambda n: limits.hit("full", 1, 60, now)))
        show("an audit row", timed(times, lambda n: audit.add([happened("signed_in", now, "anna")])))
        began = time.perf_counter()
        rows = audit.inspect().rows
        say(f"  the chain verified: {rows} rows, {rows / (time.perf_counter() - began):.0f} a second")
        hasher.close()


def settle(accounts: SqlAccounts, password_hash: str, now: datetime) -> str:
    name, token = f"bench{secrets.token_hex(6)}", secrets.token_hex(32)
    accounts.pend(
        Pending(
            token_hash=token, username=name, email=f"{name}@x.org", phone=None, password_hash=password_hash,
            language="en", guest=secrets.token_urlsafe(18), expires_at=now + timedelta(hours=1),
        )
    )  # fmt: skip
    user_id = secrets.token_urlsafe(18)
    user = User(id=user_id, username=name, email=f"{name}@x.org", created_at=now, password_at=now)
    accounts.confirm(token, user, now)
    return name


def somewhere() -> Place:
    """Another address each time, else the limits would be what is measured."""
    return Place("Chromium on Linux", f"2001:db8:{secrets.randbelow(65_536):x}:{secrets.randbelow(65_536):x}::1", None)


def measure(url: str | None, times: int) -> None:
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        target = url or f"sqlite:///{folder}/core.db"
        say("argon2, verify; KiB, passes, lanes")
        asyncio.run(argon2(times))
        say(f"\naccounts on {target.partition(':')[0]}, {datetime.now(UTC):%Y-%m-%d}")
        asyncio.run(sign_ins(target, Path(folder), times))


@pytest.mark.bench
def test_the_cost_of_signing_in_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        measure(None, 40)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a database to measure instead; rows of test data stay in it")
    parser.add_argument("--times", type=int, default=100)
    given = parser.parse_args()
    measure(given.url, given.times)
