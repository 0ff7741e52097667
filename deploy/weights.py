"""`python -m deploy.weights`: the model files that these settings need, fetched before a container serves.

One's own machine with containers has no `make`; this is the part of `make run` that an image cannot hold.
"""

import contextlib
import os
import sys

from functions import weights

TENTHS = 10


class Lines:
    """A line for every tenth of the way: a container's log is no terminal."""

    def __init__(self) -> None:
        self._said = ("", -1)

    def __call__(self, doing: str, done: int, total: int) -> None:
        tenth = TENTHS * done // total if total else 0
        if (doing, tenth) != self._said:
            self._said = (doing, tenth)
            print(f"{doing}: {done / 1e9:.2f} of {total / 1e9:.2f} GB" if total else doing, flush=True)


def names() -> list[str]:
    """Return the files that are needed: none where the models run elsewhere. Raises ValueError."""
    models = os.environ.get("MODELS") or "default"
    if models not in weights.LLM:
        raise ValueError(f"MODELS={models}: use one of {', '.join(weights.LLM)}")
    if (os.environ.get("RUNTIME") or "inline") != "inline" or os.environ.get("ENGINES") == "scripted":
        return []
    return weights.needed(models, llm_url=bool(os.environ.get("LLM_BASE_URL")))


def main() -> int:
    try:
        wanted = names()
        weights.fetch(wanted, report=Lines())
    except (ValueError, weights.WeightsError) as error:
        print(error, file=sys.stderr)
        return 1
    _prepare(wanted)
    print(f"{len(wanted)} model files are there." if wanted else "No model runs in this container: nothing to fetch.")
    return 0


def _prepare(wanted: list[str]) -> None:
    """Edit Kokoro's graph once, here, where it may be written; the first start would do the same."""
    kokoro = next((name for name in wanted if name.startswith("kokoro")), None)
    if kokoro is not None:
        with contextlib.suppress(ModuleNotFoundError):  # an image without the model packages
            from functions.engines import mouths

            mouths.prepare(weights.path(kokoro))


if __name__ == "__main__":
    sys.exit(main())
