"""The images of the functions: one per engine, each with that engine's packages, weights and nothing else.

Every package is pinned with its hashes (requirements/images/*.txt), every model by its commit (weights_cloud.toml).
Layers are ordered by how seldom they change: packages, weights, our source. Modal imports this module in the
containers too, where the locks are not: they are only read while an image is built.
"""

from pathlib import Path
from typing import Literal

import modal

from functions import weights_cloud
from functions.pools import CODE

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ROOT / "requirements" / "images"
PYTHON = "3.11"
# vLLM compiles kernels when it starts, which takes a compiler and CUDA's headers; of the same CUDA as its torch.
CUDA = "nvidia/cuda:13.0.2-devel-ubuntu24.04"
SOURCE = ("domain", "functions")
NOT_SOURCE = ["**/__pycache__/**", "**/*.pyc"]
Name = Literal["asr", "tts", "embed", "llm"]

# IndexTTS2 reads numbers and dates aloud by grammars that take a minute to make. The package keeps them beside
# itself, so they are made here and not at every cold start (measured: 61 s without, 3 s with them).
_GRAMMARS = 'python -c "from indextts.utils.front import TextNormalizer; TextNormalizer(enable_glossary=True).load()"'
_OFFLINE = {
    "HF_HUB_CACHE": weights_cloud.HUB,
    "HF_HUB_OFFLINE": "1",  # what is not in the image is an error at once, not a download at every cold start
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "MODELSCOPE_OFFLINE": "1",
}
# Where each engine finds its model (docs/engines.md), as the settings that it reads.
_FOUND: dict[Name, dict[str, str]] = {
    "asr": {"ASR_MODEL": f"{weights_cloud.HOME}/sensevoice-small", "ASR_VAD": f"{weights_cloud.HOME}/fsmn-vad"},
    "tts": {"TTS_MODEL": f"{weights_cloud.HOME}/indextts2"},
    "embed": {"EMBED_MODEL": f"{weights_cloud.HOME}/qwen3-embedding"},
    "llm": {"LLM_PATH": f"{weights_cloud.HOME}/qwen2.5-7b-instruct"},
}


def lock(name: Name) -> Path:
    return LOCKS / f"{name}.txt"


def files() -> list[Path]:
    """Return what the checkout has to hold for the images to be built."""
    return [*(lock(name) for name in ("asr", "tts", "embed", "llm")), *(ROOT / name for name in SOURCE)]


def _image(name: Name, base: modal.Image, after: tuple[str, ...] = ()) -> modal.Image:
    """`after` are commands run once the packages are there."""
    fetch = [command for model in weights_cloud.models(name) for command in weights_cloud.download(model)]
    image = base.pip_install_from_requirements(str(lock(name)), extra_options="--require-hashes --no-deps")
    image = image.run_commands(*after, *fetch).env({**_OFFLINE, **_FOUND[name]})
    for package in SOURCE:
        image = image.add_local_dir(ROOT / package, f"{CODE}/{package}", ignore=NOT_SOURCE)
    return image


def _slim() -> modal.Image:
    return modal.Image.debian_slim(python_version=PYTHON)


ASR = _image("asr", _slim())
TTS = _image("tts", _slim(), after=(_GRAMMARS,))
EMBED = _image("embed", _slim())
LLM = _image("llm", modal.Image.from_registry(CUDA, add_python=PYTHON).entrypoint([]))
