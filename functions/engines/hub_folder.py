"""Where a model lies: a folder, or a hub's repository at one revision.

A name alone may mean other bytes tomorrow, so a repository is taken only with the full id of a commit.
"""

import re
from pathlib import Path

from domain.errors import Unavailable
from functions.engines.setting import BadSetting

COMMIT = re.compile(r"[0-9a-f]{40}")


def folder_of(setting: str, model: str, revision: str) -> Path:
    """Return the folder of a model; a repository is downloaded unless the hub's cache has this revision.

    `setting` names the environment variable that `model` came from; its revision is in `<setting>_REVISION`.
    Raises BadSetting, and Unavailable("model_missing") when the hub does not give it.
    """
    if not model:
        raise BadSetting(setting, model, "name a folder, or a repository such as Qwen/Qwen3-Embedding-0.6B")
    path = Path(model).expanduser()
    if path.is_dir():
        return path
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*/[\w.-]+", model):
        raise BadSetting(setting, model, "there is no such folder, and it is no name of a repository")
    if not COMMIT.fullmatch(revision):
        raise BadSetting(f"{setting}_REVISION", revision, f"give the 40 hex digits of a commit of {model}")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(model, revision=revision))
    except Exception as error:
        raise Unavailable("model_missing", model=model) from error
