"""The version matrix: which releases it takes, how it reads a run, how it keeps its page."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.modal_matrix import APP, BEHAVIOURS, Outcome, newest, outcome, write

ROOT = Path(__file__).parents[2]
LISTING = """modal (1.6.4)
Available versions: 1.6.4, 1.6.3, 1.5.10, 1.5.9, 1.4.3, 1.4.3rc1, 1.3.0.post1, 1.3.0, 1.2.6, 0.77.0
"""
TOLD = """{"name": "a_call", "error": "", "seconds": 1.2}
something that a library prints
{"name": "a_web_function", "error": "ValueError: x | y\\n z", "seconds": 2}
"""


def test_it_takes_the_latest_patch_of_the_newest_minor_releases() -> None:
    assert newest(LISTING) == ["1.6.4", "1.5.10", "1.4.3", "1.3.0"]


def test_a_run_is_read_behaviour_by_behaviour() -> None:
    found = outcome("1.5.5", TOLD, "", 61.7, "6.33.0")
    assert (found.held, found.failed) == (1, ["a web function (ValueError: x / y z)"])
    assert "| 1 of 2 | 62 |" in found.row("2026-11-22")


def test_a_run_that_never_began_says_why() -> None:
    found = outcome("1.3.5", "", "modal deploy failed:\n│ no such thing │\n╰───╯\n", 9, "6.33.0")
    assert (found.held, found.failed) == (0, ["nothing ran: no such thing"])


def test_the_page_keeps_other_releases_and_replaces_this_one(tmp_path: Path) -> None:
    page = tmp_path / "matrix.md"
    write(page, [Outcome("1.5.5", 9, 10, "6.33.0"), Outcome("1.6.4", 9, 10, "7.1.0", ["a batch"])], "2026-11-01")
    write(page, [Outcome("1.6.4", 10, 12, "7.1.0"), Outcome("1.5.10", 10, 12, "7.1.0")], "2026-11-22")
    rows = [line for line in page.read_text().splitlines() if line.startswith("| 1")]
    assert [row.split(" | ")[0] for row in rows] == ["| 1.6.4", "| 1.5.10", "| 1.5.5"]
    assert "2026-11-22 | nothing" in rows[0]
    assert "a batch" not in rows[0]


@pytest.mark.plane
@pytest.mark.timeout(600)  # it starts a plane and a container for each of its apps, in turn
def test_every_behaviour_holds_under_the_pinned_release() -> None:
    command = [sys.executable, "-m", "infra.local", "run", "--deploy", APP, "--", sys.executable, "-m", BEHAVIOURS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=550)
    found = outcome("pinned", done.stdout, done.stderr, 0, "")
    assert found.failed == []
    assert found.held >= 18
