"""`make audit-verify`: bring in what it needs, then `python -m db.audit_verify` with ARGS."""

from tools import environment
from tools.say import guard


def main() -> int:
    return environment.command("base", "db.audit_verify")


if __name__ == "__main__":
    guard(main)
