"""HTTP servers of the local plane: on loopback, and for this machine's own programs only."""

import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from aiohttp import web

LOOPBACK = "127.0.0.1"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def listening(port: int = 0) -> socket.socket:
    """Return a bound socket, so that its address can be told before anything serves it; 0 is any free port."""
    ours = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        ours.bind((LOOPBACK, port))
        ours.listen(128)
        ours.setblocking(False)
    except OSError:
        ours.close()
        raise
    return ours


def address(ours: socket.socket) -> str:
    return f"http://{LOOPBACK}:{ours.getsockname()[1]}"


@asynccontextmanager
async def serving(app: web.Application, ours: socket.socket) -> AsyncIterator[str]:
    """Serve `app` on a socket of `listening` and yield its address; open streams are cut on leaving."""
    # handler_cancellation: whoever hangs up stops the work that was done for them, as Modal's front does.
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.SockSite(runner, ours).start()
        yield address(ours)
    finally:
        await runner.cleanup()
        ours.close()


def is_ours(host: str) -> bool:
    """Tell whether a Host header names this machine by a name that nobody else can give out."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


@web.middleware
async def named_as_ours(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse requests for other names: a web page may point its own at this address (DNS rebinding)."""
    if not is_ours(request.headers.get("Host", "")):
        raise web.HTTPMisdirectedRequest(text="this server answers to 127.0.0.1 and localhost only\n")
    return await handler(request)


@web.middleware
async def from_our_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse changes that a page of another origin asks for; programs send no Origin and pass."""
    origin = request.headers.get("Origin")
    if request.method not in SAFE and origin is not None and origin != f"http://{request.headers.get('Host')}":
        raise web.HTTPForbidden(text="only pages of this server may do that\n")
    return await handler(request)
