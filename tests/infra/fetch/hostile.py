"""A server's worst manners, one a path, and the code that each has to end in ("" where a page is brought)."""

import asyncio
import zlib
from collections.abc import Callable, Iterator
from functools import cache

from tests.fakes_web import Behaviour, Request, answer, moved

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=zlib_codec\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
GZIP = b"Content-Encoding: gzip\r\n"
PAUSE_S = 0.05  # a sign of life that no time-out between two reads will ever miss


@cache
def packed() -> bytes:
    """Return 200 MB of zeros as gzip, without ever holding them."""
    packer = zlib.compressobj(wbits=31)
    return b"".join(packer.compress(bytes(1_000_000)) for _ in range(200)) + packer.flush()


def for_ever(first: bytes, again: bytes, pause_s: float = 0.0) -> Behaviour:
    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return behave


def drip(data: bytes) -> Behaviour:
    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        for byte in _bytes(data):
            writer.write(byte)
            await writer.drain()
            await asyncio.sleep(PAUSE_S)

    return behave


def _bytes(data: bytes) -> Iterator[bytes]:
    yield from (bytes([byte]) for byte in data)
    while True:
        yield b"a"


async def silence(request: Request, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def half_closed(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(OK + b"Content-Length: 1000\r\n\r\n<p>")
    writer.write_eof()
    await asyncio.sleep(60)


async def reset(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(OK + b"Content-Length: 1000\r\n\r\n<p>")
    await writer.drain()
    writer.transport.abort()


async def onward(request: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(moved(request.path + "x"))


def _sized(data: bytes, claim: int, fields: bytes = b"") -> bytes:
    return OK + fields + f"Content-Length: {claim}\r\n\r\n".encode() + data


@cache
def manners() -> dict[str, tuple[bytes | Behaviour, str]]:
    bomb, twice = packed(), zlib.compress(packed(), wbits=31)
    flat = zlib.compress(bytes(20_000_000))
    junk: Callable[[int], bytes] = lambda size: b"\x00\xff<a>" * (size // 5)  # noqa: E731
    chunk = b"10000\r\n" + b"a" * 65_536 + b"\r\n"
    return {
        "drip-header": (drip(b"HTTP/1.1 200 OK\r\nX-Slow: "), "page_late"),
        "drip-body": (drip(OK + b"Content-Length: 1000000\r\n\r\n"), "page_late"),
        "drip-chunks": (for_ever(CHUNKED, b"1\r\na\r\n", PAUSE_S), "page_late"),
        "drip-gzip": (drip(OK + GZIP + b"\r\n" + bomb[:2_000]), "page_late"),
        "hints": (for_ever(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), "page_failed"),
        "slow-hints": (for_ever(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", PAUSE_S), "page_late"),
        "header-flood": (for_ever(OK, b"X-A: " + b"a" * 50 + b"\r\n"), "page_failed"),
        "tiny-header-flood": (for_ever(OK, b"a:\r\n" * 1_000), "page_failed"),
        "long-header": (for_ever(OK + b"X-A: ", b"a" * 10_000), "page_failed"),
        "large-header": (OK + b"X-A: a\r\n" * 9_000 + b"\r\n<p>", "page_failed"),
        "long-status": (for_ever(b"HTTP/1.1 200 ", b"a" * 10_000), "page_failed"),
        "bomb": (_sized(bomb, len(bomb), GZIP), "page_large"),
        "deflate-bomb": (_sized(flat, len(flat), b"Content-Encoding: deflate\r\n"), "page_large"),
        "bomb-in-bomb": (_sized(twice, len(twice), GZIP), ""),
        "two-codings": (_sized(twice, len(twice), b"Content-Encoding: gzip, gzip\r\n"), "page_encoding"),
        "two-coding-fields": (_sized(twice, len(twice), GZIP * 2), "page_encoding"),
        "brotli": (_sized(b"\x0b\x02\x80", 3, b"Content-Encoding: br\r\n"), "page_encoding"),
        "cut-gzip": (_sized(bomb[:9_000][:500], 500, GZIP), "page_failed"),
        "no-gzip": (_sized(junk(500), 500, GZIP), "page_encoding"),
        "transfer-gzip": (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "page_failed"),
        "claims-more": (_sized(b"<p>short", 5_000), "page_failed"),
        "claims-less": (_sized(b"<p>" + junk(5_000), 3), ""),
        "claims-all": (_sized(b"<p>", 10**15), "page_large"),
        "claims-nonsense": (OK + b"Content-Length: -5\r\n\r\n<p>", "page_failed"),
        "claims-twice": (OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n<p>a", "page_failed"),
        "endless": (for_ever(OK + b"\r\n", junk(100_000)), "page_large"),
        "endless-chunks": (for_ever(CHUNKED, chunk), "page_large"),
        "endless-extensions": (for_ever(CHUNKED, b"1;" + b"e" * 8_000 + b"\r\na\r\n"), "page_failed"),
        "endless-chunk-size": (for_ever(CHUNKED, b"0" * 10_000), "page_failed"),
        "endless-trailer": (for_ever(CHUNKED + b"0\r\n", b"X-A: " + b"a" * 50 + b"\r\n"), "page_failed"),
        "endless-redirects": (onward, "page_failed"),
        "circle": (moved("/circle"), "page_failed"),
        "long-location": (moved("/" + "a" * 60_000), "url_refused"),
        "tls": (b"", "page_late"),  # asked by https: the server waits for the end of a header that is none
        "honest": (_sized(b"<p>x", 4), ""),
        "charset": (_sized(b"<p>x", 4), ""),
        "type": (answer(b"MZ", kind="application/x-msdownload"), "page_type"),
        "silence": (silence, "page_late"),
        "half-closed": (half_closed, "page_failed"),
        "reset": (reset, "page_failed"),
        "nothing": (b"", "page_failed"),
        "junk": (junk(300_000), "page_failed"),
        "old": (b"<p>HTTP/0.9</p>", "page_failed"),
        "upgrade": (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + junk(1_000), "page_failed"),
        "robots-drip": (_sized(b"<p>", 3), "page_robots"),
        "robots-flood": (_sized(b"<p>", 3), ""),
        "robots-bomb": (_sized(b"<p>", 3), ""),
    }


def robots() -> dict[str, bytes | Behaviour]:
    """What /robots.txt is, by the host that is asked for it; the others have none."""
    fields = (b"User-agent: a", b"Allow: /")
    agents, rules = (b"\n".join(b"%s%d" % (field, n) for n in range(16_000)) for field in fields)
    bomb = packed()
    return {
        "robots-drip": drip(OK + b"Content-Length: 1000000\r\n\r\n"),
        "robots-flood": answer(agents + b"\n" + rules, kind="text/plain"),
        "robots-bomb": _sized(bomb, len(bomb), GZIP),
    }
