"""`make test` and its sisters: bring in what a suite needs, run it, and say in one line how it went."""

import os
import shlex
import sys
import time

from functions import weights
from tools import environment, torch_environment, torch_speech
from tools.run import get_weights
from tools.say import ROOT, Problem, guard, say

LINT = (("ruff", "check", "."), ("mypy",), ("lint-imports", "--no-cache"))
PART = {"attacks": "attacks and not server"}  # the rest of them is the servers' suite
MARKER = {"browser": "browser", "models": "models", "plane": "plane", "attacks": "attacks", "servers": "server"}
TORCH_WEIGHTS = [f"all-minilm-l6-v2/{name}" for name in ("config.json", "tokenizer.json", "tokenizer_config.json")]
TORCH_WEIGHTS.append("all-minilm-l6-v2/model.safetensors")
BENCHES = {  # in tests/bench
    "bench-scripted": "scripted",
    "bench-voice": "voice",
    "bench-store": "bench_store",
    "bench-accounts": "accounts",
    "bench-browser": "browser",
    "bench-plane": "plane",
}


def main() -> int:
    names = [each for name in sys.argv[1:] for each in (BENCHES if name == "bench" else [name])]
    if unknown := set(names) - {"lint", "test", "torch", *MARKER, *BENCHES}:
        raise Problem(f"No such suite: {', '.join(sorted(unknown))}.")
    environment.ensure("dev")
    worst = 0
    for name in names:
        began = time.monotonic()
        code = suite(name)
        say(f"== {name}: {'FAILED' if code else 'passed'} in {time.monotonic() - began:.0f} s ==")
        worst = max(worst, abs(code))
    return worst


def suite(name: str) -> int:
    """Run one suite, with ARGS of the make command line, and return its exit code."""
    more = shlex.split(os.environ.get("ARGS", ""))
    marker = MARKER.get(name)
    if marker and not written(marker):  # pytest would call an empty run a failure, and later it is one
        say(f"No test is marked `{marker}` yet.")
        return 0
    if name == "lint":
        return max([environment.run(*command) for command in LINT])  # all of them: one mend, not three
    if name == "models":
        get_weights([*weights.needed("small"), *weights.needed("tiny")])
        code = environment.run("pytest", "-m", "models", *more)
        return code or (suite("torch") if not more else 0)  # ARGS choose among the tests of one suite
    if name == "torch":
        torch_environment.ensure()
        speaks = torch_speech.ensure()
        get_weights(TORCH_WEIGHTS)
        apart = [f"--ignore={torch_speech.TESTS}"] if speaks else []
        codes = [torch_environment.run("tests/torch", *apart, *more)]
        return torch_speech.together([*codes, *([torch_speech.run(*more)] if speaks else [])], chosen=bool(more))
    if name == "bench-voice":
        get_weights(weights.needed(os.environ.get("MODELS") or "default"))
    if name in BENCHES:
        return environment.run("python", "-m", f"tests.bench.{BENCHES[name]}", *more)
    return environment.run("pytest", *(["-m", PART.get(marker, marker)] if marker else []), *more)


def written(marker: str) -> bool:
    """Whether some test carries the marker: then a run that collects none of them is a fault, not an empty suite."""
    sign = f"mark.{marker}"
    return any(sign in file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("*.py"))


if __name__ == "__main__":
    guard(main)
