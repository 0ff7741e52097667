"""One live plane for each file of this folder that needs one: which containers live is its own tests' doing alone."""

from collections.abc import Iterator

import pytest

from tests.infra.local.live import Live, living


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with living(tmp_path_factory.mktemp("live")) as live:
        yield live
        assert live.plane.unknown == []
