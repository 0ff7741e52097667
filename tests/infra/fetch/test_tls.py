"""The connection goes to a checked address, and the certificate still has to be the name's."""

from pathlib import Path

import pytest

from domain.errors import BadInput, Unavailable
from tests.fakes_web import Names, SeenHosts, answer, moved, web_server
from tests.infra.fetch.authority import contexts
from tests.infra.fetch.conftest import Make

pytestmark = pytest.mark.anyio
NAMES = {"right.example": [["127.0.0.1"]], "wrong.example": [["127.0.0.1"]]}


async def test_the_name_is_checked_though_an_address_is_asked(fetcher: Make, tmp_path: Path) -> None:
    server_tls, trust = contexts(tmp_path, "right.example")
    async with web_server({"/": answer(b"<p>Hello</p>")}, tls=server_tls) as server:
        one = fetcher(server.address, resolver=Names(NAMES), tls=trust)
        fetched = await one.fetch(f"https://right.example:{server.port}/", robots=False)
        assert fetched.body == b"<p>Hello</p>"
        for host in ("wrong.example", "127.0.0.1"):
            with pytest.raises(Unavailable, match="page_failed"):
                await one.fetch(f"https://{host}:{server.port}/", robots=False)
    assert [request.fields["host"] for request in server.asked] == [f"right.example:{server.port}"]


async def test_an_unknown_authority_is_not_believed(fetcher: Make, hosts: SeenHosts, tmp_path: Path) -> None:
    server_tls, _ = contexts(tmp_path, "right.example")
    async with web_server({"/": answer(b"")}, tls=server_tls) as server:
        with pytest.raises(Unavailable, match="page_failed"):
            await fetcher(server.address, resolver=Names(NAMES)).fetch(f"https://right.example:{server.port}/")
    assert server.asked == []
    assert hosts.files == {}  # no robots.txt was had, so none is kept


async def test_nothing_goes_from_https_to_http(fetcher: Make, tmp_path: Path) -> None:
    server_tls, trust = contexts(tmp_path, "right.example")
    async with web_server({"/": answer(b"")}) as plain:
        where = f"http://127.0.0.1:{plain.port}/"
        async with web_server({"/": moved(where)}, tls=server_tls) as server:
            one = fetcher(server.address, plain.address, resolver=Names(NAMES), tls=trust)
            with pytest.raises(BadInput, match="url_refused"):
                await one.fetch(f"https://right.example:{server.port}/", robots=False)
    assert plain.asked == []
