"""The traffic: as much as asked for, more in the afternoon than at night, and CSV files read with care."""

from pathlib import Path

import numpy as np
import pytest

from infra.simulation import traffic
from infra.simulation.refused import Refused


def test_there_are_about_as_many_turns_as_asked_for() -> None:
    turns = sum(len(visit.turns) for visit in traffic.days(20_000, 3, seed=1))
    assert turns == pytest.approx(60_000, rel=0.05)


def test_visits_come_in_order_and_a_page_is_opened_before_it_is_spoken_to() -> None:
    visits = list(traffic.days(5_000, 2, seed=1))
    opened = [visit.opened for visit in visits]
    assert opened == sorted(opened) and opened[0] >= 0 and opened[-1] <= 2 * 86_400
    assert all(5 <= visit.begins - visit.opened <= 10 for visit in visits)
    left = sum(not visit.turns for visit in visits) / len(visits)
    assert left == pytest.approx(0.3, abs=0.05)


def test_the_afternoon_is_busier_than_the_night() -> None:
    hours = np.histogram([visit.opened / 3_600 for visit in traffic.days(100_000, 1, seed=1)], 24, (0, 24))[0]
    assert hours[16] > 5 * hours[4] and hours[16] == pytest.approx(1.8 * hours.mean(), rel=0.15)


def test_a_file_of_seconds_is_read_with_or_without_a_heading(tmp_path: Path) -> None:
    plain, headed = tmp_path / "plain.csv", tmp_path / "headed.csv"
    plain.write_text("3\n1.5\n\n2e1\n")
    headed.write_text("\ufeffuser, Seconds\nann,3\nbob,1.5\neve,20\n", encoding="utf-8")
    assert traffic.read_arrivals(plain) == traffic.read_arrivals(headed) == [1.5, 3, 20]


@pytest.mark.parametrize(
    ("text", "line", "cell"),
    [
        ("1\n2\nsoon\n", 3, "soon"),
        ("1\nnan\n", 2, "nan"),
        ("-1\n", 1, "-1"),
        ("user,seconds\nann\n", 2, ""),
        ("1e300", 1, "1e300"),
        ("when\n5\n", 1, "when"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, text: str, line: int, cell: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(text)
    with pytest.raises(Refused, match=f"bad.csv, line {line}: '{cell}' is not a number"):
        traffic.read_arrivals(file)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"seconds\n", b"\xff\xfe\x00"])
def test_a_file_without_arrivals_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "empty.csv"
    file.write_bytes(content)
    with pytest.raises(Refused, match=r"\.csv: "):
        traffic.read_arrivals(file)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"\.csv: "):
        traffic.read_arrivals(tmp_path / "none.csv")


def test_recorded_arrivals_become_one_turn_each_at_their_time() -> None:
    visits = list(traffic.recorded([1.0, 40.0, 41.0], seed=1))
    assert sorted(visit.begins for visit in visits) == [1, 40, 41]
    assert [visit.opened for visit in visits] == sorted(visit.opened for visit in visits)
    assert all(len(visit.turns) == 1 and 0 <= visit.opened <= visit.begins for visit in visits)
