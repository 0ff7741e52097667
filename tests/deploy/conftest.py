import pytest

from tests.bench.server import free_port


@pytest.fixture
def unused_port() -> int:
    """A loopback port where nobody listens."""
    return free_port()
