"""`make crawl` as somebody types it: in a process of its own, with scripted engines and a folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from db.audit import SqlAudit
from db.connect import connect
from db.sources import SqlSources
from db.vectors_edge import EdgeIndex
from domain.knowledge.model import Shelf
from infra import crawl_command, telemetry
from infra.config import read
from infra.encoders import SCRIPTED

ROOT = Path(__file__).parents[2]


def crawl(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    settings = {"DATA_DIR": str(folder), "ENGINES": "scripted", "PYTHONWARNINGS": "ignore", **env}
    return subprocess.run(
        [sys.executable, "-m", "infra.crawl_command", *arguments],
        cwd=ROOT, env={**clean, **settings}, capture_output=True, text=True, timeout=250,
    )  # fmt: skip


def test_a_source_is_added_to_a_character_visited_and_told_about(tmp_path: Path) -> None:
    """Loopback is refused by the fetcher, so this is a source that cannot be had; and the index is whole and empty."""
    done = crawl(tmp_path, "--add", "http://127.0.0.1/", "--character", "socrates")
    assert done.returncode == 1, done.stderr
    assert "failed (url_refused)" in done.stdout
    assert "url_refused: http://127.0.0.1/" in done.stdout
    assert "The search index holds 0 chunks" in done.stdout
    engine = connect(f"sqlite:///{tmp_path / 'pages.db'}")
    [source] = SqlSources(engine).on(Shelf("", "socrates"))
    assert (source.kind, source.fails) == ("site", 1)
    engine.dispose()
    again = crawl(tmp_path, "--add", "http://127.0.0.1/", "--character", "socrates")
    assert "failed (url_refused)" in again.stdout, "it is there already, and visited again"
    engine = connect(f"sqlite:///{tmp_path / 'core.db'}")
    [told] = SqlAudit(engine, "").find("source_added")
    assert (told.event.actor, told.event.target) == ("system", source.id)
    assert told.event.detail == {"shelf": "everybody", "character": "socrates"}
    engine.dispose()
    verified = crawl(tmp_path, "--verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "SQL and the index are equal." in verified.stdout


def test_while_the_app_has_the_index_it_says_who_will_index(tmp_path: Path) -> None:
    index = EdgeIndex(tmp_path / "index")
    index.ensure(SCRIPTED.model, SCRIPTED.size)
    done = crawl(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Nothing is due." in done.stdout
    assert "the app will index what was fetched" in done.stdout
    assert crawl(tmp_path, "--verify").returncode == 2
    index.close()


def test_what_cannot_be_done_is_said_in_a_line(tmp_path: Path) -> None:
    done = crawl(tmp_path, "--add", "https://a.example/", "--character", "nobody")
    assert done.returncode == 2
    assert "There is no character nobody. There are: " in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--add", "https://a.example/"], "Say whose knowledge it is"),
        (["--add", "ftp://a.example/", "--character", "socrates"], "cannot be used: url_bad"),
        (["--source", "none"], "There is no source none."),
    ],
)
def test_whatever_else_cannot_be_done_too(
    tmp_path: Path,
    arguments: list[str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In this process: a start of its own costs 1.5 s of CPU."""
    monkeypatch.setattr(telemetry, "configure", lambda config: None)  # the log of this process is pytest's
    monkeypatch.setattr(crawl_command, "read", lambda: read({"DATA_DIR": str(tmp_path), "ENGINES": "scripted"}))
    assert crawl_command.main(arguments) == 2
    assert words in capsys.readouterr().out
