"""What the torch tests share. They run in .venv-torch: `make torch`."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from domain.audio import Audio, decode
from functions import weights
from tests.needs import program

CI = os.environ.get("CI") == "true"


@pytest.fixture(scope="session")
def say(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Audio]:
    """Speak a text with a voice of espeak-ng: the same samples every time."""
    espeak = program("espeak-ng")
    file = tmp_path_factory.mktemp("speech") / "speech.wav"

    def speak(text: str, voice: str) -> Audio:
        subprocess.run([espeak, "-v", voice, "-w", file, text], check=True)
        return decode(file.read_bytes())

    return speak


@pytest.fixture(scope="session")
def minilm() -> Path:
    """Return the folder of all-MiniLM-L6-v2, whose files were checked against their sha256."""
    names = [name for name in weights.load_manifest() if name.startswith("all-minilm-l6-v2/")]
    if absent := weights.missing(names):
        (pytest.fail if CI else pytest.skip)(f"no weights yet (make torch fetches them): {', '.join(absent)}")
    return weights.path(names[0]).parent
