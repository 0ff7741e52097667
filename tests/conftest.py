"""What every test shares: asyncio as the backend, folders in memory, and honest skips for what cannot run here."""

import os
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from functions import weights

# A slow machine is no fault of what is tested. Every run tries the same examples, so that one that failed fails again;
# `--hypothesis-profile=searching` tries others. Torch's environment, which shares this file, has no hypothesis.
with suppress(ImportError):
    from hypothesis import HealthCheck, settings

    slow = [HealthCheck.too_slow]
    settings.register_profile("searching", deadline=None, suppress_health_check=slow, derandomize=False)
    settings.register_profile("patient", deadline=None, suppress_health_check=slow, derandomize=True)
    settings.load_profile("patient")
CI = os.environ.get("CI") == "true"
MEMORY = Path("/dev/shm")  # noqa: S108 - each test has a folder of its own in it
ROOM = 4 << 30  # bytes; containers often have 64 MB there, and a run of the default tests was seen to leave 250 MB
TEMP_ROOT = "PYTEST_DEBUG_TEMPROOT"  # pytest's own: where the folders of tests are made


def pytest_configure() -> None:
    """Put the folders of tests into memory where there is room: each commit of SQLite waits for the disk otherwise.

    A killed program loses nothing there either; what a machine loses that is switched off, no test can see.
    """
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ.setdefault(TEMP_ROOT, str(MEMORY))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def lacks_weights() -> str:
    absent = weights.missing(weights.all_needed())
    return f"no weights yet (make models fetches them): {', '.join(absent)}" if absent else ""


def lacks_browser() -> str:
    there = any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    return "" if there else "needs Chromium on the PATH"


LACKS: dict[str, Callable[[], str]] = {"models": lacks_weights, "browser": lacks_browser}


def _long_ones_first(items: list[pytest.Item]) -> None:
    """Files that have a time-out of their own, then those with most tests: what is long may not begin last."""
    many = Counter(item.path for item in items)
    long = {item.path for item in items if item.get_closest_marker("timeout")}
    items.sort(key=lambda item: (item.path not in long, -many[item.path]))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, what cannot run here. On CI nothing is skipped: what is absent fails there."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        _long_ones_first(items)
    for marker, lacks in LACKS.items():
        marked = [item for item in items if item.get_closest_marker(marker)]
        reason = lacks() if marked and not CI else ""
        for item in marked if reason else []:
            item.add_marker(pytest.mark.skip(reason=reason))
