"""What IndexTTS2 needs besides .venv-torch, in a folder of it that only its own tests look into.

The package breaks with the transformers that the other engines' images install, so one environment cannot serve both;
a second whole one would hold torch twice. Here are the packages that differ or are only its own, each exactly as the
lock of its image pins it: what the tests run is what the image runs, but for torch and the few that are shared.
"""

import hashlib
import os
import platform
import re
import shutil
import sys
import tempfile
from pathlib import Path

from functions import weights
from tools import torch_environment as base
from tools.say import Problem, say

FOLDER = base.VENV / "indextts2"
STAMP = FOLDER / "parley.txt"
TESTS = "tests/torch/test_indextts2.py"
NOTHING_RAN = 5  # pytest's code
ROOM = 1_300_000_000  # pynini alone unpacks to 650 MB
# Not here: torch and CUDA, and what the package declares for work that we do not give it (pandas, wget, inflect).
NAMES = (
    *("indextts2-inference", "transformers", "tokenizers", "huggingface-hub", "httpx", "httpcore", "einops", "munch"),
    *("torchaudio", "audioread", "pooch", "platformdirs"),  # the last three are librosa's
    # Numbers and dates read aloud, and what is imported with it.
    *("nemo-text-processing", "pynini", "sacremoses", "joblib", "cloudpickle", "cdifflib", "editdistance"),
)
GRAMMARS = FOLDER / "indextts" / "utils" / "nemo_cache"  # where the package itself keeps them
MAKE_GRAMMARS = (
    f"import sys; sys.path.insert(0, {str(FOLDER)!r})\n"
    "from indextts.utils.front import TextNormalizer; TextNormalizer(enable_glossary=True).load()"
)


def ensure() -> bool:
    """Bring the folder up to the image's lock; False where it cannot be had (on CI that raises Problem)."""
    if reason := lacking():
        if os.environ.get("CI") == "true":
            raise Problem(f"IndexTTS2 cannot be tested: {reason}.")
        say(f"IndexTTS2 is left out: {reason}.")
        return False
    pins = wanted()
    digest = hashlib.sha256("".join([base.pinned(), *pins.values()]).encode()).hexdigest()
    if STAMP.is_file() and STAMP.read_text() == digest:
        return True
    if (free := shutil.disk_usage(base.VENV).free) < ROOM:
        raise Problem(f"Not enough disk: IndexTTS2 needs {ROOM / 1e9:.1f} GB, {free / 1e9:.1f} GB are free.")
    say("Adding IndexTTS2 to .venv-torch: 0.8 GB, and a minute when its grammars have to be made")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    lock = FOLDER / "lock.txt"
    lock.write_text("".join(pins.values()))
    exactly = ["--no-deps", "--require-hashes", "--no-compile", "--no-build-isolation"]
    base.pip("install", *exactly, "--target", FOLDER, "-r", lock)
    for library in (FOLDER / "torchaudio" / "lib").glob("*.so"):
        library.unlink()  # they want CUDA's libraries; the features that IndexTTS2 takes are in Python
    bring_grammars(weights.cache_dir() / "grammars" / _version(pins))
    STAMP.write_text(digest)
    return True


def run(*arguments: str) -> int:
    """Run IndexTTS2's tests, and return pytest's exit code; skipping them all is NOTHING_RAN, a failure."""
    return base.run(TESTS, *arguments, before=FOLDER)


def together(codes: list[int], chosen: bool) -> int:
    """Return the worst exit code. Where the person `chosen` tests by ARGS, one run may have none of them."""
    ran = [abs(code) for code in codes if not chosen or code != NOTHING_RAN]
    return max(ran, default=NOTHING_RAN)


def lacking() -> str:
    """Return why this machine cannot have it, or nothing."""
    system = f"{sys.platform} {platform.machine()}"
    if system != "linux x86_64" or sys.version_info >= (3, 14):
        return f"pynini has no build for {system} and Python {sys.version_info.major}.{sys.version_info.minor}"
    return "" if shutil.which("cc") or shutil.which("gcc") else "cdifflib wants a C compiler"


def wanted() -> dict[str, str]:
    """Return the entries of the image's lock that belong here, with their hashes, by name. Raises Problem."""
    text = (base.REQUIREMENTS / "images" / "tts.txt").read_text()
    entries = {entry.split("==")[0]: entry for entry in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)}
    if absent := [name for name in NAMES if name not in entries]:
        raise Problem(f"requirements/images/tts.txt does not pin {', '.join(absent)}.")
    return {name: entries[name] for name in NAMES}


def bring_grammars(kept: Path) -> None:
    """Take the text grammars (10 MB) from `kept`, or make them (a minute) and keep them there, whole or not at all."""
    if kept.is_dir():
        shutil.copytree(kept, GRAMMARS, dirs_exist_ok=True)
        return
    base.do(base.PYTHON, "-c", MAKE_GRAMMARS)
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent, ignore_cleanup_errors=True) as folder:
        whole = shutil.copytree(GRAMMARS, Path(folder) / "whole")
        try:
            whole.rename(kept)
        except OSError:
            if not kept.is_dir():  # else another run was quicker, and its are the same
                raise


def _version(pins: dict[str, str]) -> str:
    """Name what the grammars depend on."""
    makers = ("indextts2-inference", "nemo-text-processing", "pynini")
    return "-".join(re.findall(r"==([^ ;]+)", "".join(pins[name].splitlines()[0] + "\n" for name in makers)))
