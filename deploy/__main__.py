"""`make deploy`: check, deploy, say where it is. `--check` stops before the account; `--secrets FILE` fills it."""

import argparse
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import modal

from deploy import checks, envfile, table
from deploy.secrets import SECRETS, Needed, kind, problems
from functions.pools import KIND_SETTING

APP = "deploy.modal_app"
LOGS = ".venv/bin/modal app logs parley"
FIRST_ANSWER_S = 120  # the container has to start, and the database to be migrated


def main(arguments: list[str]) -> int:
    ask = argparse.ArgumentParser(prog="make deploy ARGS=...", description=__doc__)
    ask.add_argument("--check", action="store_true", help="check what needs no account, deploy nothing")
    ask.add_argument("--secrets", type=Path, metavar="FILE", help="put the settings of FILE into Modal's secrets first")
    ask.add_argument("--pools", action="store_true", help="print the table of docs/deploy.md, and do no more")
    given = ask.parse_args(arguments)
    if given.pools:
        print(table.markdown())
        return 0
    os.environ[KIND_SETTING] = os.environ.get(KIND_SETTING) or "cloud"
    try:
        for line in checks.offline():
            print(f"  {line}")
        _table()
        settings = _settings(given.secrets) if given.secrets else None
        if given.check:
            print("\nNot looked at, for only Modal knows: the token, the secrets, GPU names, whether images build.")
            return 0
        checks.token()
        if settings is not None:
            _fill(settings)
        print(f"  secrets: {', '.join(checks.secrets())}")
    except checks.Trouble as trouble:
        print(f"\n{trouble}", file=sys.stderr)
        return 1
    code = subprocess.run([sys.executable, "-m", "modal", "deploy", "-m", APP], check=False).returncode
    return code or _where()


def _table() -> None:
    print(f"\n  {'function':<10}{'machine':<40}{'containers':<18}{'idle':<8}inputs at once")
    for row in table.rows():
        print(f"  {row.name:<10}{row.machine:<40}{row.containers:<18}{row.idle:<8}{row.inputs}")
    print()


def _settings(path: Path) -> dict[str, str]:
    """Read and check the settings before anything is sent."""
    try:
        settings = envfile.load(path)
    except ValueError as error:
        raise checks.Trouble(str(error)) from error
    if wrong := problems(settings, kind(os.environ)):
        raise checks.Trouble("\n".join([f"{path} would not do:", *(f"  {line}" for line in wrong)]))
    missing = {each.name: [key for key in each.must if not settings.get(key)] for each in SECRETS}
    if lacking := [f"{name} needs {', '.join(keys)}" for name, keys in missing.items() if keys]:
        raise checks.Trouble(f"{path} is not complete: {'; '.join(lacking)}")
    return settings


def _fill(settings: dict[str, str]) -> None:
    for needed in SECRETS:
        _put(needed, {key: settings[key] for key in (*needed.must, *needed.may) if settings.get(key)})


def _put(needed: Needed, values: dict[str, str]) -> None:
    """Make the secret, or change the keys that are named; other keys that stand in it stay."""
    modal.Secret.objects.create(needed.name, values, allow_existing=True)
    modal.Secret.from_name(needed.name).update(values)
    print(f"  secret {needed.name}: {', '.join(sorted(values))}")


def _where() -> int:
    url = modal.Function.from_name("parley", "web").get_web_url()
    print(f"\n  Parley is on {url}")
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=FIRST_ANSWER_S) as answer:  # noqa: S310 - from Modal
            print(f"  and answers: {answer.status}\n")
            return 0
    except (urllib.error.URLError, TimeoutError) as error:
        print(f"  but does not answer yet ({error}). Its log says why: {LOGS}\n", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
