"""`make deploy`: bring in what deploying needs, then `python -m deploy` with ARGS."""

from tools import environment
from tools.say import guard


def main() -> int:
    return environment.command("base", "deploy")


if __name__ == "__main__":
    guard(main)
