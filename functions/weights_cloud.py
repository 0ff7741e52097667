"""The weights of the GPU engines: pinned in weights_cloud.toml, baked into the images when those are built."""

import os
import shlex
import tomllib
from pathlib import Path

import msgspec

PINS = Path(__file__).with_name("weights_cloud.toml")
SETTING = "PARLEY_CLOUD_WEIGHTS"  # where they lie; elsewhere than in an image only for whoever tries an engine at home
HOME = "/weights"
HUB = f"{HOME}/hub"  # the hub's own cache, for packages that ask for a repository by its name


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One repository at one commit."""

    name: str
    image: str
    repository: str
    revision: str
    files: tuple[str, ...]
    licence: str
    by_name: bool = False


def models(image: str | None = None) -> list[Model]:
    """Return all of them, or those of one image."""
    rows = msgspec.convert(tomllib.loads(PINS.read_text(encoding="utf-8"))["model"], list[Model])
    return [model for model in rows if image in (None, model.image)]


def path(name: str) -> Path:
    """Return the folder of a model in a container."""
    return Path(os.environ.get(SETTING) or HOME) / name


def download(model: Model, home: str = HOME) -> list[str]:
    """Return the shell commands that fetch a model in an image that has the package `huggingface_hub`."""
    where = f"cache_dir={home + '/hub'!r}" if model.by_name else f"local_dir={f'{home}/{model.name}'!r}"
    call = (
        "from huggingface_hub import snapshot_download; "
        f"snapshot_download({model.repository!r}, revision={model.revision!r}, "
        f"allow_patterns={list(model.files)!r}, {where})"
    )
    commands = [f"python -c {shlex.quote(call)}"]
    if model.by_name:
        # The packages ask for "main", and find the pinned commit: the hub is never asked what main is today.
        refs = f"{home}/hub/models--{model.repository.replace('/', '--')}/refs"
        commands.append(f"mkdir -p {refs} && printf %s {model.revision} > {refs}/main")
    return commands
