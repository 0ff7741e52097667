"""What a newcomer sees: the commands, run as they would run them."""

import os
import shutil
import socket
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OLD = '#!/bin/sh\ncase "$*" in *print*) echo "Python 3.9" ;; *) exit 1 ;; esac\n'


def make(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    # Our own run may be inside make: its flags and variables are not the newcomer's.
    clean = {
        name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "ARGS")
    }
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env={**clean, **env}, capture_output=True, text=True, timeout=200
    )


def lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return what a failed command said, without make's own last word."""
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    said = [line for line in done.stderr.splitlines() if line and not line.startswith("make")]
    assert 1 <= len(said) <= 3, done.stderr
    return said


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """A PATH with a shell and make, and no Python."""
    for name in ("sh", "make"):
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    return tmp_path


def test_make_alone_lists_every_target() -> None:
    said = make().stdout
    declared = (ROOT / "Makefile").read_text().split(".PHONY:")[1].split("\n")[0].split()
    listed = [line[7:].split("  ")[0] for line in said.splitlines() if line.startswith("  make ")]
    assert " ".join(listed).split() == declared


def test_an_old_python_is_named(bare_path: Path) -> None:
    python = bare_path / "python3"
    python.write_text(OLD)
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    [line] = lines(make("run", PATH=str(bare_path)))
    assert "needs Python 3.11" in line
    assert "found: Python 3.9" in line


def test_no_python_at_all_is_said_as_plainly(bare_path: Path) -> None:
    [line] = lines(make("run", PATH=str(bare_path)))
    assert "found: none" in line


def test_a_newer_python_beside_an_old_one_is_found(bare_path: Path) -> None:
    for name, text in (
        ("python3", OLD),
        ("python3.12", "#!/bin/sh\ncase $1 in -c) ;; *) echo served by 3.12 ;; esac\n"),
    ):
        (bare_path / name).write_text(text)
        (bare_path / name).chmod(0o755)
    assert make("run", PATH=str(bare_path)).stdout == "served by 3.12\n"


def test_a_taken_port_is_one_line_that_names_the_way_out() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        [line] = lines(make("run", f"PORT={port}", "ENGINES=scripted"))
    assert line == f"Port {port} is taken. Choose another: make run PORT={port % 65535 + 1}"


@pytest.mark.parametrize(
    ("setting", "word"),
    [("PORT=many", "1 to 65535"), ("MODELS=huge", "default, small, tiny"), ("ENGINES=x", "scripted")],
)
def test_a_setting_that_cannot_be_is_explained(setting: str, word: str) -> None:
    [line] = lines(make("run", setting))
    assert line.startswith(setting)
    assert word in line
