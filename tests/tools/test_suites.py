"""How `make test` runs: on all cores, unless somebody says otherwise."""

import pytest

from tools.suites import MARKER, SPREAD, spread

ALL = ["-n", "logical", "--dist", "loadgroup", "--no-loadscope-reorder"]


@pytest.mark.parametrize("more", [[], ["-x", "tests/domain"], ["-k", "chats"], ["--durations=40"], ["--lf"]])
def test_a_suite_uses_all_cores(more: list[str]) -> None:
    assert spread(more, "loadgroup") == ALL


@pytest.mark.parametrize("more", [["-n", "0"], ["-n4"], ["--pdb"], ["-s"], ["tests/domain/test_chat.py::test_one"]])
def test_who_wants_to_look_on_or_names_one_test_gets_one_process(more: list[str]) -> None:
    assert spread(more, "loadgroup") == []


def test_all_suites_but_the_models_are_spread() -> None:
    assert set(SPREAD) == {"test", *MARKER} - {"models"}
