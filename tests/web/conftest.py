from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
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


@pytest.fixture(scope="session")
def lasting_house(tmp_path_factory: pytest.TempPathFactory, database: Path) -> House:
    """One application for many tests, since making one takes longer than most of them."""
    return House(tmp_path_factory.mktemp("lasting"), database)


@pytest.fixture(scope="session")
def lasting(lasting_house: House) -> Iterator[TestClient[Any]]:
    with lasting_house.open() as client:
        yield client


@pytest.fixture
def reader(lasting: TestClient[Any]) -> TestClient[Any]:
    """A client of an application that many tests share: for those who change nothing."""
    lasting.cookies.clear()
    return lasting
