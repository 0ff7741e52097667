"""What we pass on from others is named with its licence."""

from pathlib import Path

from functions import weights

ROOT = Path(__file__).parents[1]
NOTICES = (ROOT / "THIRD_PARTY_NOTICES.md").read_text(encoding="utf-8")


def test_every_weight_file_is_named_with_its_source() -> None:
    for file in weights.load_manifest().values():
        [row] = [line for line in NOTICES.splitlines() if file.upstream in line]
        assert file.name in row or f"{Path(file.name).parent}/*" in row
        assert file.licence in row


def test_every_vendored_file_is_named() -> None:
    for file in (ROOT / "web" / "static" / "vendor").glob("*"):
        assert file.name.split(".")[0] in NOTICES.lower(), file.name
