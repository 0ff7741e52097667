"""What every test shares: asyncio as the async backend, and honest skips for suites that need more than Python."""

import os
import shutil
from collections.abc import Callable

import pytest

from functions import weights

CI = os.environ.get("CI") == "true"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def lacks_weights() -> str:
    absent = weights.missing([*weights.needed("small"), *weights.needed("tiny")])
    return f"no weights yet (make models fetches them): {', '.join(absent)}" if absent else ""


def lacks_browser() -> str:
    there = any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    return "" if there else "needs Chromium on the PATH"


LACKS: dict[str, Callable[[], str]] = {"models": lacks_weights, "browser": lacks_browser}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, what cannot run here. On CI nothing is skipped: what is absent fails there."""
    for marker, lacks in LACKS.items():
        marked = [item for item in items if item.get_closest_marker(marker)]
        reason = lacks() if marked and not CI else ""
        for item in marked if reason else []:
            item.add_marker(pytest.mark.skip(reason=reason))
