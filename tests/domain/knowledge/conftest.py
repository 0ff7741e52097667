"""A house of knowledge for each test that asks for one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.domain.knowledge_house import KnowledgeHouse, house


@pytest.fixture
def home(tmp_path: Path) -> Iterator[KnowledgeHouse]:
    made = house(tmp_path)
    yield made
    made.close()
