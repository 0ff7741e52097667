"""The embedded index is rid of what was deleted when it is opened, and says the same afterwards."""

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from db import edge_tidy
from db.vectors_edge import EdgeIndex
from domain.knowledge.model import Filter, Shelf
from domain.knowledge.ports import Point, Query

SHELF, MODEL, SIZE, PAGES = Shelf("", "holmes"), "test", 384, 120
ONLY = Filter(shelves=(SHELF,))


def vector(*first: float) -> list[float]:
    return [*first, *[0.0] * (SIZE - len(first))]


QUERIES = [Query(dense=vector(1.0, 0.3, 0.2)), Query(sparse={7: 1.0, 1_000: 1.0})]


def points(rev: int, count: int = PAGES) -> list[Point]:
    return [
        Point(
            id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{rev}/{number}")), page_id=f"page{number}", rev=rev,
            shelf=SHELF.key, site="example.org", language="en", at=1_000,
            sparse={1_000 * rev: 1.0, number % 11: 1.0}, dense=vector(1.0, number / 100, rev / 10),
        )
        for number in range(count)
    ]  # fmt: skip


def heavy(index: EdgeIndex, folder: Path) -> bool:
    return edge_tidy.worth_it(folder / "points", index.count(), SIZE)


def replaced(folder: Path, times: int) -> EdgeIndex:
    index = EdgeIndex(folder)
    index.ensure(MODEL, SIZE)
    for rev in range(1, times + 1):
        index.upsert(points(rev))
        index.delete_pages([f"page{number}" for number in range(PAGES)], below=rev)
    return index


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder on a disk: in memory (tests/conftest.py) files of holes weigh what was ever read of them."""
    with tempfile.TemporaryDirectory(prefix="parley-") as folder:
        yield Path(folder) / "index"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_tidy, "LEAST", 0)


def test_what_was_deleted_is_no_burden_after_the_next_start(tmp_path: Path) -> None:
    replaced(tmp_path, 6).close()
    index, clean = EdgeIndex(tmp_path), EdgeIndex(tmp_path.with_name("clean"))
    assert index.ensure(MODEL, SIZE) is False
    clean.ensure(MODEL, SIZE)
    clean.upsert(points(6))
    assert not heavy(index, tmp_path)
    assert index.count() == PAGES
    for ours, theirs in zip(index.search(QUERIES, ONLY, 50), clean.search(QUERIES, ONLY, 50), strict=True):
        assert [hit.id for hit in ours] == [hit.id for hit in theirs]
        assert [hit.score for hit in ours] == pytest.approx([hit.score for hit in theirs])
    index.upsert(points(7))
    index.delete_pages(["page3"])
    assert index.count() == 2 * PAGES - 2
    for each in (index, clean):
        each.close()


def test_an_index_that_cannot_be_tidied_is_opened_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_tidy, "SECONDS", 0)
    replaced(tmp_path, 6).close()
    index = EdgeIndex(tmp_path)
    assert index.ensure(MODEL, SIZE) is False
    assert heavy(index, tmp_path)
    assert len(index.search(QUERIES, ONLY, 50)[0]) == 50
    index.close()


def test_one_in_which_little_was_deleted_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replaced(tmp_path, 1).close()
    monkeypatch.setattr("db.edge_folder.tidy", lambda *given: pytest.fail("tidied"))
    index = EdgeIndex(tmp_path)
    index.ensure(MODEL, SIZE)
    assert index.count() == PAGES
    index.close()
