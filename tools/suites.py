"""`make test` and its sisters: bring in what a suite needs, run it, and say in one line how it went."""

import os
import shlex
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from functions import weights
from tools import environment, torch_environment, torch_speech
from tools.run import get_weights
from tools.say import ROOT, Problem, guard, say

LINT = (("ruff", "check", "."), ("mypy",), ("lint-imports", "--no-cache"))
# The rest of the attacks is the servers' suite, and the dashboard of the plane is looked at where a plane runs.
PART = {"attacks": "attacks and not server", "browser": "browser and not plane"}
MARKER = {"browser": "browser", "models": "models", "plane": "plane", "attacks": "attacks", "servers": "server"}
# On all cores: every test of these has databases, folders and ports of its own. A file stays
# with one worker, for what its tests share is made once. Models are not spread: each of them uses all cores itself.
SPREAD = ("test", "attacks", "plane", "browser", "servers")
TORCH_WEIGHTS = [f"all-minilm-l6-v2/{name}" for name in ("config.json", "tokenizer.json", "tokenizer_config.json")]
TORCH_WEIGHTS.append("all-minilm-l6-v2/model.safetensors")
BENCHES = {  # in tests/bench
    "bench-scripted": "scripted",
    "bench-voice": "voice",
    "bench-store": "bench_store",
    "bench-accounts": "accounts",
    "bench-browser": "browser",
    "bench-plane": "plane",
    "bench-pipeline": "pipeline",
    "bench-rag": "rag",
    "bench-money": "money",
    "bench-readers": "readers",
}


def main() -> int:
    names = [each for name in sys.argv[1:] for each in (BENCHES if name == "bench" else [name])]
    if unknown := set(names) - {"lint", "test", "torch", *MARKER, *BENCHES}:
        raise Problem(f"No such suite: {', '.join(sorted(unknown))}.")
    environment.ensure("dev")
    # Where Python may not keep what it compiled, every worker and every program that a test starts compiles all anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
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
        with ThreadPoolExecutor() as pool:  # side by side: each uses one core. And all of them: one mend, not three
            return max(pool.map(lambda command: environment.run(*command), LINT))
    if name == "models":
        # The default ones too: what was thrown into a chat is asked about, which the smallest LLM answers by guessing.
        get_weights(weights.all_needed())
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
    chosen = ["-m", PART.get(marker, marker)] if marker else []
    return environment.run("pytest", *chosen, *(spread(more) if name in SPREAD else []), *more)


def spread(more: list[str]) -> list[str]:
    """Return what has pytest use all cores, unless ARGS says otherwise, wants to be talked to, or names one test."""
    alone = ("-n", "--numprocesses", "-s", "--capture=no", "--pdb", "--trace", "--collect-only", "--co", "-p")
    if any(word.startswith(alone) or "::" in word for word in more):
        return []
    return ["-n", "logical", "--dist", "loadfile", "--no-loadscope-reorder"]  # the order is tests/conftest.py's


def written(marker: str) -> bool:
    """Whether some test carries the marker: then a run that collects none of them is a fault, not an empty suite."""
    sign = f"mark.{marker}"
    return any(sign in file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("*.py"))


if __name__ == "__main__":
    guard(main)
