"""Fetch model weights (`NAME ...`, or `--models small`), or read them all again (`--verify`). Runs in .venv."""

import argparse
import contextlib
import sys
from pathlib import Path

from functions import weights
from tools.say import Bar, Problem, guard, say

KOKORO = "kokoro-v1.0.int8.onnx"


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("names", nargs="*", metavar="NAME")
    ask.add_argument("--models", action="append", default=[], choices=sorted(weights.LLM))
    ask.add_argument("--verify", action="store_true", help="hash every file that is there once more")
    given = ask.parse_args()
    known = weights.load_manifest()
    names = [*given.names, *(name for models in given.models for name in weights.needed(models))]
    if unknown := set(names) - set(known):
        raise Problem(f"No such weights: {', '.join(sorted(unknown))}. Known: {', '.join(known)}")
    if given.verify:
        return verify(names or list(known))
    fetch(list(dict.fromkeys(names)))
    return 0


def fetch(names: list[str]) -> None:
    bar = Bar()
    try:
        weights.fetch(names, report=bar)
    except weights.WeightsError as error:
        raise Problem(f"{error}\nOnce that is mended, the same command goes on where this one stopped.") from None
    finally:
        bar.close()
    if KOKORO in names:
        prepare(weights.path(KOKORO))


def prepare(kokoro: Path) -> None:
    """Make what the voices need of Kokoro now rather than at the first start; the engine would do the same."""
    with contextlib.suppress(ModuleNotFoundError):  # no model packages here: then there is no engine to run either
        from functions.engines import mouths

        mouths.prepare(kokoro)


def verify(names: list[str]) -> int:
    """Say for each file whether it is whole; absent ones are no fault."""
    there = [name for name in names if weights.path(name).exists()]
    bar = Bar()
    broken = weights.verify(there, report=bar if sys.stdout.isatty() else lambda doing, done, total: None)
    bar.close()
    for name in names:
        say(f"  {'absent' if name not in there else 'BROKEN' if name in broken else 'whole '}  {weights.path(name)}")
    if broken:
        say("A broken file is fetched again by the next make run.")
    return 1 if broken else 0


if __name__ == "__main__":
    guard(main)
