"""Nothing that waits for a database runs in the event loop, where every stream of sound would wait with it."""

import asyncio
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from tests.web.house import awake
from tests.web.matrix import KEY, ROWS, Visitor
from tests.web.real import Real, copied
from tests.web.test_matrix import asked
from tests.web.visitors import visitor

pytestmark = pytest.mark.attacks
ROOT = str(Path(__file__).parents[2])
ASKING: tuple[Visitor, ...] = ("guest", "member", "admin")


@pytest.fixture
def in_the_loop() -> Iterator[list[str]]:
    """Where SQL was sent from a thread whose event loop was running."""
    found: list[str] = []

    def note(*_: Any) -> None:
        if asyncio._get_running_loop() is not None:
            ours = [f for f in traceback.extract_stack() if f.filename.startswith(ROOT) and "/.venv/" not in f.filename]
            found.append(" > ".join(f"{Path(f.filename).name}:{f.lineno}" for f in ours[-7:-1]))

    event.listen(Engine, "before_cursor_execute", note)
    yield found
    event.remove(Engine, "before_cursor_execute", note)


def test_no_route_and_no_start_asks_a_database_in_the_event_loop(
    tmp_path: Path, database: Path, in_the_loop: list[str]
) -> None:
    house = Real(copied(database, tmp_path), tmp_path, bench=True, operator_key=KEY)
    with closing(house) as real, real.open() as client:
        awake(client)
        for who in ASKING:
            for method, path in ROWS:
                real.forgive()
                asked(client, method, path, visitor(real, who))
    assert sorted(set(in_the_loop)) == []
