"""`make modal-matrix`: the local plane under the last releases of the modal client, one after the other.

Each release gets an environment of its own in var/matrix: the release with what it asks for, laid over .venv, so that
nothing else is installed twice. There the suite of the plane runs, containers and all. The outcome goes to
docs/modal-matrix.md. Slow (minutes a release), so it is no part of .ci/run.
"""

import os
import re
import shlex
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tools import environment
from tools.say import ROOT, Problem, guard, say

PLACE = ROOT / "var" / "matrix"
PAGE = ROOT / "docs" / "modal-matrix.md"
SUITES = ("tests/infra/local", "tests/conformance")  # those that are there
MINORS = 4  # of the newest; the latest patch of each
LONGEST_S = 1_800
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \|.*$", re.MULTILINE)
HEAD = """# The local plane under releases of modal

Parley pins one release (`pyproject.toml`). The plane serves the clients and containers of others too; how well, this
page says. `make modal-matrix` writes it: the suites marked `plane`, with the release itself on both sides, its client
and its container entrypoint, and its protocol in the plane. A release that is not in the table was not run.

| modal | passed | failed | skipped | seconds | Python | protobuf | run on | what failed |
| --- | ---: | ---: | ---: | ---: | --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Outcome:
    version: str
    passed: int
    skipped: int
    seconds: float
    protobuf: str
    failed: list[str] = field(default_factory=list)

    def row(self, day: str) -> str:
        python = ".".join(map(str, sys.version_info[:3]))
        return (
            f"| {self.version} | {self.passed} | {len(self.failed)} | {self.skipped} | {self.seconds:.0f} | {python} "
            f"| {self.protobuf} | {day} | {'; '.join(self.failed) or 'nothing'} |"
        )


def main() -> int:
    environment.ensure("dev")
    versions = shlex.split(os.environ.get("ARGS", "")) or newest(released())
    outcomes = []
    for version in versions:
        say(f"== modal {version} ==")
        outcome = run(version)
        say(f"   {outcome.passed} passed, {len(outcome.failed)} failed, {outcome.seconds:.0f} s")
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
    """Run the suites under one release. Raises Problem when it cannot be installed."""
    python = install(version)
    report = PLACE / f"{version}.xml"
    report.unlink(missing_ok=True)
    suites = [suite for suite in SUITES if (ROOT / suite).is_dir()]
    options = ["-m", "plane", "-q", "--timeout", "120", "-p", "no:cacheprovider", "--junitxml", str(report)]
    # An older release may warn of what a newer Python or package has changed; that is no fault of the plane.
    command = [str(python), "-m", "pytest", *suites, *options, "-o", "filterwarnings=default"]
    began = time.monotonic()
    try:
        subprocess.run(command, cwd=ROOT, env=clean(), timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        raise Problem(f"modal {version}: the suite did not end within {LONGEST_S} s") from None
    if not report.exists():
        raise Problem(f"modal {version}: pytest could not begin; what it said is above")
    return outcome(version, report, time.monotonic() - began, version_of(python, "protobuf"))


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


def outcome(version: str, report: Path, seconds: float, protobuf: str) -> Outcome:
    """Read pytest's report. A test that failed and then failed again in its teardown is one."""
    passed, skipped, failed = 0, 0, []
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - our own file
        name = f"{case.get('classname', '').rsplit('.', 1)[-1]}: {case.get('name', '').replace('_', ' ')}"
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(name.replace("|", "/"))
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return Outcome(version, passed, skipped, seconds, protobuf, list(dict.fromkeys(failed)))


def write(page: Path, outcomes: list[Outcome], day: str) -> None:
    """Put these rows into the page; rows of other releases stay."""
    there = page.read_text(encoding="utf-8") if page.exists() else ""
    rows = {match[1]: match[0] for match in ROW.finditer(there)} | {each.version: each.row(day) for each in outcomes}
    ordered = sorted(rows, key=lambda version: [int(part) for part in version.split(".")], reverse=True)
    page.write_text(HEAD + "\n".join(rows[version] for version in ordered) + "\n", encoding="utf-8")


if __name__ == "__main__":
    guard(main)
