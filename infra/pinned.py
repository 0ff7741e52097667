"""TCP to checked addresses only: a name is resolved once, every answer judged, and the connection made to one of them.

httpcore asks this backend for its connections and does TLS itself, with the name (not the address) as SNI and in the
check of the certificate.
"""

import asyncio
import ssl
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

import httpcore
from ssrfguard import Policy, SSRFGuardError
from ssrfguard.httpx import AsyncSafeBackend

from infra.addresses import public
from infra.resolving import Resolver

PORTS = frozenset({80, 443})
_ATTEMPTS = 4  # addresses of a name that are tried; how many it has is for its owner to say
_READ = 16 * 1024  # bytes at once while the header is still to come


class Refused(Exception):
    """Not to be asked: private, unresolvable, closed. Which of them is told to nobody."""


class Silent(Exception):
    """None of the addresses answered in time."""


class Flooded(Exception):
    """More bytes than any header or body has."""


class Counted(httpcore.AsyncNetworkStream):
    """A stream that ends when the server sends more than it may, in whatever way: 103 after 103, fields, chunks of a
    byte with a long extension each. `most` is raised when the header has come.
    """

    def __init__(self, stream: httpcore.AsyncNetworkStream, meter: "Meter") -> None:
        self._stream, self._meter = stream, meter

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        if self._meter.read > self._meter.most:
            raise Flooded
        data = await self._stream.read(min(max_bytes, _READ), timeout)
        self._meter.read += len(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        return Counted(await self._stream.start_tls(ssl_context, server_hostname, timeout), self._meter)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class Meter:
    def __init__(self, most: int) -> None:
        self.read, self.most = 0, most


class Pinned(httpcore.AsyncNetworkBackend):
    """Connects for one request. `trusted` are (address, port) pairs beyond the public ones, for tests."""

    def __init__(
        self, resolver: Resolver, meter: Meter, trusted: frozenset[tuple[str, int]], resolve_s: float, connect_s: float
    ) -> None:
        self._resolver, self._meter, self._trusted = resolver, meter, trusted
        self._resolve_s, self._connect_s = resolve_s, connect_s
        # The second judge, and what connects and looks at the peer. Its own lookup is not used: it waits for its
        # thread when it is cancelled, and a silent name server would outlast every deadline.
        self._guarded = AsyncSafeBackend(policy=Policy())
        self._plain = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises Refused; Silent where every address kept silent."""
        late = False
        for address in (await self._checked(host, port))[:_ATTEMPTS]:
            backend = self._plain if (address, port) in self._trusted else self._guarded
            try:
                stream = await backend.connect_tcp(address, port, self._connect_s)
            except (httpcore.ConnectError, SSRFGuardError):
                continue
            except httpcore.ConnectTimeout:
                late = True
                continue
            if not _reaches(stream, address, port):
                await stream.aclose()
                raise Refused
            return Counted(stream, self._meter)
        if late:
            raise Silent
        raise Refused

    async def _checked(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host, in the resolver's order. One that may not be asked spoils all: nobody has
        public and private ones under one name but to get past a check.
        """
        try:
            # Not wait_for: before Python 3.12 that loses a cancellation that comes together with the answer, and the
            # fetch goes on without its deadline.
            async with asyncio.timeout(self._resolve_s):
                answers = [host] if is_literal(host) else await self._resolver(host)
        except (OSError, UnicodeError):  # TimeoutError is an OSError
            raise Refused from None
        plain = [str(ip_address(answer)) if is_literal(answer) else answer for answer in answers]
        if not plain or not all(may_ask(address, port, self._trusted) for address in plain):
            raise Refused
        return list(dict.fromkeys(plain))

    async def connect_unix_socket(self, *args: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        raise Refused

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def may_ask(address: str, port: int, trusted: frozenset[tuple[str, int]]) -> bool:
    return (address, port) in trusted or (port in PORTS and public(address))


def is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _reaches(stream: httpcore.AsyncNetworkStream, address: str, port: int) -> bool:
    """Where it really went, asked of the socket: between us and the wire something may have sent it elsewhere."""
    peer = stream.get_extra_info("server_addr")
    return peer is not None and ip_address(str(peer[0])) == ip_address(address) and peer[1] == port
