"""The environment of the torch suite: its lock, and the build for the CPU."""

import json
import re

import pytest

from tools import lock, torch_environment
from tools.say import ROOT

LOCK = (ROOT / "requirements" / "torch.txt").read_text()
WANTED = (ROOT / "requirements" / "torch.in").read_text()


def pins(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", text, re.MULTILINE))


def test_the_lock_holds_what_is_wanted_but_for_torch_itself() -> None:
    wanted = pins(WANTED)
    assert torch_environment.pinned() == f"torch=={wanted.pop('torch')}"
    assert wanted.items() <= pins(LOCK).items(), "make lock"
    assert not set(lock.TORCH_LEAVES_OUT) & set(pins(LOCK))


def test_what_both_environments_hold_has_one_version() -> None:
    ours = pins((ROOT / "requirements" / "dev.txt").read_text())
    assert {name: version for name, version in pins(LOCK).items() if ours.get(name, version) != version} == {}


def test_every_pin_has_hashes_and_no_registry_is_named() -> None:
    entries = re.split(r"^(?=[a-z0-9])", LOCK, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in LOCK + WANTED


@pytest.mark.parametrize(
    ("version", "declared", "cuda"),
    [
        ("2.13.0+cpu", ["filelock", "sympy>=1.13.3"], False),
        ("2.13.0", ["filelock", "nvidia-cublas==13.1; platform_system == 'Linux'"], True),
        ("2.13.0", ["cuda-toolkit[cublas]==13.0.3; platform_system == 'Linux'"], True),
        ("2.13.0", [], False),  # a Mac's
    ],
)
def test_a_build_that_needs_cuda_is_known_by_what_it_declares(version: str, declared: list[str], cuda: bool) -> None:
    report = {"install": [{"metadata": {"name": "torch", "version": version, "requires_dist": declared}}]}
    assert torch_environment.needs_cuda(json.dumps(report)) is cuda


def test_the_images_install_what_the_torch_tests_run() -> None:
    for image in ("asr", "embed"):
        theirs = pins((ROOT / "requirements" / "images" / f"{image}.txt").read_text())
        shared = theirs.keys() & pins(WANTED).keys()
        assert {"torch", "transformers"} <= shared
        assert {name for name in shared if theirs[name] != pins(WANTED)[name]} == set()
