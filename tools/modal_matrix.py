"""`make modal-matrix`: clients and containers of the last releases of modal, one after the other, on the local plane.

As it is on Modal itself, the server is of one release (the pinned one), its clients of another: the plane runs in
.venv; the deploy, the callers and the containers run in an environment of their own in var/matrix, which holds the
release with what it asks for, laid over .venv. What they do there is tests/matrix. The outcome goes to
docs/modal-matrix.md. About a minute a release, and packages to fetch, so it is no part of .ci/run.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tools import environment
from tools.say import ROOT, Problem, guard, say

PLACE = ROOT / "var" / "matrix"
PAGE = ROOT / "docs" / "modal-matrix.md"
# By its path, so that Modal uploads this one file and not all of `tests`.
APP, BEHAVIOURS = "tests/matrix/app.py", "tests.matrix.behaviours"
MINORS = 4  # of the newest; the latest patch of each
LONGEST_S = 600
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \|.*$", re.MULTILINE)
HEAD = """# The local plane under releases of modal

Parley pins one release (`pyproject.toml`). Modal's own service answers clients of many, and so does the local plane:
here is how well. The plane runs with the pinned release; the deploy, the caller and the containers are of the release
of the row. `make modal-matrix` runs the behaviours of `tests/matrix` and writes this page. A release that is not in
the table was not run.

| modal | behaviours that hold | seconds | Python | protobuf | run on | what does not hold |
| --- | ---: | ---: | --- | --- | --- | --- |
"""
UNKNOWN = re.compile(r"nothing answers the RPC (\w+)")  # the plane's log
# The plane starts the deploy and every container by `sys.executable`: so they are of that release, and it is not.
PLANE = "import sys; sys.executable = sys.argv[1]; from infra.local.__main__ import main; sys.exit(main(sys.argv[2:]))"


@dataclass(frozen=True)
class Outcome:
    version: str
    held: int
    seconds: float
    protobuf: str
    failed: list[str] = field(default_factory=list)

    def row(self, day: str) -> str:
        python = ".".join(map(str, sys.version_info[:3]))
        return (
            f"| {self.version} | {self.held} of {self.held + len(self.failed)} | {self.seconds:.0f} | {python} "
            f"| {self.protobuf} | {day} | {'; '.join(self.failed) or 'nothing'} |"
        )


def main() -> int:
    environment.ensure("dev")
    versions = shlex.split(os.environ.get("ARGS", "")) or newest(released())
    outcomes = []
    for version in versions:
        say(f"== modal {version} ==")
        outcome = run(version)
        say(f"   {outcome.held} behaviours hold, {len(outcome.failed)} do not, {outcome.seconds:.0f} s")
        for name in outcome.failed:
            say(f"   FAILED {name}")
        outcomes.append(outcome)
        write(PAGE, [outcome], datetime.now(UTC).date().isoformat())
    return 1 if any(outcome.failed for outcome in outcomes) else 0


def released() -> str:
    """Return what the package index knows of modal, as pip prints it."""
    command = [str(environment.PYTHON), "-m", "pip", "index", "versions", "modal", "--disable-pip-version-check"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Problem("The package index could not be asked for releases of modal. Name some: ARGS='1.5.5 1.4.3'")
    return done.stdout


def newest(listing: str, minors: int = MINORS) -> list[str]:
    """Return the latest patch of the newest minor releases, newest first. Post releases and candidates don't count."""
    versions = {tuple(map(int, found)) for found in re.findall(r"(?<![\w.])(\d+)\.(\d+)\.(\d+)(?![\w.])", listing)}
    latest: dict[tuple[int, ...], tuple[int, ...]] = {}
    for version in sorted(versions):
        latest[version[:2]] = version
    return [".".join(map(str, latest[minor])) for minor in sorted(latest, reverse=True)[:minors]]


def run(version: str) -> Outcome:
    """Run the behaviours under one release. Raises Problem when it cannot be installed."""
    python = str(install(version))
    arguments = ["run", "--deploy", APP, "--", python, "-m", BEHAVIOURS]
    command = [str(environment.PYTHON), "-c", PLANE, python, *arguments]
    began = time.monotonic()
    with subprocess.Popen(
        command, cwd=ROOT, env=clean(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        try:
            told, log = running.communicate(timeout=LONGEST_S)
        except subprocess.TimeoutExpired:
            running.terminate()  # the plane ends its containers
            told, log = running.communicate()
            log += f"\nit did not end within {LONGEST_S} s"
    (PLACE / f"{version}.log").write_text(told + log)
    return outcome(version, told, log, time.monotonic() - began, version_of(Path(python), "protobuf"))


def clean() -> dict[str, str]:
    """Return our environment without anybody's credentials."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MODAL_")}


def install(version: str) -> Path:
    """Make the environment of a release, unless it is there, and return its Python."""
    home = PLACE / version
    python = home / "bin" / "python"
    if python.exists() and version_of(python, "modal") == version:
        return python
    say(f"   installing modal {version} with what it asks for")
    home.mkdir(parents=True, exist_ok=True)
    steps: list[list[str | Path]] = [
        [environment.PYTHON, "-m", "venv", "--clear", home],
        [python, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", f"modal=={version}"],
    ]
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True)
        if done.returncode:
            raise Problem(f"modal {version} cannot be installed: {done.stderr.strip().splitlines()[-1]}")
    # After its own packages come those of .venv: pytest, our own, and all that modal does not ask for.
    [base] = (environment.VENV / "lib").glob("python*/site-packages")
    [own] = (home / "lib").glob("python*/site-packages")
    (own / "parley_base.pth").write_text(f"{base}\n")
    return python


def version_of(python: Path, package: str) -> str:
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else "none"


def outcome(version: str, told: str, log: str, seconds: float, protobuf: str) -> Outcome:
    """Read what the behaviours printed, a line of JSON each; without any, the log's last words say why."""
    lines = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    failed = [f"{line['name'].replace('_', ' ')} ({line['error']})" for line in lines if line["error"]]
    failed += [f"{name}, which the plane does not know" for name in sorted(set(UNKNOWN.findall(log)))]
    if not lines:
        words = [re.sub(r"[^\x20-\x7e]", "", line).strip() for line in log.splitlines()]
        failed.append("nothing ran: " + ([line for line in words if line] or ["it said nothing"])[-1])
    held = sum(not line["error"] for line in lines)
    return Outcome(version, held, seconds, protobuf, [plain(each) for each in failed])


def plain(words: str) -> str:
    """Return words that fit into a cell of a table."""
    return " ".join(words.replace("|", "/").split())[:200]


def write(page: Path, outcomes: list[Outcome], day: str) -> None:
    """Put these rows into the page; rows of other releases stay."""
    there = page.read_text(encoding="utf-8") if page.exists() else ""
    rows = {match[1]: match[0] for match in ROW.finditer(there)} | {each.version: each.row(day) for each in outcomes}
    ordered = sorted(rows, key=lambda version: [int(part) for part in version.split(".")], reverse=True)
    page.write_text(HEAD + "\n".join(rows[version] for version in ordered) + "\n", encoding="utf-8")


if __name__ == "__main__":
    guard(main)
