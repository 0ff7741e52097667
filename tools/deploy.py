"""`make deploy`: bring in what deploying needs, then `python -m deploy` with ARGS."""

import os
import shlex

from tools import environment
from tools.say import guard


def main() -> int:
    environment.ensure("base")
    return environment.run("python", "-m", "deploy", *shlex.split(os.environ.get("ARGS", "")))


if __name__ == "__main__":
    guard(main)
