"""A program is killed in the middle of turns: what they used is counted once, and nothing stays held."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stories import dying
from tests.stories.dying import KILLED, Helper, moments
from tests.stories.minutes_child import SECONDS, Order


@pytest.fixture(scope="module")
def helper() -> Iterator[Helper]:
    with dying.helper("tests.stories.minutes_child") as running:
        yield running


def right(said: dict[str, Any]) -> None:
    assert (said["held"], said["holds"]) == (0, 0)
    assert said["used"] == sum(said["counted"].values()) == said["days"] <= SECONDS * 1000
    # Every call that was in the ledger is counted once; only a piece that did not fit what was kept may count for less.
    assert said["counted"].keys() == said["told"].keys()
    assert all(amount <= said["told"][call] for call, amount in said["counted"].items())
    assert said["swept"][1] == 0


@pytest.mark.timeout(600)  # many deaths, on a machine that may have other things to do
@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.attacks)], ids=["one of each", "every"])
def test_killed_before_any_step_of_keeping_and_counting_every_call_is_counted_once_and_nothing_is_held(
    helper: Helper, tmp_path: Path, every: bool
) -> None:
    (tmp_path / "whole").mkdir()
    code, said = helper.ask(Order("talk", str(tmp_path / "whole")))
    assert (code, said["refused"]) == (0, 0)
    steps = said["steps"]
    assert {"meters.hold", "meters.extend", "meters.settle", "ledger.record"} == set(steps)
    code, said = helper.ask(Order("look", str(tmp_path / "whole")))
    right(said)
    assert said["swept"] == [0, 0] and said["used"] == sum(said["told"].values()), "nothing was left to sweep"
    swept = 0
    for number, name in moments(steps, every):
        folder = tmp_path / str(number)
        folder.mkdir()
        code, _ = helper.ask(Order("talk", str(folder), number))
        assert code == KILLED, name
        code, said = helper.ask(Order("look", str(folder)))
        assert code == 0, name
        right(said)
        swept += said["swept"][0]
        assert (said["before"][1] > 0) == (said["swept"][0] == 1), f"killed before {name}"
    assert swept, "some were killed in the middle of a turn"
