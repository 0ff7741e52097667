"""A fetcher that may reach the test server on loopback, does not wait, and remembers what it kept of hosts."""

from collections.abc import Callable

import pytest

from infra.asking import Limits
from infra.fetch import SafeFetcher
from infra.resolving import Resolver
from tests.fakes_web import Names, SeenHosts, SleepClock

AGENT = "ParleyBot/1.0 (+https://parley.example/bot)"
# Refusals come at once, and nothing is late because a machine is busy.
QUICK = Limits(refusal_s=0, deadline_s=50.0, robots_s=40.0, resolve_s=30.0, connect_s=20.0)

Make = Callable[..., SafeFetcher]


@pytest.fixture
def hosts() -> SeenHosts:
    return SeenHosts()


@pytest.fixture
def clock() -> SleepClock:
    return SleepClock()


@pytest.fixture
def fetcher(hosts: SeenHosts, clock: SleepClock) -> Make:
    def make(
        *trusted: tuple[str, int], resolver: Resolver | None = None, limits: Limits = QUICK, **more: object
    ) -> SafeFetcher:
        return SafeFetcher(
            hosts,
            clock,
            AGENT,
            resolver=resolver or Names(),
            trusted=frozenset(trusted),
            limits=limits,
            sleep=clock.sleep,
            **more,  # type: ignore[arg-type]
        )

    return make
