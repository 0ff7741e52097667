"""docs/data.md and docs/keys.md: every table has a level, every key its row, and every test that is named exists."""

import re

import pytest

from db.tables import every, pages
from infra.production import KEYS
from tests.docs.test_docs import GUIDE, ROOT, rows

DATA = (ROOT / "docs" / "data.md").read_text("utf-8")
KEY_PAGE = (ROOT / "docs" / "keys.md").read_text("utf-8")


def test_every_table_has_its_level_and_says_how_long_it_is_kept() -> None:
    told = {name.strip("`"): (level, kept) for name, level, kept in rows(DATA.split("## By table")[1])}
    kept = [*every.metadata.sorted_tables, *pages.metadata.sorted_tables]
    assert set(told) == {table.name for table in kept}
    assert all(level in "1234" and len(kept) > 5 for level, kept in told.values())


def test_every_level_has_its_rules() -> None:
    assert re.findall(r"^\| ([1-4]) \w", DATA, re.MULTILINE) == list("1234")
    assert re.findall(r"^\*\*.*?\(([34])\)", DATA, re.MULTILINE) == ["3", "4"]


def test_every_key_is_told_with_who_holds_it_and_when_it_changes() -> None:
    told = {row[0].strip("`") for row in rows(KEY_PAGE)}
    assert {*KEYS, "OPERATOR_KEY"} <= told


@pytest.mark.parametrize("page", [DATA, KEY_PAGE], ids=["data", "keys"])
def test_every_test_that_these_pages_name_exists(page: str) -> None:
    there = "\n".join(file.read_text("utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name in re.findall(r"`(test_\w+)`", page) if f"def {name}(" not in there] == []


def test_every_package_that_runs_is_pinned_and_how_soon_it_is_updated_is_written_down() -> None:
    assert "## Updates" in GUIDE
    for severity in ("critical", "high", "other"):
        assert re.search(rf"^\| {severity} ", GUIDE.split("## Updates")[1], re.MULTILINE)
    for lock in [*(ROOT / "requirements").glob("*.txt"), *(ROOT / "requirements" / "images").glob("*.txt")]:
        names = re.findall(r"^([a-zA-Z0-9][^\s\\]*)", lock.read_text("utf-8"), re.MULTILINE)
        assert names and all("==" in name for name in names), lock.name
