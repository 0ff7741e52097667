""".venv-torch: torch for the CPU and what the GPU engines stand on, so that tests run their code without a GPU.

Apart from .venv, for no page needs it and it is large. torch itself comes first, in the version of
requirements/torch.in and as a build for the CPU; the rest comes from the hashed lock. On Linux the usual build of torch
brings 3 GB of CUDA. Which one pip would take depends on where it is set to look, so it is asked first. If that one
needs CUDA, `uv` (pinned) fetches the CPU's: it knows by itself where torch's makers keep it. torch has one file per
system, Python and kind of GPU under one version, so its version is pinned and no hash.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.lock import UV
from tools.say import ROOT, Problem, say

VENV = ROOT / ".venv-torch"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "parley.json"
REQUIREMENTS = ROOT / "requirements"
LOG = ROOT / "var" / "setup-torch.log"
ROOM = 3_500_000_000
ANY_BUILD = "TORCH_BUILD"  # `any`: take what pip takes, CUDA or not


def ensure() -> None:
    """Bring the environment up to its lock. Milliseconds when nothing changed. Raises Problem."""
    if _stamp() == _digest():
        return
    free = shutil.disk_usage(ROOT).free
    if free < ROOM:
        raise Problem(f"Not enough disk: torch needs {ROOM / 1e9:.1f} GB in {ROOT}, {free / 1e9:.1f} GB are free.")
    say("Setting up .venv-torch: torch for the CPU, about a minute and a GB")
    LOG.unlink(missing_ok=True)
    STAMP.unlink(missing_ok=True)
    do(sys.executable, "-m", "venv", "--clear", VENV)
    exactly = ["--no-deps", "--require-hashes", "--no-compile"]
    pip("install", *exactly, "-r", REQUIREMENTS / "build.txt")
    _install_torch(pinned())
    pip("install", *exactly, "--no-build-isolation", "-r", REQUIREMENTS / "torch.txt")
    STAMP.write_text(json.dumps(_digest()))


def run(*arguments: str | Path, before: Path | None = None) -> int:
    """Run pytest there, in the repository, and return its exit code. Packages of `before` go before its own."""
    # Nothing here has business with a hub; offline, a library that tries fails at once instead of waiting.
    env = {**os.environ, "HF_HUB_OFFLINE": "1", **({"PYTHONPATH": str(before)} if before else {})}
    command: list[str | Path] = [PYTHON, "-m", "pytest", "-m", "torch", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env).returncode


def pinned() -> str:
    """Return torch's line of requirements/torch.in."""
    found = re.search(r"^torch==\S+", (REQUIREMENTS / "torch.in").read_text(), re.MULTILINE)
    if found is None:
        raise Problem("requirements/torch.in does not pin torch.")
    return found[0]


def needs_cuda(report: str) -> bool:
    """Whether the build that pip would install, by its `--report`, declares parts of CUDA (or of ROCm)."""
    [torch] = json.loads(report)["install"]
    declared = " ".join(torch["metadata"].get("requires_dist", []))
    return any(word in declared for word in ("nvidia", "cuda", "rocm"))


def _install_torch(pin: str) -> None:
    if os.environ.get(ANY_BUILD) == "any":
        pip("install", "--no-compile", pin)  # with what it declares: parts of CUDA, as the case may be
    elif not needs_cuda(pip("install", "--dry-run", "--no-deps", "--quiet", "--report", "-", pin)):
        pip("install", "--no-deps", "--no-compile", pin)
    else:
        pip("install", "--no-compile", UV)
        uv: list[str | Path] = [PYTHON, "-m", "uv", "pip", "install", "--python", PYTHON, "--no-deps"]
        hint = f"The build of torch for the CPU did not come. {ANY_BUILD}=any takes the one with CUDA instead."
        do(*uv, "--torch-backend", "cpu", pin, trouble=hint)


def pip(*arguments: str | Path) -> str:
    """Run its pip and return what that printed. Raises Problem."""
    return do(PYTHON, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments)


def do(*command: str | Path, trouble: str = "") -> str:
    """Run a step and return what it printed. Raises Problem with its last words."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("a") as log:
        log.write(f"$ {' '.join(map(str, command))}\n{done.stderr}\n")
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines() or ["it did not say why"]
        raise Problem(f"{trouble}\n".lstrip() + f"{words[-1][:300]}\nAll of it is in {os.path.relpath(LOG, ROOT)}.")
    return done.stdout


def _stamp() -> object:
    try:
        return json.loads(STAMP.read_text()) if PYTHON.exists() else None
    except (OSError, ValueError):
        return None


def _digest() -> str:
    texts = [(REQUIREMENTS / name).read_text() for name in ("build.txt", "torch.txt")]
    return hashlib.sha256("\0".join([pinned(), str(ROOT), *texts]).encode()).hexdigest()
