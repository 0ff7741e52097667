"""Programs that some tests start themselves (database servers, speech synthesis)."""

import os
import shutil
from pathlib import Path

import pytest

PLACES = ("/usr/sbin", "/usr/local/sbin", *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)))


def program(name: str) -> str:
    """Return the path of a program; skip the test where it is not installed, fail it on CI."""
    found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(PLACES))
    if found is None:
        end = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        end(f"{name} is not installed")
    return found
