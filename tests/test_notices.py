"""What we pass on from others is named with its licence."""

import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from functions import weights

ROOT = Path(__file__).parents[1]
PINNED = re.compile(r"^([\w.-]+)==", re.MULTILINE)
NOTICES = (ROOT / "THIRD_PARTY_NOTICES.md").read_text(encoding="utf-8")


def test_every_weight_file_is_named_with_its_source() -> None:
    for file in weights.load_manifest().values():
        [row] = [line for line in NOTICES.splitlines() if file.upstream in line]
        assert file.name in row or f"{Path(file.name).parent}/*" in row
        assert file.licence in row


def test_every_vendored_file_is_named() -> None:
    for file in (ROOT / "web" / "static" / "vendor").glob("*"):
        assert file.name.split(".")[0] in NOTICES.lower(), file.name


def test_every_package_whose_changes_must_stay_open_is_named() -> None:
    """Of those that are installed with the program, by what each says of itself."""
    locks = [ROOT / "requirements" / f"{name}.txt" for name in ("base", "models", "databases")]
    names = {name for lock in locks for name in PINNED.findall(lock.read_text(encoding="utf-8"))}
    assert {name for name in names if copyleft(name) and not re.search(rf"\b{name}\b", NOTICES)} == set()


def copyleft(package: str) -> bool:
    try:
        told = metadata(package)
    except PackageNotFoundError:  # for another system
        return False
    said = [line for name in ("License-Expression", "License", "Classifier") for line in told.get_all(name, [])]
    return any(re.search(r"GPL|MPL|Mozilla Public", line[:80]) for line in said)
