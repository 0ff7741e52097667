"""How `make test` runs: on all cores, unless somebody says otherwise."""

import os

import pytest

from tools import environment
from tools.suites import MARKER, SPREAD, main, spread

ALL = ["-n", "logical", "--dist", "loadfile", "--no-loadscope-reorder"]


@pytest.mark.parametrize("more", [[], ["-x", "tests/domain"], ["-k", "chats"], ["--durations=40"], ["--lf"]])
def test_a_suite_uses_all_cores(more: list[str]) -> None:
    assert spread(more) == ALL


@pytest.mark.parametrize("more", [["-n", "0"], ["-n4"], ["--pdb"], ["-s"], ["tests/domain/test_chat.py::test_one"]])
def test_who_wants_to_look_on_or_names_one_test_gets_one_process(more: list[str]) -> None:
    assert spread(more) == []


def test_all_suites_but_the_models_are_spread() -> None:
    assert set(SPREAD) == {"test", *MARKER} - {"models"}


def test_what_python_compiles_is_kept_for_the_next_worker_and_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(environment, "ensure", lambda kind: 0)
    monkeypatch.setattr("sys.argv", ["suites"])
    assert main() == 0
    assert "PYTHONDONTWRITEBYTECODE" not in os.environ
