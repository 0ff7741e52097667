"""The pages in docs/ tell all there is: every address, event and figure."""

import re
from pathlib import Path

import pytest
from litestar.routes import HTTPRoute

from infra.telemetry import PHASES, Telemetry
from tests.web.house import House

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def bench_house(tmp_path: Path, database: Path) -> House:
    return House(tmp_path, database, bench=True, engines="scripted")


def test_every_address_is_told_and_no_other(bench_house: House) -> None:
    told = set(re.findall(r"^\| `((?:GET|POST) [^`]+)`", (DOCS / "http.md").read_text(), re.MULTILINE))
    there = {
        f"{method} {route.path_format}"
        for route in bench_house.app.routes
        if isinstance(route, HTTPRoute)
        for method in route.methods
        if method in ("GET", "POST")
    }
    assert told | {"GET /characters"} == there


def test_every_event_on_the_wire_is_told() -> None:
    source = (Path(__file__).parents[2] / "web" / "sse.py").read_text()
    names = set(re.findall(r'_named\(\s*b"(\w+)"', source)) | set(re.findall(r"event: (\w+)\\n", source))
    assert names == {"turn", "message", "unheard", "cue", "spent", "audio", "done", "fail"}
    turn = (DOCS / "turn.md").read_text()
    assert [name for name in sorted(names) if f"`event: {name}`" not in turn] == []


def test_every_figure_is_told() -> None:
    figures = set(re.findall(r"^# TYPE (\w+) ", Telemetry().exposition().decode(), re.MULTILINE))
    figures = {name for name in figures if not name.endswith("_created")}
    told = set(re.findall(r"^\| `(parley_\w+)`", (DOCS / "http.md").read_text(), re.MULTILINE))
    assert told == figures
    assert all(f"`{phase}`" in (DOCS / "http.md").read_text() for phase in PHASES)
