"""The virtual environment: made once, filled from a hashed lock, and not touched again until the lock changes."""

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tools.say import ROOT, Bar, Problem, say

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "parley.json"  # which locks are in
HALFWAY = VENV / "parley.incomplete"  # there while pip works: a killed pip may leave packages without their files
LOG = ROOT / "var" / "setup.log"
LOCKS = {"base": "base.txt", "models": "models.txt", "dev": "dev.txt"}  # each holds all of the one before
ROOM = {"base": 300_000_000, "models": 1_400_000_000, "dev": 1_800_000_000}  # environment and pip's own cache
TROUBLE = (  # what pip's output means, most telling first
    (r"No space left on device", "The disk is full."),
    (
        r"DO NOT MATCH THE HASHES|THESE PACKAGES DO NOT MATCH|Expected sha256",
        "A package is not the one this version of Parley was tested with (its sha256 differs). "
        "A package mirror or pip's cache may be broken: `pip cache purge` and try again.",
    ),
    (
        r"NewConnectionError|Name or service not known|Temporary failure in name|nodename nor servname"
        r"|Connection ?refused|timed out|Timeout|Network is unreachable|ProxyError|SSLError"
        r"|RemoteDisconnected|ConnectionReset",
        "No network: the Python packages could not be downloaded. The first run needs it, later ones do not.",
    ),
    (
        r"error: command '.*(cc|clang|gcc|c\+\+).*' failed|Failed (to build|building wheel)",
        "A package has no ready-made build for this system and could not be compiled: it needs a C compiler.",
    ),
    (
        r"No matching distribution found|Could not find a version",
        f"A package has no build for Python {sys.version_info.major}.{sys.version_info.minor} on this system. "
        "Another Python may do: PYTHON=python3.12 make run",
    ),
)


def ensure(kind: str) -> int:
    """Bring the environment up to the lock `base`, `models` or `dev`; return how many packages were fetched.

    Milliseconds when nothing changed. Raises Problem.
    """
    if _ready(kind):
        return 0
    with _alone():
        if _ready(kind):  # another run did it while we waited
            return 0
        _require_tools(kind)
        _make_venv()
        HALFWAY.touch()
        count = _install(kind)
        STAMP.write_text(json.dumps({**_stamps(), kind: _digest(kind)}))
        HALFWAY.unlink()
        return count


def run(program: str, *arguments: str) -> int:
    """Run a program of the environment in the repository, and return its exit code.

    Ctrl-C reaches it too; it gets the time to clean up after itself.
    """
    path = os.pathsep.join([str(VENV / "bin"), os.environ.get("PATH", "")])
    with subprocess.Popen([VENV / "bin" / program, *arguments], cwd=ROOT, env={**os.environ, "PATH": path}) as child:
        try:
            return child.wait()
        except KeyboardInterrupt:
            return child.wait() or 130


def command(kind: str, module: str) -> int:
    """Bring in what a module of ours needs, then run it with the ARGS of the make target."""
    ensure(kind)
    return run("python", "-m", module, *shlex.split(os.environ.get("ARGS", "")))


def _ready(kind: str) -> bool:
    """Whether this lock, or one that holds all of it, is in."""
    if HALFWAY.exists() or not PYTHON.exists():
        return False
    names = list(LOCKS)
    stamps = _stamps()
    return any(stamps.get(name) == _digest(name) for name in names[names.index(kind) :])


def _stamps() -> dict[str, str]:
    try:
        return dict(json.loads(STAMP.read_text()))
    except (OSError, ValueError, TypeError):
        return {}


