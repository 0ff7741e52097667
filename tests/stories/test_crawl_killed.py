"""A crawl is killed between every two steps: searches see the old text or the new, and the next run mends the rest."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stories import dying
from tests.stories.crawl_child import CHOIR, NEW, OLD, A, B, C, Order
from tests.stories.dying import KILLED, Helper, moments

OLD_A, NEW_A = sorted(OLD), sorted(NEW)


@pytest.fixture(scope="module")
def helper() -> Iterator[Helper]:
    with dying.helper("tests.stories.crawl_child") as running:
        yield running


@pytest.fixture(scope="module")
def crawled(helper: Helper, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source that was visited twice; B missed once. Every death starts from a copy of it."""
    folder = tmp_path_factory.mktemp("crawled")
    assert helper.ask(Order("first", str(folder))) == (0, {"state": "done"})
    return folder


def copy(here: Path, there: Path) -> None:
    """The index is 209 MB of holes with 1 MB between them; cp leaves the holes out, Python's copytree fills them."""
    subprocess.run(["cp", "-R", str(here), str(there)], check=True)


def whole(said: dict[str, Any]) -> None:
    """Whatever happened before: this is how it is after the next run."""
    assert said["equal"] and said["waiting"] == said["running"] == said["bare"] == 0
    assert said["state"] == "done"
    assert said["after"]["A"] == NEW_A
    assert set(said["after"]) == {"A", "C"}
    assert said["pages"] == [A, C]
    assert said["points"] == len(NEW) + 1
    assert said["revs"] == [2, 1], "nothing was written twice"


@pytest.mark.timeout(600)  # forty deaths, on a machine that may have other things to do
@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.attacks)], ids=["one of each", "every"])
def test_killed_before_any_of_its_steps_a_crawl_leaves_the_old_text_or_the_new_and_is_mended(
    helper: Helper, crawled: Path, tmp_path: Path, every: bool
) -> None:
    copy(crawled, tmp_path / "whole")
    code, said = helper.ask(Order("change", str(tmp_path / "whole")))
    assert code == 0
    steps = said["steps"]
    for name in ("pages.write", "index.upsert", "pages.go_live", "index.delete_pages", "pages.sweep", "frontier.done",
                 "pages.gone", "pages.keep_vectors", "pages.set_embedded", "sources.finish"):  # fmt: skip
        assert name in steps
    whole(helper.ask(Order("look", str(tmp_path / "whole")))[1])
    old, new = 0, 0
    for number, name in moments(steps, every):
        folder = tmp_path / str(number)
        copy(crawled, folder)
        code, _ = helper.ask(Order("change", str(folder), number))
        assert code == KILLED, name
        code, said = helper.ask(Order("look", str(folder)))
        assert code == 0, name
        for moment in ("before", "repaired"):
            assert said[moment]["A"] in (OLD_A, NEW_A), f"killed before {name}: a mix"
            assert said[moment].get("B", [CHOIR]) == [CHOIR]
            assert len(said[moment].get("C", [""])) == 1
        if said["before"]["A"] == NEW_A:
            assert said["repaired"]["A"] == NEW_A, f"killed before {name}: back to the old"
        old, new = old + (said["before"]["A"] == OLD_A), new + (said["before"]["A"] == NEW_A)
        whole(said)
        shutil.rmtree(folder)
    assert old > 5 and new > 5, "both sides of the flip were seen"
    assert B not in said["pages"] and C in said["pages"]
