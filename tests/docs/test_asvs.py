"""docs/asvs.md: every requirement that applies has its line, and what a line says can be looked up."""

import re
from pathlib import Path

import pytest

from tests.docs.test_docs import ROOT

PAGE = ROOT / "docs" / "asvs.md"
STATES = ("met", "not met", "not applicable")
# What applies to this application of ASVS 5.0.0, without OAuth, WebRTC, LDAP and the like: 65 of level 1, 134 of 2.
LEVEL_1 = """
V1 2.1-2.5 3.1 3.2 5.1; V2 1.1 2.1 2.2 3.1; V3 2.1 2.2 3.1 4.1 4.2 5.1-5.3; V4 1.1 4.1; V5 2.1 2.2 3.1 3.2;
V6 1.1 2.1-2.8 3.1 3.2 4.1 4.2; V7 2.1-2.4 4.1 4.2; V8 1.1 2.1 2.2 3.1; V9 1.1-1.3 2.1; V11 3.1 3.2 4.1;
V12 1.1 2.1 2.2; V13 4.1; V14 2.1 3.1; V15 1.1 2.1 3.1
"""
LEVEL_2 = """
V1 1.1 1.2 2.9 3.3-3.7 3.10 3.11 4.2 4.3 5.2; V2 1.2 1.3 2.3 3.2-3.4 4.1; V3 3.2-3.4 4.3-4.6 5.4 5.5 7.1 7.2;
V4 1.2 1.3 2.1 4.2-4.4; V5 1.1 2.3 4.1-4.3; V6 1.2 1.3 2.9-2.12 3.3 3.4 4.3 4.4 5.1-5.5 6.2 6.3;
V7 1.1 1.2 3.1 3.2 4.3-4.5 5.1 5.2 6.2; V8 1.2 2.3; V9 2.2-2.4; V11 1.1 1.2 2.1-2.3 3.3 4.2-4.4 5.1 6.1;
V12 1.2 3.1-3.4; V13 1.1 2.1-2.5 3.1 3.2 4.2-4.5; V14 1.1 1.2 2.2-2.4 3.2 3.3; V15 1.2 1.3 2.2 2.3 3.2-3.7;
V16 1.1 2.1-2.5 3.1-3.4 4.1-4.3 5.1-5.3
"""
LINE = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([12]) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)


def ids(text: str) -> set[str]:
    """Read "V1 2.1-2.3 5.1; V2 1.1" as 1.2.1, 1.2.2, 1.2.3, 1.5.1, 2.1.1."""
    found = set()
    for chapter in text.replace("\n", " ").split(";"):
        name, *parts = chapter.split()
        for part in parts:
            first, _, last = part.partition("-")
            section, number = first.split(".")
            for each in range(int(number), int((last or first).split(".")[1]) + 1):
                found.add(f"{name[1:]}.{section}.{each}")
    return found


def lines() -> list[tuple[str, str, str, str, str]]:
    return LINE.findall(PAGE.read_text("utf-8"))


@pytest.fixture(scope="module")
def tests() -> set[str]:
    """Return the name of every test there is."""
    found: set[str] = set()
    for file in (ROOT / "tests").rglob("test_*.py"):
        found |= set(re.findall(r"^(?:async )?def (test_\w+)", file.read_text("utf-8"), re.MULTILINE))
    return found


def test_every_requirement_that_applies_has_one_line_and_no_other_has_one() -> None:
    told = [number for number, *_ in lines()]
    assert len(told) == len(set(told))
    for level, text in (("1", LEVEL_1), ("2", LEVEL_2)):
        there = {number for number, said, *_ in lines() if said == level}
        assert there == ids(text), sorted(there ^ ids(text))


def test_every_line_says_met_not_met_or_not_applicable_and_why() -> None:
    for number, _, about, state, why in lines():
        assert state in STATES, number
        assert len(about) > 5, number
        named, linked = re.findall(r"`(test_\w+)`", why), re.findall(r"\]\(([^)]+)\)", why)
        words = re.sub(r"`test_\w+`|[,.:]", "", why).strip()
        assert named or linked or len(words) >= 15, f"{number}: no test, no page, no reason"
        assert state == "met" or len(words) >= 10, f"{number} is {state}: say why"


def test_every_test_that_is_named_exists(tests: set[str]) -> None:
    gone = {
        (number, name) for number, *_, why in lines() for name in re.findall(r"\btest_\w+", why) if name not in tests
    }
    assert gone == set()


def test_every_page_that_is_named_exists() -> None:
    for number, *_, why in lines():
        for link in re.findall(r"\]\(([^)]+)\)", why):
            assert (PAGE.parent / link).is_file(), (number, link)


def test_the_sums_are_of_the_lines() -> None:
    counted = {state: sum(said == state for *_, said, _ in lines()) for state in STATES}
    told = re.search(r"(\d+) met, (\d+) not met, (\d+) not applicable", PAGE.read_text("utf-8"))
    assert told is not None
    assert [int(number) for number in told.groups()] == [counted[state] for state in STATES]


def test_a_test_that_does_not_exist_would_be_noticed(tests: set[str]) -> None:
    assert len(tests) > 500
    assert "test_nobody_gets_more_than_the_table_says" in tests
    assert "test_that_nobody_ever_wrote" not in tests
    assert Path(PAGE).name == "asvs.md"