def _digest(kind: str) -> str:
    """Hash what an install depends on: the locks, and how our own packages are declared."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    declared = json.dumps([project["project"], project["build-system"], project["tool"]["setuptools"]])
    locks = [(ROOT / "requirements" / name).read_text() for name in ("build.txt", LOCKS[kind])]
    return hashlib.sha256("\0".join([declared, str(ROOT), *locks]).encode()).hexdigest()


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    LOG.parent.mkdir(exist_ok=True)
    with (LOG.parent / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another run is setting up; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _require_tools(kind: str) -> None:
    if importlib.util.find_spec("ensurepip") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise Problem(
            f"This Python {version} comes without venv and pip. "
            f"On Debian and Ubuntu: sudo apt install python{version}-venv"
        )
    free, need = shutil.disk_usage(ROOT).free, ROOM[kind] if not STAMP.exists() else ROOM["base"]
    if free < need:
        raise Problem(
            f"Not enough disk: the Python packages need {need / 1e9:.1f} GB in {ROOT}, {free / 1e9:.1f} GB are free."
        )


def _make_venv() -> None:
    """Make the environment, anew when it is half-made or its Python is gone."""
    sound = PYTHON.exists() and not HALFWAY.exists() and _runs(PYTHON, "-m", "pip", "--version")
    if sound:
        return
    say(f"Making the environment with Python {sys.version.split()[0]}")
    VENV.mkdir(exist_ok=True)
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], capture_output=True, text=True)
    if made.returncode:
        words = (made.stderr or made.stdout).strip().splitlines() or ["it did not say why"]
        raise Problem(f"The environment could not be made in {VENV}: {words[-1]}")


def _runs(*command: str | Path) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def _install(kind: str) -> int:
    """Install the build tools, then the lock (which is complete), then ourselves.

    Nothing comes without a hash, and nothing is built in isolation, for that would fetch build tools unpinned.
    """
    lock = ROOT / "requirements" / LOCKS[kind]
    total = len(re.findall(r"^[a-z0-9].*==", lock.read_text(), re.MULTILINE))
    LOG.write_text("")
    bar = Bar("packages")
    try:
        bar("Getting Python packages", 0, total)
        _pip(bar, 0, "--require-hashes", "-r", ROOT / "requirements" / "build.txt")
        # misaki says that it wants Python < 3.13; it runs on later ones all the same, and every version is pinned.
        exactly = ["--no-deps", "--require-hashes", "--no-build-isolation", "--ignore-requires-python"]
        # Compiling all modules takes half of the time and most are never imported. Tests want it: with warnings as
        # errors, a package with an old-fashioned escape in a string could not be compiled at its first import.
        count = _pip(bar, total, *exactly, *([] if kind == "dev" else ["--no-compile"]), "-r", lock)
        _pip(bar, 0, "--no-deps", "--no-build-isolation", "-e", ROOT)
        bar("Python packages are in", total, total)
    finally:
        bar.close()
    return count


def _pip(bar: Bar, total: int, *arguments: str | Path) -> int:
    """Run one `pip install`; return how many packages it fetched. Raises Problem with what went wrong."""
    options = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off", "--retries", "3"]
    command = [PYTHON, "-m", "pip", "install", *options, *arguments]
    seen = fetched = 0
    with (
        LOG.open("a") as log,
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip,
    ):
        try:
            for line in pip.stdout or ():
                log.write(line)
                step = re.match(r"\s*(Downloading|Using cached|Requirement already satisfied:) ([\w.]+)", line)
                if step and ".metadata" not in line:
                    seen += 1
                    fetched += step[1] != "Requirement already satisfied:"
                    if total:
                        bar(f"Getting {step[2].split('-')[0].lower()}", min(seen, total - 1), total)
                elif line.startswith("Installing collected") and total:
                    bar("Unpacking", total - 1, total)
        except BaseException:
            pip.terminate()
            raise
    if pip.returncode:
        raise Problem(explain(LOG.read_text(errors="replace")))
    return fetched


def explain(output: str) -> str:
    """Return what a failed pip means for the person, in at most three lines."""
    meaning = next((means for sign, means in TROUBLE if re.search(sign, output, re.IGNORECASE)), "pip failed.")
    errors = re.findall(r"^\s*error: (?!subprocess|metadata)(.+)", output, re.IGNORECASE | re.MULTILINE)
    said = f"\npip said: {errors[-1][:160]}" if errors else ""
    return f"{meaning}{said}\nAll of it is in {os.path.relpath(LOG, ROOT)}."
