"""`make lock`: write requirements/*.txt anew from pyproject.toml, with every release's hashes and for every system."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.say import ROOT, Problem, guard, say

UV = "uv==0.13.9"
BUILD = ("setuptools==83.0.0",)
HEADER = "# Made by `make lock` from pyproject.toml. Every file of a release is listed, so any system finds its own.\n"
# The torch engines have an environment of their own: none of them runs in `make run`. Its direct pins, with reasons,
# are in requirements/torch.in. What is left out of its lock:
TORCH_LEAVES_OUT = (
    "torch",  # comes first and apart, as a build for the CPU (tools/torch_environment.py)
    *("torchaudio", "hf-xet"),  # kaldi-native-fbank does the work of the first; the second speeds up downloads
    # What funasr declares for models, hubs and training that we do not use; its modules that lack them are skipped.
    *("modelscope", "umap-learn", "oss2", "tensorboardx", "jamo", "jaconv", "jieba", "websockets"),
    *("scikit-learn", "joblib", "pooch", "audioread"),  # librosa's, which we have no need of
    *("audioop-lts", "standard-aifc", "standard-chunk", "standard-sunau"),  # audioread's, and for Python 3.13 only
)
EXTRAS: dict[str, list[str]] = {  # the largest first
    "dev": ["models", "databases", "dev"],
    "models": ["models"],
    "databases": ["databases"],  # what a deployment adds to `base`, and the Dockerfile to `models`
    "base": [],
}


def main() -> int:
    locks = ROOT / "requirements"
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        subprocess.run([home / "bin" / "pip", "install", "--quiet", UV], check=True)
        build = home / "build.in"
        build.write_text("\n".join(BUILD))
        pins = home / "pins.txt"  # the smaller locks hold the same versions as the largest
        for name, extras in EXTRAS.items():
            constrain = ["--constraint", str(pins)] if pins.exists() else []
            options = [word for extra in extras for word in ("--extra", extra)]
            _compile(home, locks / f"{name}.txt", ROOT / "pyproject.toml", *options, *constrain)
            pins.write_text(
                "\n".join(re.findall(r"^[a-z0-9].*?==[^ ;]+", (locks / "dev.txt").read_text(), re.MULTILINE))
            )
        _compile(home, locks / "build.txt", build)
        left_out = home / "left-out.txt"
        # The project's own lock leaves the hub's client out; transformers does not start without it.
        rows = [*(f"{name} ; python_version < '3'" for name in TORCH_LEAVES_OUT), "huggingface-hub>=2"]
        left_out.write_text("\n".join(rows))
        aside = ["--override", str(left_out), "--constraint", str(pins)]
        _compile(home, locks / "torch.txt", locks / "torch.in", *aside)
    return 0


def _compile(home: Path, lock: Path, source: Path, *options: str) -> None:
    """Resolve once for Python 3.11 and up on all systems. The output names no registry: that is the user's choice."""
    command = [str(home / "bin" / "uv"), "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
    plain = ["--generate-hashes", "--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-find-links"]
    fresh = home / lock.name
    subprocess.run([*command, *plain, *options, "--output-file", fresh, source], check=True, cwd=ROOT)
    # The environments of [tool.uv] come back as a marker on every line; all our systems install the same packages.
    text = re.sub(r" ; .*(?= \\$)", "", fresh.read_text(), flags=re.MULTILINE)
    names = re.findall(r"^([a-z0-9][^=]*)==", text, re.MULTILINE)
    if len(names) != len(set(names)):
        raise Problem(f"{lock.name}: a package would differ between systems")
    lock.write_text(HEADER + text)
    say(f"{lock.relative_to(ROOT)}: {len(names)} packages")


if __name__ == "__main__":
    guard(main)
