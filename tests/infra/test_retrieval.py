"""The command that scores a retrieval set."""

import io
import json
from pathlib import Path

import pytest

from infra import retrieval
from infra.retrieval_parts import LIMIT, WIDE_LIMIT, parts
from infra.retrieval_rows import Document, read


def lines(file: Path, *rows: object) -> Path:
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"id": "a", "text": "b"}\n{"id": "b"\n', "line 2"),
        ('{"id": "a"}\n', "line 1: Object missing required field `text`"),
        ('\n\n{"id": 7.5, "text": "b"}\n', "line 3: Expected `int | str`"),
        ('{"id": "a", "text": "\\ud800"}\n', "line 1"),
        ('{"id": "a", "text": "b"}\n\n{"id": "a", "text": "c"}\n', "line 3: the id 'a' is there twice, first in line"),
        ("", "has no lines"),
    ],
)
def test_a_bad_line_is_told_by_its_number(
    tmp_path: Path, content: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "docs.jsonl"
    file.write_text(content)
    assert retrieval.main(["index", str(file), "--index", str(tmp_path / "index")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "index").exists()


def test_what_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert retrieval.main(["index", str(tmp_path / "none.jsonl")]) == 2
    assert "none.jsonl" in capsys.readouterr().err
    queries = lines(tmp_path / "q.jsonl", {"id": "q", "text": "x"})
    assert retrieval.main(["search", str(queries), "--index", str(tmp_path / "index")]) == 2
    assert "make it with `index` first" in capsys.readouterr().err


def test_a_set_is_read_as_editors_and_exports_leave_it(tmp_path: Path) -> None:
    file = tmp_path / "docs.jsonl"
    file.write_bytes(
        b'\xef\xbb\xbf{"id": 7, "text": "by number"}\r\n\r\n  \n{"id": "7", "text": "", "title": null, "more": [1]}'
    )
    first, second = read(file, Document)
    assert (first.id, first.text) == (7, "by number")
    assert (second.id, second.title) == ("7", None)


def test_an_index_that_was_never_finished_is_not_searched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "index"
    folder.mkdir()
    (folder / "made.json").write_text("{}")
    queries = lines(tmp_path / "q.jsonl", {"id": "q", "text": "x"})
    assert retrieval.main(["search", str(queries), "--index", str(folder)]) == 2
    assert "never finished" in capsys.readouterr().err


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1001", "²"])
def test_a_limit_is_a_number_of_documents(limit: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        retrieval.main(["search", "q.jsonl", "--limit", limit])
    assert "from 1 to 1000" in capsys.readouterr().err


def test_short_texts_stay_whole_and_long_ones_are_cut_between_sentences() -> None:
    assert parts("", 0.0) == [""]
    assert parts("One sentence.", 0.0) == ["One sentence."]
    long = "\n\n".join(f"Sentence {number} of a long text is here. And another one." for number in range(200))
    cut = parts(long, 0.0)
    assert all(0 < len(part) <= LIMIT and part.endswith(".") for part in cut)
    assert all(f"Sentence {number} of" in "".join(cut) for number in range(200))
    assert max(map(len, parts("黑豹队的防守只丢了三百分。" * 300, 1.0))) <= WIDE_LIMIT
    assert "".join(parts("x" * 5_000, 0.0)).count("x") >= 5_000


@pytest.mark.models
def test_documents_are_ranked_for_each_query(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(tmp_path / "index")
    docs = [
        {"id": "lion", "text": "The lion is the king of animals."},
        {"id": "panther", "title": "黑豹", "text": "黑豹队的防守只丢了308分。"},
        {"id": "long", "text": "Filler sentences say nothing. " * 150 + "Copper melts at 1,085 degrees."},
        {"id": "empty", "text": ""},
        {"id": 5, "title": "Granite", "text": " "},
    ]
    assert retrieval.main(["index", str(lines(tmp_path / "d", *docs)), "--index", folder]) == 0
    queries = [{"id": "1", "text": "At what temperature does copper melt?"}, {"id": "2", "text": "黑豹隊丟了多少分？"}]
    for mode in ("hybrid", "lexical", "vector", "classic"):
        out = io.StringIO()
        asked = ["search", str(lines(tmp_path / "q", *queries)), "--index", folder, "--mode", mode, "--limit", "2"]
        assert retrieval.main(asked, out) == 0
        first, second = map(json.loads, out.getvalue().splitlines())
        assert (first["id"], first["results"][0]["id"]) == ("1", "long")
        assert second["results"][0]["id"] == "panther"
        assert len(first["results"]) <= 2
    # What says nothing finds nothing, and of an endless query the beginning is read: it would take minutes.
    odd = [{"id": 1, "text": " "}, {"id": "1", "text": "granite " * 250 + "lion " * 50_000}]
    out = io.StringIO()
    assert retrieval.main(["search", str(lines(tmp_path / "odd", *odd)), "--index", folder], out) == 0
    empty, endless = map(json.loads, out.getvalue().splitlines())
    assert empty == {"id": 1, "results": []}
    assert (endless["id"], endless["results"][0]["id"]) == ("1", 5)
    # Made anew, what is not in the file any more is gone.
    assert retrieval.main(["index", str(lines(tmp_path / "d", docs[0])), "--index", folder]) == 0
    out = io.StringIO()
    assert retrieval.main(["search", str(tmp_path / "q"), "--index", folder], out) == 0
    assert {row["id"] for line in out.getvalue().splitlines() for row in json.loads(line)["results"]} == {"lion"}
