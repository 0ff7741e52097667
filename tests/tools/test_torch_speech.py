"""IndexTTS2's packages beside .venv-torch: which, from where, and the grammars made once."""

from pathlib import Path

import pytest

from tools import torch_environment, torch_speech
from tools.say import ROOT, Problem


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Makes grammars of one file; returns a list that grows with each making."""
    times: list[str] = []

    def do(*command: str | Path, trouble: str = "") -> str:
        times.append(str(command[-1]))
        torch_speech.GRAMMARS.mkdir(parents=True, exist_ok=True)
        (torch_speech.GRAMMARS / "en.far").write_text("words")
        return ""

    monkeypatch.setattr(torch_speech, "GRAMMARS", tmp_path / "package" / "nemo_cache")
    monkeypatch.setattr(torch_environment, "do", do)
    return times


def test_the_packages_are_those_of_the_image_with_their_hashes() -> None:
    lock = (ROOT / "requirements" / "images" / "tts.txt").read_text()
    wanted = torch_speech.wanted()
    assert set(wanted) == set(torch_speech.NAMES)
    assert all(entry in lock and entry.startswith(f"{name}==") for name, entry in wanted.items())
    assert all("--hash=sha256:" in entry and "\n\n" not in entry for entry in wanted.values())


def test_no_part_of_torch_or_cuda_comes_with_them() -> None:
    big = ("nvidia", "cuda", "triton")
    assert not [name for name in torch_speech.NAMES if name == "torch" or name.startswith(big)]


def test_a_package_that_the_image_no_longer_pins_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_speech, "NAMES", ("indextts2-inference", "gone"))
    with pytest.raises(Problem, match=r"does not pin gone\."):
        torch_speech.wanted()


def test_grammars_are_made_once_and_then_taken_from_where_they_are_kept(made: list[str], tmp_path: Path) -> None:
    kept = tmp_path / "cache" / "grammars" / "1"
    torch_speech.bring_grammars(kept)
    (torch_speech.GRAMMARS / "en.far").unlink()
    torch_speech.bring_grammars(kept)
    assert len(made) == 1 and "TextNormalizer" in made[0]
    assert (torch_speech.GRAMMARS / "en.far").read_text() == "words"
    assert [path.name for path in kept.parent.iterdir()] == ["1"], "nothing half made stays"


def test_grammars_that_could_not_be_made_are_not_kept(
    made: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*command: str | Path, trouble: str = "") -> str:
        torch_speech.GRAMMARS.mkdir(parents=True)
        raise Problem("no room")

    monkeypatch.setattr(torch_environment, "do", fail)
    with pytest.raises(Problem, match="no room"):
        torch_speech.bring_grammars(tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_another_package_version_asks_for_other_grammars() -> None:
    pins = torch_speech.wanted()
    newer = {**pins, "pynini": pins["pynini"].replace("pynini==", "pynini==9")}
    assert torch_speech._version(pins) != torch_speech._version(newer)
    assert torch_speech._version(pins) == torch_speech._version({**pins, "httpx": "httpx==9 \\\n"})


@pytest.mark.parametrize(
    ("codes", "chosen", "code"),
    [([0, 0], False, 0), ([0, 5], False, 5), ([1, 0], False, 1), ([0, -9], False, 9), ([0, 5], True, 0),
     ([5, 0], True, 0), ([5, 5], True, 5), ([5, 1], True, 1)],
)  # fmt: skip
def test_two_runs_are_one_suite_and_a_run_of_nothing_fails_unless_tests_were_chosen(
    codes: list[int], chosen: bool, code: int
) -> None:
    assert torch_speech.together(codes, chosen) == code


def test_a_machine_that_cannot_have_it_skips_it_and_ci_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    monkeypatch.setenv("CI", "false")
    assert torch_speech.ensure() is False
    monkeypatch.setenv("CI", "true")
    with pytest.raises(Problem, match="pynini has no build for linux riscv64"):
        torch_speech.ensure()
