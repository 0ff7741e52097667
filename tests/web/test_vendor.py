"""What others made is exactly what the lock says, and no more of it than is used."""

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Any

STATIC = Path(__file__).parents[2] / "web" / "static"
TEMPLATES = STATIC.parent / "templates"
LOCK = STATIC / "vendor" / "vendor.lock"


def locked() -> list[dict[str, Any]]:
    files: list[dict[str, Any]] = tomllib.loads(LOCK.read_text("utf-8"))["file"]
    return files


def test_every_vendored_file_is_the_one_that_was_locked() -> None:
    for file in locked():
        found = hashlib.sha256((STATIC / file["path"]).read_bytes()).hexdigest()
        assert found == file["sha256"], f"{file['path']} is not {file['package']} {file['version']}"


def test_nothing_lies_in_the_vendor_folder_without_a_lock() -> None:
    known = {LOCK} | {STATIC / file[kind] for file in locked() for kind in ("path", "licence_text")}
    assert set((STATIC / "vendor").iterdir()) <= known


def test_every_vendored_file_comes_with_its_licence() -> None:
    for file in locked():
        assert "opyright" in (STATIC / file["licence_text"]).read_text("utf-8") or file["licence"] == "0BSD"


def test_the_icons_are_those_that_the_templates_use() -> None:
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', (STATIC / "icons.svg").read_text("utf-8")))
    pages = [path.read_text("utf-8") for path in TEMPLATES.rglob("*.html")]
    used = {name for page in pages for name in re.findall(r'icon\("([\w-]+)"', page)}
    assert used == drawn


def test_the_style_asks_for_no_font_or_picture_that_is_not_here() -> None:
    for sheet in STATIC.glob("*.css"):
        for url in re.findall(r'url\("([^"]+)"\)', sheet.read_text("utf-8")):
            assert (STATIC / url).is_file(), f"{sheet.name}: {url}"
