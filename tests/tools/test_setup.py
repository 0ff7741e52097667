"""Setting up: locks that hold for every system, words for what pip says, and a bar that suits its reader."""

import io
import re
import tomllib

import pytest

from tools import environment, suites
from tools.say import ROOT, Bar

LOCKS = {name: (ROOT / "requirements" / f"{name}.txt").read_text() for name in ("base", "models", "dev", "build")}


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", LOCKS[lock], re.MULTILINE))


def declared(*extras: str) -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    split = [re.split(r"\[.*?\]|==", line) for line in wanted]
    return {re.sub(r"[._-]+", "-", words[0].lower()): words[-1] for words in split}


@pytest.mark.parametrize(("lock", "extras"), [("base", ()), ("models", ("models",)), ("dev", ("models", "dev"))])
def test_the_locks_hold_what_the_project_declares(lock: str, extras: tuple[str, ...]) -> None:
    locked = pins(lock)
    assert {name: locked.get(name) for name in declared(*extras)} == declared(*extras), "make lock"


def test_a_smaller_lock_holds_the_same_versions_as_the_largest() -> None:
    assert pins("base").items() <= pins("models").items() <= pins("dev").items()


def test_every_pin_has_hashes_and_no_registry_is_named() -> None:
    for name, text in LOCKS.items():
        entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
        assert all("--hash=sha256:" in entry for entry in entries), name
        assert "://" not in text
        assert "--index" not in text


def test_what_has_wheels_for_linux_has_them_for_a_mac_too() -> None:
    """The hashes of one platform alone would be one or two; packages in C must list many."""
    for package in ("numpy", "onnxruntime", "xllamacpp", "ctranslate2"):
        entry = LOCKS["models"].split(f"\n{package}==")[1].split("\n\n")[0]
        hashes = re.match(r"(?:.*\\\n)*.*", entry)
        assert hashes
        assert hashes[0].count("--hash") > 4, package


@pytest.mark.parametrize(
    ("output", "meaning"),
    [
        (
            "WARNING: Retrying after NewConnectionError('...')\nERROR: No matching distribution found for x==1",
            "No network",
        ),
        ("Could not fetch URL: connection error: Connection refused\nERROR: No matching distribution", "No network"),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "The disk is full"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "sha256 differs"),
        ("  error: command '/usr/bin/gcc' failed with exit code 1\nERROR: Failed building wheel for y", "C compiler"),
        ("ERROR: No matching distribution found for misaki==0.9.4", "no build for Python"),
        ("ERROR: something else", "pip failed"),
    ],
)
def test_what_pip_says_becomes_plain_words(output: str, meaning: str) -> None:
    words = environment.explain(output)
    assert words.startswith(meaning) or meaning in words.splitlines()[0]
    assert len(words.splitlines()) <= 3
    assert "setup.log" in words


def test_a_log_gets_a_line_every_tenth_of_the_way() -> None:
    out = io.StringIO()
    bar = Bar(out=out)
    for done in range(1001):
        bar("Whisper base", done, 1000)
    bar.close()
    assert len(out.getvalue().splitlines()) == 11
    assert "\r" not in out.getvalue()


def test_a_terminal_gets_one_line_that_never_runs_backwards() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    now = iter(range(1000))
    bar = Bar(out=out, now=lambda: float(next(now)))
    for done in (10, 60, 40, 100):
        bar("Kokoro", done, 100)
    bar.close()
    shown = [int(share) for share in re.findall(r"(\d+) %", out.getvalue())]
    assert shown == sorted(shown)
    assert shown[-1] == 100
    assert out.getvalue().count("\n") == 1


def test_a_marker_in_use_is_noticed() -> None:
    assert not suites.written("nosuch" + "marker")
    assert suites.written("para" + "metrize")
