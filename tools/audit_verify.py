"""`make audit-verify`: bring in what it needs, then `python -m db.audit_verify` with ARGS."""

import os
import shlex

from tools import environment
from tools.say import guard


def main() -> int:
    environment.ensure("base")
    return environment.run("python", "-m", "db.audit_verify", *shlex.split(os.environ.get("ARGS", "")))


if __name__ == "__main__":
    guard(main)
