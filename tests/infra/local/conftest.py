"""One live plane for all tests of this folder that need one: each start and deploy takes seconds."""

from collections.abc import Iterator

import pytest

from tests.infra.local.live import Live, living


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with living(tmp_path_factory.mktemp("live")) as live:
        yield live
        assert live.plane.unknown == []
