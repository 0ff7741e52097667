"""What the fetcher brings from an honest server, and what it tells of one it may not ask."""

import asyncio
import time
import zlib
from datetime import timedelta

import pytest

from domain.errors import BadInput, NotFound, ParleyError, TooLong, TooMany, Unavailable
from infra.asking import Limits
from tests.fakes_web import Names, Request, SeenHosts, SleepClock, answer, moved, web_server
from tests.infra.fetch.conftest import AGENT, Make

pytestmark = pytest.mark.anyio
PAGE = "<p>Hello 你好</p>".encode()


async def test_a_page_arrives_with_its_type_charset_and_marks(fetcher: Make) -> None:
    page = answer(PAGE, 'ETag: "a1"', "Last-Modified: Mon, 05 Jan 2026 12:00:00 GMT")
    async with web_server({"/a?b=1": page}) as server:
        fetched = await fetcher(server.address).fetch(server.url("/a?b=1#top"), robots=False)
    assert (fetched.status, fetched.body, fetched.content_type, fetched.charset) == (200, PAGE, "text/html", "utf-8")
    assert (fetched.etag, fetched.last_modified) == ('"a1"', "Mon, 05 Jan 2026 12:00:00 GMT")
    assert fetched.url == server.url("/a?b=1")


async def test_it_says_who_it_is_and_nothing_of_who_asked(fetcher: Make) -> None:
    async with web_server({"/": answer(PAGE)}) as server:
        await fetcher(server.address).fetch(server.url(), robots=False)
    [request] = server.asked
    assert request.fields["user-agent"] == AGENT
    assert request.fields["host"] == f"127.0.0.1:{server.port}"
    assert set(request.fields) == {"host", "user-agent", "accept", "accept-language", "accept-encoding", "connection"}


