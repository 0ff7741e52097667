"""Servers that want to hold, flood or fill the fetcher: each ends, in an error that says what it was, and small."""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fakes_web import Request, answer, web_server
from tests.infra.fetch import hostile

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[3]
VICTIM = (sys.executable, "-m", "tests.infra.fetch.victim")
GROWTH_MB = 100


async def _attack(deadline_s: float) -> Mapping[str, Any]:
    pages = {f"/{name}": page for name, (page, _) in hostile.manners().items()}
    files = hostile.robots()

    async def robots(request: Request, writer: asyncio.StreamWriter) -> None:
        page = files.get(request.fields["host"].partition(".")[0], answer(b"", status="404 Not Found"))
        if isinstance(page, bytes):
            writer.write(page)
            await writer.drain()
        else:
            await page(request, writer)

    # The redirects that never end have addresses of their own.
    onward = {f"/endless-redirects{'x' * n}": hostile.onward for n in range(1, 9)}
    async with web_server({**pages, **onward, "/robots.txt": robots}) as server:
        slow = [name for name, (_, code) in hostile.manners().items() if code == "page_late" or name == "robots-drip"]
        others = [name for name in hostile.manners() if name not in slow]
        asked = [str(server.port), str(deadline_s), *slow, "--", *others]
        child = await asyncio.create_subprocess_exec(*VICTIM, *asked, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
        told, _ = await child.communicate()
    assert child.returncode == 0
    result: Mapping[str, Any] = json.loads(told)
    return result


@pytest.mark.parametrize("deadline_s", [2.0, pytest.param(10.0, marks=pytest.mark.attacks)])
async def test_every_hostile_server_ends_small_and_in_time(deadline_s: float) -> None:
    """Those that want time with a short deadline, and with the real one. The victim holds 15 s, and its own growth."""
    result = await _attack(deadline_s)
    assert result["honest"] == ["", 4]
    expected = {name: code for name, (_, code) in hostile.manners().items()}
    assert {name: code for name, (code, _) in result["ends"].items()} == expected
    assert max(size for _, size in result["ends"].values()) <= 2 * 1024 * 1024
    assert result["grown_mb"] < GROWTH_MB
