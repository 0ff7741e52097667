"""Web functions, asked over HTTP as a browser would."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import modal
import pytest
from yarl import URL

from infra.local.__main__ import deploy
from tests.infra.local.live import Live
from tests.infra.local.sample_web import note

pytestmark = [pytest.mark.anyio, pytest.mark.plane]


@pytest.fixture(scope="module")
def site(live: Live) -> Live:
    live.do(lambda plane: deploy(plane, "tests.infra.local.sample_web"))
    return live


async def url(live: Live, name: str) -> str:
    found = await modal.Function.from_name("sample-web", name, client=live.client).get_web_url.aio()
    assert found is not None and found.startswith("http://127.0.0.1:")
    return found


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        yield session


async def test_a_request_comes_to_the_app_as_it_was_sent(site: Live, http: aiohttp.ClientSession) -> None:
    target = URL(f"{await url(site, 'asgi')}/mirror/%C3%BC%20b?q=a%20b&q=2", encoded=True)
    async with http.post(target, data=b"\xffbody", headers={"X-Word": "hello"}) as reply:
        assert (reply.status, reply.headers["Content-Type"]) == (201, "application/json")
        told = await reply.json()
    assert (told["method"], told["path"], told["query"]) == ("POST", "/mirror/ü b", "q=a%20b&q=2")
    assert ["x-word", "hello"] in told["headers"]
    assert (told["body"], told["client"], told["started"]) == ("\xffbody", "127.0.0.1", True)


async def test_a_large_body_goes_both_ways(site: Live, http: aiohttp.ClientSession) -> None:
    async with http.post(f"{await url(site, 'asgi')}/mirror", data=iter_body()) as reply:
        assert (await reply.json())["body"] == "0123456789" * 400_000
    async with http.get(f"{await url(site, 'asgi')}/large") as reply:
        assert reply.headers["Content-Length"] == "5120000"
        assert await reply.read() == bytes(range(256)) * 20_000


async def iter_body() -> AsyncIterator[bytes]:
    for _ in range(400):
        yield b"0123456789" * 1_000


async def test_repeated_headers_and_redirects_stay_as_they_are(site: Live, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{await url(site, 'asgi')}/cookies", allow_redirects=False) as reply:
        assert (reply.status, reply.headers["Location"]) == (303, "/x")
        assert reply.headers.getall("Set-Cookie") == ["a=1", "b=2"]


async def test_a_stream_flows_item_by_item(site: Live, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{await url(site, 'asgi')}/drops") as reply:
        for n in range(3):
            # The app makes the next item only once this one was seen here.
            assert await reply.content.readuntil(b"\n\n") == b"data: %d\n\n" % n
            note(f"had-{n}", "seen")
        assert await reply.read() == b""


async def test_the_app_is_told_when_the_client_hangs_up(site: Live, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{await url(site, 'asgi')}/forever") as reply:
        assert await reply.content.readany() == b"begun"
        reply.close()
    assert await site.noted("forever") == ["http.disconnect"]


async def test_an_app_that_raises_is_a_500_and_its_container_lives(site: Live, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{await url(site, 'asgi')}/broken") as reply:
        assert reply.status == 500
        assert "not today" in await reply.text()
    containers = [container.id for container in site.containers("asgi")]
    async with http.get(f"{await url(site, 'asgi')}/mirror") as reply:
        assert reply.status == 201
    assert [container.id for container in site.containers("asgi")] == containers != []


async def test_a_websocket_talks(site: Live, http: aiohttp.ClientSession) -> None:
    async with http.ws_connect(await url(site, "asgi")) as socket:
        await socket.send_str("hello")
        assert await socket.receive_str() == "HELLO"
        await socket.send_str("bye")
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == 4000
    async with http.ws_connect(await url(site, "asgi")) as socket:
        await socket.send_str("still there?")
        assert await socket.receive_str() == "STILL THERE?"
    assert await site.noted("talk") == ["websocket.disconnect"]


async def test_wsgi_apps_and_apps_of_classes_have_addresses_too(site: Live, http: aiohttp.ClientSession) -> None:
    async with http.post(f"{await url(site, 'wsgi')}/somewhere", data=b"said") as reply:
        assert await reply.text() == "POST /somewhere said"
    made = modal.Cls.from_name("sample-web", "Site", client=site.client)()
    async with http.get(str(await made.serve.get_web_url.aio())) as reply:
        assert await reply.text() == "from a class"


async def test_an_endpoint_behind_proxy_auth_wants_its_headers(site: Live, http: aiohttp.ClientSession) -> None:
    async with http.get(await url(site, "private")) as reply:
        assert reply.status == 401
    async with http.get(await url(site, "private"), headers={"Modal-Key": "wk", "Modal-Secret": "ws"}) as reply:
        assert reply.status == 201


async def test_the_address_outlives_a_deploy(site: Live, http: aiohttp.ClientSession) -> None:
    before = await url(site, "asgi")
    await asyncio.to_thread(site.do, lambda plane: deploy(plane, "tests.infra.local.sample_web"))
    assert await url(site, "asgi") == before
    async with http.get(f"{before}/mirror") as reply:
        assert reply.status == 201


async def test_a_scheduled_function_runs_again_and_again_in_one_container(site: Live) -> None:
    await site.noted("tick", lines=len(site.notes("tick")) + 2)
    [container] = site.containers("tick")
    await site.noted("tick", lines=len(site.notes("tick")) + 2)
    assert site.containers("tick") == [container]
