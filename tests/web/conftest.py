from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from tests.web.house import House, prepared


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared(tmp_path_factory.mktemp("database"))


@pytest.fixture
def house(tmp_path: Path, database: Path) -> House:
    return House(tmp_path, database)


@pytest.fixture
def client(house: House) -> Iterator[TestClient[Any]]:
    with house.open() as client:
        yield client


__all__ = ["Litestar"]
