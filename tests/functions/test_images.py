"""The images of the functions: what is pinned, and that containers can import what they are given."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from functions import weights_cloud
from functions.pools import CLOUD

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements" / "images").glob("*.txt"))
# What Modal rents out, as its docs write it.
GPUS = {"T4", "L4", "A10", "L40S", "A100-40GB", "A100-80GB", "RTX-PRO-6000", "H100", "H200", "B200"}


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what an image adds, and nothing else of the checkout."""
    root = tmp_path_factory.mktemp("container")
    for package in ("domain", "functions"):
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    return root


def run(code: str, folder: Path, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env={"PATH": "", "PYTHONPATH": str(folder), **env},
        capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_package_of_an_image_is_pinned_by_version_and_hash(lock: Path) -> None:
    entries = re.sub(r"\\\n\s*", " ", lock.read_text()).splitlines()
    wrong = [e for e in entries if e and not e.startswith("#") and not re.match(r"\S+==\S+ .*--hash=sha256:", e)]
    assert not wrong
    assert {f"{name}==" for name in ("msgspec", "numpy", "pyjwt", "soundfile", "soxr")} <= {
        entry.split("==")[0] + "==" for entry in entries
    }, "our own source needs these"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_a_lock_holds_what_was_asked_for(lock: Path) -> None:
    locked = set(re.findall(r"^[A-Za-z0-9].*?==[^ ;\\]+", lock.read_text(), re.MULTILINE))
    asked = {line for line in lock.with_suffix(".in").read_text().splitlines() if line and not line.startswith("#")}
    assert all("==" in line for line in asked)
    assert asked <= locked


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_an_image_can_fetch_its_weights_when_it_is_built(lock: Path) -> None:
    assert re.search(r"^huggingface-hub==", lock.read_text(), re.MULTILINE)


def test_every_image_has_a_lock_and_weights_by_commit() -> None:
    models = weights_cloud.models()
    assert {model.image for model in models} == {lock.stem for lock in LOCKS} == {"asr", "tts", "embed", "llm"}
    assert len({model.name for model in models}) == len(models)
    assert all(re.fullmatch(r"[0-9a-f]{40}", model.revision) for model in models)
    assert all(model.licence and model.files for model in models)


def test_images_are_built_from_files_that_are_there_and_containers_need_none_of_them(container: Path) -> None:
    from functions import images

    assert all(path.exists() for path in images.files())
    code = "from functions import images; print(images.ASR, images.TTS, images.EMBED, images.LLM)"
    assert run(code, container).count("Image(") == 4
    assert not (container / "requirements").exists()


def test_importing_the_source_of_an_image_takes_no_package_that_the_image_lacks(container: Path) -> None:
    code = """
import sys, modal
before = set(sys.modules)
import functions.pools, functions.images, functions.weights_cloud, functions.door, functions.tts, functions.embed
import domain.ports
import json
print(json.dumps(sorted({name.split(".")[0] for name in set(sys.modules) - before
    if "site-packages" in (getattr(sys.modules[name], "__file__", None) or "")})))
"""
    taken = set(json.loads(run(code, container)))
    taken -= {"cryptography"}  # PyJWT takes it where it finds it; HMAC needs the standard library only
    sound = {"soundfile", "_soundfile", "_soundfile_data", "_cffi_backend", "cffi", "soxr"}
    assert taken <= sound | {"jwt", "msgspec", "numpy"}


def test_gpus_are_named_as_modal_names_them() -> None:
    assert {gpu for pool in CLOUD.values() for gpu in pool.gpu} <= GPUS


def test_the_download_asks_for_exactly_the_pinned_files(tmp_path: Path) -> None:
    """The shell commands as the image runs them; a stand-in for the hub's package writes down what it is asked."""
    fake = tmp_path / "huggingface_hub.py"
    fake.write_text(
        "import json, pathlib\n"
        "def snapshot_download(repository, **more):\n"
        "    file = pathlib.Path(__file__).with_name('asked.jsonl').open('a')\n"
        "    print(json.dumps({'repository': repository, **more}), file=file)\n"
    )
    home = str(tmp_path / "weights")
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    for model in weights_cloud.models("tts"):
        for command in weights_cloud.download(model, home):
            subprocess.run(["sh", "-ec", command], env={"PATH": path, "PYTHONPATH": str(tmp_path)}, check=True)
    asked = [json.loads(line) for line in (tmp_path / "asked.jsonl").read_text().splitlines()]
    assert [(a["repository"], a["revision"]) for a in asked] == [
        (model.repository, model.revision) for model in weights_cloud.models("tts")
    ]
    assert asked[0]["local_dir"] == f"{home}/indextts2"
    assert asked[0]["allow_patterns"] == ["*.pth", "*.pt", "*.yaml", "bpe.model", "qwen0.6bemo4-merge/*"]
    assert asked[1]["cache_dir"] == f"{home}/hub"
    main = tmp_path / "weights/hub/models--facebook--w2v-bert-2.0/refs/main"
    assert main.read_text() == weights_cloud.models("tts")[1].revision
