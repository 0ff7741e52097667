"""`make run`: from a bare checkout to a page that talks. Everything is there already? Then it starts at once."""

import os
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import NoReturn

from functions import weights
from tools import environment
from tools.say import ROOT, Problem, guard, say

APP = "functions.app"


def main() -> int:
    began = time.monotonic()
    only_setup = sys.argv[1:] == ["--only-setup"]
    host, port = os.environ.get("HOST") or "127.0.0.1", _port()
    runtime = _choice("RUNTIME", "inline", "local", "modal")
    bare = runtime == "modal" or _choice("ENGINES", "real", "scripted") == "scripted"  # no model runs on this machine
    models = _choice("MODELS", *weights.LLM)
    names = [] if bare else weights.needed(models, llm_url=bool(os.environ.get("LLM_BASE_URL")))
    if not only_setup:
        _require_free(host, port)
    _require_space(names)
    fetched = environment.ensure("base" if bare else "models")
    absent = weights.missing(names)
    if absent:
        get_weights(names)
    seconds = time.monotonic() - began
    if fetched or absent:
        gigabytes = sum(weights.load_manifest()[name].size for name in absent) / 1e9
        models_too = f", {gigabytes:.2f} GB of models" if absent else ""
        say(f"Set up in {seconds:.0f} s ({fetched} packages{models_too}). The next start takes a few seconds.")
    if only_setup:
        return 0
    os.chdir(ROOT)
    os.environ.setdefault("PYTHONWARNINGS", "ignore::SyntaxWarning")  # of packages compiled at their first import
    if runtime == "local":  # the plane stands around the server, deploys the functions, and ends with it
        server = str(environment.PYTHON), "-m", "web"
        return become(environment.PYTHON, "-m", "infra.local", "run", "--deploy", APP, "--", *server)
    return become(environment.PYTHON, "-m", "web")


def become(program: Path, *arguments: str) -> NoReturn:
    """Turn into the server, so that Ctrl-C and signals reach it and nothing stands between."""
    os.execv(program, [str(program), *arguments])  # noqa: S606


def get_weights(names: list[str]) -> None:
    """Fetch what is missing, and prepare what has to be: in the environment, whose packages that takes."""
    if code := environment.run("python", "-m", "tools.get_weights", *names):
        sys.exit(code)  # it has said why


def _port() -> int:
    port = os.environ.get("PORT") or "7210"
    if not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise Problem(f"PORT={port}: use a number from 1 to 65535.")
    return int(port)


def _choice(name: str, *allowed: str) -> str:
    value = os.environ.get(name) or allowed[0]
    if value not in allowed:
        raise Problem(f"{name}={value}: use one of {', '.join(allowed)}.")
    return value


def _require_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except PermissionError:
            raise Problem(f"Port {port} needs special rights. Choose another: make run PORT=7210") from None
        except OSError as error:
            if error.errno in (98, 48):  # in use, on Linux and macOS
                raise Problem(f"Port {port} is taken. Choose another: make run PORT={port % 65535 + 1}") from None
            raise Problem(f"HOST={host}: {error.strerror or error}.") from None


def _require_space(names: list[str]) -> None:
    """Say at once that the disk is too small, rather than after ten minutes of downloading."""
    files = weights.load_manifest()
    need = sum(files[name].size for name in weights.missing(names))
    place: Path = weights.cache_dir()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if need and free < need + weights.MARGIN:
        raise Problem(
            f"Not enough disk: the models need {(need + weights.MARGIN) / 1e9:.1f} GB in {weights.cache_dir()}, "
            f"{free / 1e9:.1f} GB are free.\nKeep them elsewhere: make run PARLEY_CACHE=/another/disk"
        )


if __name__ == "__main__":
    guard(main)
