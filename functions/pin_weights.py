"""`python -m functions.pin_weights`: ask the hub whether the pinned commits are there, and what is newer.

With `--update` the newest commits are written into weights_cloud.toml: then read what changed, build, listen, and
only then deploy.
"""

import argparse
import json
import os
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path

from functions import weights_cloud

HUB = "https://huggingface.co"
TIMEOUT_S = 20.0


class HubFailed(Exception):
    """The hub could not be asked."""


def commit(repository: str, revision: str, hub: str) -> str | None:
    """Return the commit that a revision is, None if the hub has no such. Raises HubFailed."""
    url = f"{hub}/api/models/{repository}/revision/{revision}"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - the hub's address, ours to set
            sha = json.load(answer)["sha"]
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 404:
            return None
        raise HubFailed(f"{url}: {error.code}") from error
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise HubFailed(f"{url}: {error}") from error
    if not isinstance(sha, str) or not re.fullmatch(r"[0-9a-f]{40}", sha):
        raise HubFailed(f"{url}: no commit in the answer")
    return sha


def check(hub: str, update: bool = False, pins: Path = weights_cloud.PINS) -> bool:
    """Print one line per model; return whether every pinned commit is there.

    With `update`, write the newest ones, once all were asked.
    """
    fine = True
    text = pins.read_text(encoding="utf-8")
    for model in weights_cloud.models():
        there = commit(model.repository, model.revision, hub) == model.revision
        newest = commit(model.repository, "main", hub)
        fine = fine and there
        news = "newest" if newest == model.revision else f"newer: {newest}"
        print(f"{model.name:22} {model.revision} {'there' if there else 'NOT THERE'}, {news}")  # noqa: T201
        if update and newest:
            text = text.replace(model.revision, newest)
    if update:
        pins.write_text(text, encoding="utf-8")
    return fine or update


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m functions.pin_weights", description=__doc__.splitlines()[0])
    parser.add_argument("--update", action="store_true", help="write the newest commits into weights_cloud.toml")
    asked = parser.parse_args()
    try:
        return 0 if check((os.environ.get("HF_ENDPOINT") or HUB).rstrip("/"), asked.update) else 1
    except HubFailed as error:
        print(f"The hub could not be asked: {error}", file=sys.stderr)  # noqa: T201
        return 2


if __name__ == "__main__":
    sys.exit(main())
