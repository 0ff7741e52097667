"""What every answer carries and what no request may do: security headers, same-origin writes, sane ids."""

import re
import time
from typing import Any
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from domain.errors import NotAllowed, NotFound
from infra.config import Config
from infra.telemetry import Telemetry
from web.proxies import believe

# No inline script or style, no eval: templates bind nothing with hx-on, js: values or style attributes.
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; media-src 'self' blob:; worker-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CSP,
    "permissions-policy": "microphone=(self), camera=(), geolocation=(), payment=(), usb=(), display-capture=()",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
HSTS = "max-age=31536000; includeSubDomains"
PRIVATE = "private, no-cache"  # the default for what a route does not declare public
_SAFE = {"GET", "HEAD", "OPTIONS"}
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_TOKEN = re.compile(r"[A-Za-z0-9_.-]{1,1000}\Z")  # of mailed links: domain/jwt_tokens.py writes about 350


class Shield:
    """Wraps the whole application, so that refusals and unknown addresses carry the headers too."""

    def __init__(self, app: ASGIApp, config: Config, telemetry: Telemetry) -> None:
        self._app = app
        self._answered = telemetry.answered
        self._proxies = config.proxies
        headers = {**HEADERS, "strict-transport-security": HSTS} if config.secure else HEADERS
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        believe(scope, self._proxies)
        # Litestar's State is this dict; a copy, since the server may hand every request the same one.
        state = dict(scope.get("state") or {})
        state["began"] = time.monotonic()
        scope["state"] = state

        async def shielded(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._answered(message["status"])
                headers = list(message.get("headers", []))
                there = {name.lower() for name, _ in headers}
                headers += self._headers
                if b"cache-control" not in there:
                    headers.append((b"cache-control", PRIVATE.encode()))
                message["headers"] = headers
            await send(message)

        await self._app(scope, receive, shielded)


def same_origin(request: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """A guard: only our own pages may change anything.

    Browsers say where a request comes from (Sec-Fetch-Site; Origin where that is missing, on plain http).
    What says neither is no browser, and carries no visitor's cookie.
    """
    if request.scope.get("method", "GET") in _SAFE:
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise NotAllowed("cross_site")
        return
    origin = request.headers.get("origin")
    if origin is None:
        return
    ours = _host(request.app.state["services"].config.public_url)
    if _host(origin) not in {request.headers.get("host", "").lower(), ours} - {""}:
        raise NotAllowed("cross_site")


def known_ids(request: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Refuse ids that cannot be ours (NULs, surrogates, kilobytes) before a store sees them."""
    for name, value in request.path_params.items():
        if name != "file" and not (_TOKEN if name == "token" else _ID).match(str(value)):
            raise NotFound("page_gone")


def is_id(text: str) -> bool:
    """Tell whether this could be an id of ours, for ids that do not stand in the address."""
    return _ID.match(text) is not None


def _host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return "?"
