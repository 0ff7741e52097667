"""`make test` and its sisters: bring in what a suite needs, run it, and say in one line how it went."""

import os
import shlex
import subprocess
import sys
import time

from functions import weights
from tools import environment
from tools.run import get_weights
from tools.say import ROOT, Problem, guard, say

BIN = environment.VENV / "bin"
LINT = (("ruff", "check", "."), ("mypy",), ("lint-imports", "--no-cache"))
MARKER = {"browser": "browser", "models": "models", "servers": "server", "bench": "bench"}
NO_TESTS = 5  # pytest's exit code when nothing was collected


def main() -> int:
    names = sys.argv[1:]
    if unknown := set(names) - {"lint", "test", *MARKER}:
        raise Problem(f"No such suite: {', '.join(sorted(unknown))}.")
    environment.ensure("dev")
    for name in names:
        began = time.monotonic()
        code = suite(name)
        say(f"== {name}: {'FAILED' if code else 'passed'} in {time.monotonic() - began:.0f} s ==")
        if code:
            return code
    return 0


def suite(name: str) -> int:
    """Run one suite and return its exit code."""
    if name == "lint":
        return next(filter(None, (call(*command) for command in LINT)), 0)
    if name == "models":
        get_weights([*weights.needed("small"), *weights.needed("tiny")])
    if name == "bench" and (ROOT / "tests" / "bench" / "__main__.py").exists():
        return call("python", "-m", "tests.bench")
    marker = MARKER.get(name)
    code = call("pytest", *(["-m", marker] if marker else []))
    if code == NO_TESTS and marker and not written(marker):
        say(f"No test is marked `{marker}` yet.")
        return 0
    return code


def call(program: str, *arguments: str) -> int:
    """Run a program of the environment in the repository, with ARGS from the make command line after its own."""
    extra = shlex.split(os.environ.get("ARGS", "")) if program in ("pytest", "python") else []
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", "")])
    return subprocess.run([BIN / program, *arguments, *extra], cwd=ROOT, env={**os.environ, "PATH": path}).returncode


def written(marker: str) -> bool:
    """Whether some test carries the marker: then a run that collects none of them is a fault, not an empty suite."""
    sign = f"mark.{marker}"
    return any(sign in file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("*.py"))


if __name__ == "__main__":
    guard(main)
