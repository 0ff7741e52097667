from collections.abc import Iterator

import httpx
import pytest

from tests.bench.server import Server, serving
from tests.web.house import BROWSER


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The program as a user starts it, with scripted engines."""
    with serving(ENGINES="scripted", BENCH="1") as running:
        yield running


@pytest.fixture(scope="session")
def slow_server() -> Iterator[Server]:
    """The same, but a reply takes 12 seconds: for what happens meanwhile."""
    with serving(module="tests.slow", ENGINES="scripted", BENCH="1") as running:
        yield running


@pytest.fixture
def patient(slow_server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=slow_server.url, headers=BROWSER, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture
def visitor(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers=BROWSER, timeout=60, trust_env=False) as client:
        yield client
