"""One request and its answer, over a connection of its own to a checked address, within the limits."""

import asyncio
import ssl
from collections.abc import Mapping
from functools import cached_property

import httpcore
import httpx
import msgspec

from domain.errors import TooLong
from domain.knowledge.urls import Address
from infra.answers import GZIP, PDF, XML, Header
from infra.bounded import CODINGS, Bounded, coding_of
from infra.pinned import Flooded, Meter, Pinned, Refused, is_literal, may_ask
from infra.resolving import Resolver

_ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,text/plain;q=0.8,application/pdf;q=0.8,*/*;q=0.1"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds and bytes. Only tests have others."""

    deadline_s: float = 10.0  # all of it, from the name to the last byte, robots.txt and redirects too
    patience_s: float = 4.0  # beyond that, for turns at the host
    robots_s: float = 5.0
    resolve_s: float = 4.0
    connect_s: float = 3.0  # one address; up to four are tried
    refusal_s: float = 1.0  # refusals come at whole multiples of it
    redirects: int = 5
    header: int = 64 * 1024
    raw: int = 1024 * 1024
    raw_pdf: int = 5 * 1024 * 1024
    decoded: int = 2 * 1024 * 1024
    decoded_pdf: int = 5 * 1024 * 1024


class Answer(msgspec.Struct, frozen=True):
    """`body` is read for status 200 only, decoded; a content type outside of the list has been refused."""

    address: Address
    header: Header
    kind: str = ""
    charset: str = ""
    body: bytes = b""

    @property
    def status(self) -> int:
        return self.header.status


class Asking:
    def __init__(
        self,
        agent: str,
        resolver: Resolver,
        trusted: frozenset[tuple[str, int]],
        tls: ssl.SSLContext | None,
        limits: Limits,
    ) -> None:
        self._agent, self._resolver, self._trusted, self._limits = agent, resolver, trusted, limits
        self._own_tls = tls

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """The public authorities (certifi's), whatever the environment says. Made when needed, in a thread: 20 ms."""
        return self._own_tls or httpx.create_ssl_context(trust_env=False)

    def check(self, address: Address) -> None:
        """Judge what needs no name server. Raises Refused."""
        if is_literal(address.host):
            if not may_ask(address.host, address.port, self._trusted):
                raise Refused
        elif address.port not in {80, 443, *(port for _, port in self._trusted)}:
            raise Refused

    async def ask(self, address: Address, only_if: Mapping[str, str], *, cut_at: int = 0) -> Answer:
        """Raises Refused, Silent, Flooded, httpcore's and ssl's errors, BadInput("page_type", "page_encoding"),
        TooLong("page_large"), Unavailable("page_failed"). With `cut_at` any type will do, and what is longer is cut.
        """
        meter = Meter(self._limits.header)
        backend = Pinned(self._resolver, meter, self._trusted, self._limits.resolve_s, self._limits.connect_s)
        url = httpcore.URL(
            scheme=address.scheme, host=address.host, port=address.port, target=address.target.encode("ascii")
        )
        tls = await asyncio.to_thread(lambda: self._tls) if address.scheme == "https" else None
        async with (
            httpcore.AsyncHTTPConnection(url.origin, tls, network_backend=backend) as connection,
            connection.stream("GET", url, headers=self._fields(address, only_if)) as response,
        ):
            if sum(len(name) + len(value) + 4 for name, value in response.headers) > self._limits.header:
                raise Flooded
            header = Header.of(response.status, response.headers)
            if header.status != 200:
                return Answer(address, header)
            kind, charset = ("", "") if cut_at else header.content_type(address.path)
            raw, decoded = self._sizes(kind, cut_at)
            meter.most = meter.read + 2 * raw + self._limits.header  # chunks have their own headers
            body = await _body(response, header, kind, raw, decoded, cut=bool(cut_at))
            return Answer(address, header, XML[0] if kind == GZIP[0] else kind, charset, body)

    def _fields(self, address: Address, only_if: Mapping[str, str]) -> list[tuple[str, str]]:
        """All that is ever sent: no cookie, no credentials, no referrer."""
        return [
            ("Host", address.authority),
            ("User-Agent", self._agent),
            ("Accept", _ACCEPT),
            ("Accept-Language", "en, zh;q=0.9, *;q=0.5"),
            ("Accept-Encoding", ", ".join(CODINGS)),
            ("Connection", "close"),
            *only_if.items(),
        ]

    def _sizes(self, kind: str, cut_at: int) -> tuple[int, int]:
        """Return the most bytes of the body as it comes, and decoded."""
        if cut_at:
            return cut_at, cut_at
        limits = self._limits
        return (limits.raw_pdf, limits.decoded_pdf) if kind == PDF else (limits.raw, limits.decoded)


async def _body(
    response: httpcore.Response, header: Header, kind: str, raw: int, decoded: int, *, cut: bool
) -> bytes:
    if header.length() > raw and not cut:
        raise TooLong("page_large")
    coding = "gzip" if kind == GZIP[0] else coding_of(header.all("content-encoding"))
    bounded, read = Bounded(coding, decoded, cut=cut), 0
    async for data in response.aiter_stream():
        read += len(data)
        if read > raw and not cut:
            raise TooLong("page_large")
        bounded.feed(data)
        if cut and (read > raw or bounded.full):
            break
    return bounded.end()
