"""The version matrix: which releases it takes, how it reads a run, how it keeps its page."""

from pathlib import Path

from tools.modal_matrix import Outcome, newest, outcome, write

LISTING = """modal (1.6.4)
Available versions: 1.6.4, 1.6.3, 1.5.10, 1.5.9, 1.4.3, 1.4.3rc1, 1.3.0.post1, 1.3.0, 1.2.6, 0.77.0
"""
REPORT = """<testsuites><testsuite>
  <testcase classname="tests.infra.local.test_calls" name="test_a_call_ends"/>
  <testcase classname="tests.infra.local.test_calls" name="test_b[x|y]"><failure message="no"/></testcase>
  <testcase classname="tests.infra.local.test_calls" name="test_b[x|y]"><error message="no"/></testcase>
  <testcase classname="tests.infra.local.test_web" name="test_c"><skipped/></testcase>
</testsuite></testsuites>"""


def test_it_takes_the_latest_patch_of_the_newest_minor_releases() -> None:
    assert newest(LISTING) == ["1.6.4", "1.5.10", "1.4.3", "1.3.0"]


def test_a_test_that_fails_twice_is_one_failure(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    found = outcome("1.5.5", report, 61.7, "6.33.0")
    assert (found.passed, found.skipped, found.failed) == (1, 1, ["test_calls: test b[x/y]"])


def test_the_page_keeps_other_releases_and_replaces_this_one(tmp_path: Path) -> None:
    page = tmp_path / "matrix.md"
    before = [Outcome("1.5.5", 9, 0, 10, "6.33.0"), Outcome("1.6.4", 9, 0, 10, "7.1.0", ["test_web: c"])]
    write(page, before, "2026-11-01")
    write(page, [Outcome("1.6.4", 10, 0, 12, "7.1.0"), Outcome("1.5.10", 10, 0, 12, "7.1.0")], "2026-11-22")
    rows = [line for line in page.read_text().splitlines() if line.startswith("| 1")]
    assert [row.split(" | ")[0] for row in rows] == ["| 1.6.4", "| 1.5.10", "| 1.5.5"]
    assert "2026-11-22 | nothing" in rows[0]
    assert "test_web: c" not in rows[0]
