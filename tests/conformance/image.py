"""The image of both apps: what handlers import, and scripted engines. Small, so that it is built in a minute."""

import re
from pathlib import Path

import modal

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("msgspec", "numpy", "pyjwt", "soundfile", "soxr")
SOURCE = ("domain", "functions", "tests")


def pins() -> list[str]:
    """Return the packages at the versions of pyproject.toml, which containers have no copy of and need none."""
    file = ROOT / "pyproject.toml"
    text = file.read_text() if file.exists() else ""
    return re.findall(rf'"((?:{"|".join(PACKAGES)})==[^"]+)"', text)


IMAGE = (
    modal.Image.debian_slim(python_version="3.11")
    .pip_install(*pins())
    .env({"ENGINES": "scripted", "PARLEY_POOLS": "laptop", "CONFORMANCE_WORD": "an image's word"})
    .add_local_python_source(*SOURCE)
)
