"""`make crawl`: bring in what it needs, then `python -m infra.crawl_command` with ARGS."""

import os

from tools import environment
from tools.say import guard


def main() -> int:
    bare = os.environ.get("RUNTIME") == "modal" or os.environ.get("ENGINES") == "scripted"  # no encoder runs here
    return environment.command("base" if bare else "models", "infra.crawl_command")


if __name__ == "__main__":
    guard(main)
