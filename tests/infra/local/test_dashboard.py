"""The dashboard: what it shows of a plane, and who may press its buttons."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from infra.local.dashboard import span, usd
from infra.local.history import HISTORY, History
from infra.local.plane import Plane
from tests.infra.local.live import Live

pytestmark = pytest.mark.anyio


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with Plane.open(tmp_path / "plane") as plane:
        yield plane


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        yield session


async def page(http: aiohttp.ClientSession, url: str) -> str:
    async with http.get(url) as reply:
        assert reply.status == 200
        return await reply.text()


async def test_an_empty_plane_says_what_to_do_first(plane: Plane, http: aiohttp.ClientSession) -> None:
    text = await page(http, plane.dashboard_url)
    assert "Nothing is deployed yet" in text
    assert plane.url in text


async def test_nothing_is_inline_but_the_one_style_that_the_policy_names(
    plane: Plane, http: aiohttp.ClientSession
) -> None:
    async with http.get(plane.dashboard_url) as reply:
        policy, text = reply.headers["Content-Security-Policy"], await reply.text()
    nonce = re.search(r"'nonce-([^']+)'", policy)
    assert nonce is not None and f'<style nonce="{nonce[1]}">' in text
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|\sstyle=", text)
    async with http.get(f"{plane.dashboard_url}/dashboard.js") as script:
        assert script.status == 200


async def test_faults_are_set_read_and_refused(plane: Plane, http: aiohttp.ClientSession) -> None:
    url = f"{plane.dashboard_url}/faults"
    async with http.post(url, data={"text": "cold_start=3 Tts.crash=0.5"}) as reply:
        assert 'value="cold_start=3 Tts.crash=0.5"' in await reply.text()
    assert plane.faults.of("Tts.*").crash == 0.5
    async with http.post(url, data={"text": "<b>=1"}) as reply:
        text = await reply.text()
    assert "&lt;b&gt;=1" in text and "<b>=1" not in text
    assert plane.faults.text() == "cold_start=3 Tts.crash=0.5"
    async with http.post(url, data={"scene": ""}):
        assert plane.faults.text() == ""


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 421),
    ],
)
async def test_only_its_own_pages_may_press_the_buttons(
    plane: Plane, http: aiohttp.ClientSession, headers: dict[str, str], status: int
) -> None:
    async with http.post(f"{plane.dashboard_url}/faults", data={"text": "crash=1"}, headers=headers) as reply:
        assert reply.status == status
    assert plane.faults.text() == ""
    own = {"Origin": plane.dashboard_url}
    async with http.post(f"{plane.dashboard_url}/faults", data={"text": "crash=1"}, headers=own) as reply:
        assert reply.status == 200
    assert plane.faults.text() == "crash=1"


async def test_no_other_file_is_shown_as_a_log(plane: Plane, http: aiohttp.ClientSession) -> None:
    (plane.folder / "secret.log").write_text("not yours")
    assert "not yours" not in await page(http, f"{plane.dashboard_url}/?log=../secret")


async def test_what_changes_is_sent_again(plane: Plane, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{plane.dashboard_url}/live") as stream:
        first = [await event(stream) for _ in range(2)]
        assert [name for name, _ in first] == ["top", "now"]
        plane.unknown.append("SandboxCreate")
        while (told := await event(stream))[0] != "top" or "SandboxCreate" not in told[1]:
            pass


async def event(stream: aiohttp.ClientResponse) -> tuple[str, str]:
    name = (await stream.content.readline()).decode().removeprefix("event: ").strip()
    data = []
    while line := (await stream.content.readline()).decode().rstrip("\n"):
        data.append(line.removeprefix("data: "))
    return name, "\n".join(data)


@pytest.mark.plane
async def test_a_container_can_be_prewarmed_watched_and_killed(live: Live, http: aiohttp.ClientSession) -> None:
    url = live.plane.dashboard_url
    function_id = next(f.id for f in live.plane.apps.deployed_functions() if f.name == "third_time")
    async with http.post(f"{url}/functions/{function_id}/prewarm") as reply:
        assert reply.status == 200
    await live.until(lambda: [c.booted for c in live.containers("third_time")] == [True])
    [container] = live.containers("third_time")
    text = await page(http, f"{url}/?log={container.id}")
    assert f"Log of <code>{container.id}</code>" in text
    assert f'/containers/{container.id}/kill"' in text
    async with http.post(f"{url}/containers/{container.id}/kill") as reply:
        assert reply.status == 200
    await live.until(lambda: live.containers("third_time") == [])
    assert "killed on the dashboard" in await page(http, url)


@pytest.mark.plane
async def test_calls_are_listed_with_what_became_of_them(live: Live, http: aiohttp.ClientSession) -> None:
    assert await live.function("square").remote.aio(3) == 9
    with pytest.raises(Exception, match="not today"):
        await live.function("sulk").remote.aio()
    await asyncio.sleep(0)
    text = await page(http, live.plane.dashboard_url)
    rows = re.findall(r"<tr><td>(\w+)</td><td><span class=\"pill (\w+)\">(\w+)<", text)
    assert ("square", "good", "done") in rows
    assert ("sulk", "bad", "failed") in rows
    assert "not today" in text


def test_the_chart_keeps_two_minutes_on_one_scale(tmp_path: Path) -> None:
    history = History()
    history.samples.append((1, 2, 8))
    points = history.line(2, 1_000, 94).split()
    assert len(points) == HISTORY
    assert points[-1] == "1000.0,1.0"
    assert history.line(1, 1_000, 94).split()[-1] == "1000.0,70.0"
    assert history.most == 8


def test_money_and_time_are_told_in_fitting_units() -> None:
    assert [usd(n) for n in (0, 1_234, 999_999, 1_234_567_890)] == ["$0.0000", "$0.0012", "$1.0000", "$1,234.57"]
    assert [span(s) for s in (None, 0.0042, 12.34, 125, 7_500)] == ["", "4 ms", "12.3 s", "2 min 05 s", "2 h 05 min"]
