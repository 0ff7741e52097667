from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from infra.payments.sandbox import Sandbox
from tests.infra.payments.hook import Hook, hooked
from tests.infra.payments.houses import House, house, now


@pytest.fixture(params=["stripe", "wechat", "sandbox"])
async def there(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    """Each provider in turn, with the server that it talks to."""
    async with house(request.param, tmp_path / "sandbox") as one:
        yield one


@pytest.fixture
def hook() -> Iterator[Hook]:
    with hooked() as one:
        yield one


@pytest.fixture
async def sandbox(hook: Hook, tmp_path: Path) -> AsyncIterator[Sandbox]:
    one = Sandbox(tmp_path / "sandbox", hook.address, now)
    hook.provider = one
    yield one
    await one.close()