async def test_a_deadline_that_comes_with_the_name_servers_answer_holds(fetcher: Make) -> None:
    """The lookup ends and the fetch is cancelled in one step of the loop, and the server would be waited for."""

    async def just_then(host: str) -> list[str]:
        await asyncio.sleep(0)
        time.sleep(0.2)  # noqa: ASYNC251 - a machine that had no time for us meanwhile
        return ["127.0.0.1"]

    async def silent(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async with web_server({"/": silent}) as server, asyncio.timeout(50):  # its silence is longer
        one = fetcher(server.address, resolver=just_then, limits=Limits(deadline_s=0.1))
        with pytest.raises(Unavailable, match="page_late"):
            await one.fetch(f"http://a.example:{server.port}/", robots=False)


async def test_cookies_are_neither_kept_nor_sent_on(fetcher: Make) -> None:
    pages = {"/": answer(b"", "Set-Cookie: a=b", "Location: /next", status="302 Found"), "/next": answer(PAGE)}
    async with web_server(pages) as server:
        one = fetcher(server.address)
        await one.fetch(server.url(), robots=False)
        await one.fetch(server.url("/next"), robots=False)
    assert not any("cookie" in request.fields for request in server.asked)


async def test_a_proxy_in_the_environment_is_not_asked(fetcher: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    async with web_server({}) as proxy, web_server({"/": answer(PAGE)}) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        await fetcher(server.address, proxy.address).fetch(server.url(), robots=False)
    assert (len(proxy.asked), len(server.asked)) == (0, 1)


async def test_what_has_not_changed_is_not_sent_again(fetcher: Make) -> None:
    async with web_server({"/": answer(b"", 'ETag: "a1"', status="304 Not Modified")}) as server:
        one = fetcher(server.address)
        date = "Mon, 05 Jan 2026 12:00:00 GMT"
        fetched = await one.fetch(server.url(), etag='"a1"', last_modified=date, robots=False)
        assert (fetched.status, fetched.body, fetched.etag) == (304, b"", '"a1"')
        with pytest.raises(Unavailable, match="page_failed"):
            await one.fetch(server.url(), robots=False)  # nobody asked whether it had
    assert server.asked[0].fields["if-none-match"] == '"a1"'
    assert server.asked[0].fields["if-modified-since"] == "Mon, 05 Jan 2026 12:00:00 GMT"
    assert "if-none-match" not in server.asked[1].fields


@pytest.mark.parametrize("etag", ["a1", '"a\r\nHost: x"', '"a"\n', '"' + "a" * 300 + '"', '"é"'])
async def test_a_mark_that_is_none_is_not_sent_back(fetcher: Make, etag: str) -> None:
    async with web_server({"/": answer(PAGE)}) as server:
        await fetcher(server.address).fetch(server.url(), etag=etag, last_modified="x\r\ny: z", robots=False)
    assert not {"if-none-match", "if-modified-since", "y"} & set(server.asked[0].fields)


async def test_redirects_lead_to_the_page_and_its_own_address(fetcher: Make) -> None:
    chain: dict[str, bytes] = {f"/{n}": moved(f"/{n + 1}") for n in range(5)}
    async with web_server({**chain, "/5": answer(PAGE)}) as server:
        fetched = await fetcher(server.address).fetch(server.url("/0"), robots=False)
    assert fetched.url == server.url("/5")
    assert server.paths == [f"/{n}" for n in range(6)]


async def test_six_redirects_and_a_circle_fail(fetcher: Make) -> None:
    chain: dict[str, bytes] = {f"/{n}": moved(f"/{n + 1}") for n in range(9)}
    async with web_server({**chain, "/a": moved("/b"), "/b": moved("/a")}) as server:
        one = fetcher(server.address)
        for path, asked in (("/0", 6), ("/a", 2)):
            server.asked.clear()
            with pytest.raises(Unavailable, match="page_failed"):
                await one.fetch(server.url(path), robots=False)
            assert len(server.asked) == asked


REFUSED = [
    "ftp://example.com/",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "http://user:secret@example.com/",
    "http://example.com:8080/",
    "http://example.com:22/",
    "http://exa\nmple.com/",
    "http://127.0.0.1/",
    "http://2130706433/",
    "http://[::1]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://nowhere.example/",
    "http://inside.example/",
    "http://both.example/",
    "not an address",
    "",
]


@pytest.mark.parametrize("url", REFUSED)
async def test_what_may_not_be_asked_is_refused_in_the_same_words(fetcher: Make, url: str) -> None:
    names = Names({"inside.example": [["10.0.0.7"]], "both.example": [["93.184.215.14", "10.0.0.7"]]})
    with pytest.raises(BadInput) as refused:
        await fetcher(resolver=names).fetch(url)
    assert (refused.value.code, refused.value.detail) == ("url_refused", {})
    assert refused.value.__cause__ is None


async def test_a_closed_port_is_told_as_a_private_address_is(fetcher: Make) -> None:
    async with web_server({}) as server:
        closed = server.address
    names = Names({"closed.example": [["127.0.0.1"]]})
    for url in (f"http://closed.example:{closed[1]}/", f"http://127.0.0.1:{closed[1]}/"):
        with pytest.raises(BadInput) as refused:
            await fetcher(closed, resolver=names).fetch(url)
        assert (refused.value.code, refused.value.detail) == ("url_refused", {})


async def test_a_redirect_to_a_private_address_is_refused(fetcher: Make) -> None:
    async with web_server({"/": answer(PAGE)}) as inside:
        for where in (inside.url(), "http://169.254.169.254/", "//10.0.0.1/", "http://a:b@example.com/", "ftp://x/"):
            async with web_server({"/": moved(where)}) as server:
                with pytest.raises(BadInput, match="url_refused"):
                    await fetcher(server.address).fetch(server.url(), robots=False)
    assert inside.asked == []


async def test_a_name_is_resolved_once_and_the_checked_address_connected_to(fetcher: Make) -> None:
    async with web_server({"/": answer(PAGE)}) as server:
        names = Names({"turn.example": [["127.0.0.1"], ["10.0.0.1"]]})
        await fetcher(server.address, resolver=names).fetch(f"http://turn.example:{server.port}/", robots=False)
        assert names.asked == ["turn.example"]
        assert server.asked[0].fields["host"] == f"turn.example:{server.port}"


async def test_refusals_come_at_whole_steps_of_time(fetcher: Make) -> None:
    waits: list[float] = []

    class Slow:
        async def __call__(self, host: str) -> list[str]:
            await asyncio.sleep(0.03)
            return []

    loop = asyncio.get_running_loop()
    for resolver in (Names(), Slow()):
        begun = loop.time()
        with pytest.raises(BadInput, match="url_refused"):
            await fetcher(resolver=resolver, limits=Limits(refusal_s=0.2)).fetch("http://a.example/", robots=False)
        waits.append(loop.time() - begun)
    assert min(waits) >= 0.199  # however fast the answer was there; no upper bound, machines are busy


STATUS: list[tuple[str, type[ParleyError], str]] = [
    ("404 Not Found", NotFound, "page_missing"),
    ("410 Gone", NotFound, "page_missing"),
    ("401 Unauthorized", Unavailable, "page_failed"),
    ("403 Forbidden", Unavailable, "page_failed"),
    ("500 Internal Server Error", Unavailable, "page_failed"),
    ("204 No Content", Unavailable, "page_failed"),
    ("206 Partial Content", Unavailable, "page_failed"),
    ("304 Not Modified", Unavailable, "page_failed"),
    ("302 Found", Unavailable, "page_failed"),  # without saying where
]


@pytest.mark.parametrize(("status", "kind", "code"), STATUS)
async def test_every_other_status_is_an_error(fetcher: Make, status: str, kind: type[ParleyError], code: str) -> None:
    async with web_server({"/": answer(PAGE if status[0] == "4" else b"", status=status)}) as server:
        with pytest.raises(kind, match=code):
            await fetcher(server.address).fetch(server.url(), robots=False)


async def test_a_busy_server_says_how_long_to_leave_it_alone(
    fetcher: Make, hosts: SeenHosts, clock: SleepClock
) -> None:
    cases = (("Retry-After: 120", 120), ("Retry-After: Thu, 01 Jan 2026 00:05:00 GMT", 300), ("X: y", 60))
    for status in ("429 Too Many Requests", "503 Service Unavailable"):
        for field, seconds in cases:
            async with web_server({"/": answer(b"", field, status=status)}) as server:
                one = fetcher(server.address)
                hosts.purge(clock.now() + timedelta(days=1))
                with pytest.raises(TooMany) as busy:
                    await one.fetch(server.url(), robots=False)
                assert abs(busy.value.detail["seconds"] - seconds) <= 2  # type: ignore[operator]
                with pytest.raises(TooMany, match="host_busy"):
                    await one.fetch(server.url("/other"), robots=False)
                assert server.paths == ["/"]


@pytest.mark.parametrize("kind", ["image/png", "application/octet-stream", "", "text/css", "multipart/mixed", "x"])
async def test_only_types_that_can_be_read_are_fetched(fetcher: Make, kind: str) -> None:
    async with web_server({"/": answer(PAGE, kind=kind)}) as server:
        with pytest.raises(BadInput, match="page_type"):
            await fetcher(server.address).fetch(server.url(), robots=False)


@pytest.mark.parametrize(
    ("kind", "type_", "charset"),
    [
        ("TEXT/HTML", "text/html", ""),
        ("text/html; Charset='GB2312'", "text/html", "gb2312"),
        ('text/plain; charset="zlib_codec"', "text/plain", ""),
        ("application/rss+xml; charset=rot13", "application/rss+xml", ""),
        ("application/pdf", "application/pdf", ""),
    ],
)
async def test_a_charset_counts_only_from_the_list(fetcher: Make, kind: str, type_: str, charset: str) -> None:
    async with web_server({"/": answer(PAGE, kind=kind)}) as server:
        fetched = await fetcher(server.address).fetch(server.url(), robots=False)
    assert (fetched.content_type, fetched.charset) == (type_, charset)


async def test_a_coding_is_undone_and_a_sitemap_unpacked(fetcher: Make) -> None:
    packed = _gzip(PAGE)
    pages = {
        "/gzip": answer(packed, "Content-Encoding: gzip"),
        "/deflate": answer(zlib.compress(PAGE), "Content-Encoding: deflate"),
        "/bare": answer(zlib.compress(PAGE, wbits=-15), "Content-Encoding: deflate"),
        "/sitemap.xml.gz": answer(packed, kind="application/x-gzip"),
    }
    async with web_server(pages) as server:
        one = fetcher(server.address)
        for path in pages:
            fetched = await one.fetch(server.url(path), robots=False)
            assert fetched.body == PAGE
            assert fetched.content_type == ("application/xml" if path.endswith(".gz") else "text/html")


async def test_a_pdf_may_be_longer_than_a_page(fetcher: Make) -> None:
    body = b"%PDF-1.7" + bytes(3_000_000)
    async with web_server({"/p": answer(body, kind="application/pdf"), "/h": answer(body)}) as server:
        one = fetcher(server.address)
        assert (await one.fetch(server.url("/p"), robots=False)).body == body
        with pytest.raises(TooLong, match="page_large"):
            await one.fetch(server.url("/h"), robots=False)


def _gzip(data: bytes) -> bytes:
    return zlib.compress(data, wbits=31)
