"""`python -m infra.simulate`: what it prints, and what it says about arguments that make no sense."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from infra import simulate
from infra.simulation import report

FEW = ["--turns-per-day", "500", "--policy", "table", "--policy", "window=60,buffer=0,shared", "--jobs", "1"]


def test_the_table_has_a_line_per_policy_and_marks_the_best(capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate.main(FEW) == 0
    out, err = capsys.readouterr()
    assert re.match(r"500 turns a day \(\d+ turns simulated, prices modal-2026-09-27\)\npolicy +late", out)
    assert re.search(r"^\* window=60,buffer=0,shared .*%$", out, re.MULTILINE)
    assert re.search(r"[\d,]+ events in [\d.]+ s", err)


def test_the_same_arguments_print_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    printed = []
    for arguments in (FEW, FEW, [*FEW, "--seed", "2"], [*FEW[:-1], "2"]):
        simulate.main(arguments)
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] == printed[3] != printed[2]


def test_slower_speech_costs_more_and_slower_boots_make_more_turns_late(capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: str) -> report.Row:
        simulate.main(["--turns-per-day", "500", "--policy", "table", "--csv", *arguments])
        return report.from_csv(capsys.readouterr().out)[0]

    plain = run()
    assert run("--rtf", "3").usd_per_day > plain.usd_per_day
    assert run("--boots", "0.001").late == 0 < plain.late


def test_csv_can_be_read_again(capsys: pytest.CaptureFixture[str]) -> None:
    simulate.main([*FEW, "--csv"])
    rows = report.from_csv(out := capsys.readouterr().out)
    assert [row.policy for row in rows] == ["table", "window=60,buffer=0,shared"]
    assert report.as_csv(rows) == out


def test_figures_of_several_runs_are_shown_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for turns in ("300", "500"):
        simulate.main(["--turns-per-day", turns, "--policy", "table", "--csv"])
        (tmp_path / f"{turns}.csv").write_text(capsys.readouterr().out)
    simulate.main(["--from-csv", *map(str, tmp_path.iterdir())])
    out = capsys.readouterr().out
    assert "300 turns a day" in out and "500 turns a day" in out


def test_recorded_arrivals_are_played(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "calls.csv"
    file.write_text("seconds\n0\n1\n100000\n")
    simulate.main(["--arrivals", str(file), "--policy", "table", "--csv"])
    (row,) = report.from_csv(capsys.readouterr().out)
    assert row.turns == 3 and row.late == 1 and row.turns_per_day == 0


def test_the_plot_takes_the_colours_of_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "frontier.svg"
    simulate.main([*FEW, "--turns-per-day", "300", "500", "--plot", str(file)])
    svg = file.read_text()
    assert ET.fromstring(svg).tag.endswith("svg")  # noqa: S314 - our own
    assert "currentColor" in svg and "prefers-color-scheme:dark" in svg and "#010203" not in svg
    assert "300 turns a day" in svg and "500 turns a day" in svg


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "give one of --turns-per-day, --arrivals and --from-csv"),
        (["--turns-per-day", "0"], "'0' is not a whole number from 1 to"),
        (["--turns-per-day", "many"], "'many' is not a whole number"),
        (["--turns-per-day", "1e6"], "'1e6' is not a whole number"),
        (["--turns-per-day", "9", "--days", "-1"], "is not a whole number|expected at least one argument"),
        (["--turns-per-day", "9", "8", "7", "--days", "1", "2"], "one for each --turns-per-day"),
        (["--turns-per-day", "9", "--policy", "tabel"], "'tabel' is not known. Named policies: table"),
        (["--turns-per-day", "9", "--policy", "tts.windw=3"], "'tts.windw=3' is not known.*asr, queries, tts"),
        (["--turns-per-day", "9", "--policy", "max=0"], "pool asr: without a container"),
        (["--turns-per-day", "9", "--price-day", "today"], "'today' is not a day like 2026-11-22"),
        (["--turns-per-day", "9", "--rtf", "nan"], "'nan' is not a number above 0"),
        (["--turns-per-day", "9", "--boots", "0"], "'0' is not a number above 0"),
        (["--turns-per-day", "9", "--plot", "x.png"], "x.png does not end in .svg"),
        (["--arrivals", "nowhere.csv"], "nowhere.csv: No such file"),
        (["--arrivals", "nowhere.csv", "--turns-per-day", "9"], "give one of"),
        (["--from-csv", "nowhere.csv"], "nowhere.csv is not what --csv printed: "),
        (["--from-csv", __file__], "test_simulate.py is not what --csv printed"),
    ],
)
def test_arguments_that_make_no_sense_are_told(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        simulate.main(arguments)
    assert left.value.code == 2
    assert re.search(told, capsys.readouterr().err.replace("\n", " "))


def test_a_bad_line_of_a_file_is_told_with_its_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "calls.csv"
    file.write_text("0\n1\nnoon\n")
    with pytest.raises(SystemExit):
        simulate.main(["--arrivals", str(file)])
    assert f"{file}, line 3: 'noon' is not a number of seconds" in capsys.readouterr().err


def test_the_frontier_leaves_out_what_another_beats_in_both() -> None:
    base = dict.fromkeys(report.Row.__struct_fields__, 0) | {"words": "", "prices": ""}
    figures = {"cheap": (1, 0.3), "beaten": (3, 0.2), "dear": (5, 0.01), "better": (2, 0.1), "same": (5, 0.01)}
    rows = [
        report.Row(**{**base, "policy": name, "usd_per_day": usd, "late": late})  # type: ignore[arg-type]
        for name, (usd, late) in figures.items()
    ]
    assert [row.policy for row in report.frontier(rows)] == ["cheap", "better", "dear"]
