"""What the browser tests took from others is exactly what their lock says."""

import hashlib
import tomllib
from pathlib import Path

VENDOR = Path(__file__).parent / "vendor"
LOCK = VENDOR / "vendor.lock"


def test_what_the_browser_tests_use_of_others_is_what_was_locked_and_nothing_else() -> None:
    files = tomllib.loads(LOCK.read_text("utf-8"))["file"]
    for file in files:
        found = hashlib.sha256((VENDOR / file["path"]).read_bytes()).hexdigest()
        assert found == file["sha256"], f"{file['path']} is not {file['package']} {file['version']}"
    assert set(VENDOR.iterdir()) == {LOCK} | {
        VENDOR / file[kind] for file in files for kind in ("path", "licence_text")
    }
