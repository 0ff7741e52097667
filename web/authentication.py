"""Finds out who asks, before any route does: from the cookies of a browser or the bearer token of a program."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import msgspec
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from domain.errors import NotAllowed, ParleyError
from domain.people import User
from domain.places import Place
from domain.sign_ins import Fresh, Signed, SignIns
from web.callers import Caller
from web.programs import for_programs, for_providers
from web.session import Guests, new_guest
from web.sign_in_cookies import SignInCookies
from web.visitors import place

log = logging.getLogger(__name__)
replace = msgspec.structs.replace
# The same for everybody, asked for by the dozen, or asked for by monitors: nobody has to be known.
_ANYBODY = ("/static/", "/health", "/ready", "/metrics", "/favicon.ico", "/robots.txt", "/manifest.", "/sw.js")
AnyConnection = ASGIConnection[Any, Any, Any, Any]


class Authentication:
    """ASGI middleware: puts a web.callers.Caller, or what kept one from being found, into the request's state.

    An access token that has run out is renewed on the way, and the new cookies go out with the answer's head; the
    body is passed on piece by piece, as it comes.
    """

    def __init__(
        self, app: ASGIApp, sign_ins: SignIns, guests: Guests, cookies: SignInCookies,
        counted_as: Callable[[User], User],
    ) -> None:  # fmt: skip
        """`counted_as` returns a user with the role that their membership gives; it waits for the store."""
        self._app, self._sign_ins, self._guests, self._cookies = app, sign_ins, guests, cookies
        self._counted_as = counted_as

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["path"].startswith(_ANYBODY):
            await self._app(scope, receive, send)
            return
        request: AnyConnection = ASGIConnection(scope)
        state = dict(scope.get("state") or {})  # a copy, since the server may hand every request the same one
        scope["state"] = state
        changed: list[Cookie] = []
        try:
            if for_providers(scope["path"]):
                state["caller"] = Caller(new_guest())  # who sends it says a signature, whatever else comes along
            elif for_programs(scope["path"]):
                state["caller"] = await self._program(request)
            else:
                state["caller"], changed = await self._browser(request)
        except ParleyError as error:  # told by whatever needs to know who asks; other pages are served
            state["caller_error"] = error

        async def with_cookies(message: Message) -> None:
            if message["type"] == "http.response.start" and changed:
                message["headers"] = _headers(list(message.get("headers", [])), changed)
            await send(message)

        await self._app(scope, receive, with_cookies)

    async def _program(self, request: AnyConnection) -> Caller:
        """Cookies say nothing here, so there is nothing that another site could make a browser do."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return Caller(new_guest())
        return self._caller(await asyncio.to_thread(self._known, token), csrf=False)

    async def _browser(self, request: AnyConnection) -> tuple[Caller, list[Cookie]]:
        access, refresh = self._cookies.read(request)
        if access or refresh:
            try:
                found = await asyncio.to_thread(self._found, access, refresh, place(request))
            except NotAllowed:
                return self._guest(request), self._cookies.none(request)
            if isinstance(found, Fresh):
                return self._caller(found.signed), self._cookies.of(request, found)
            return self._caller(found), []
        return self._guest(request), []

    def _found(self, access: str, refresh: str, place: Place) -> Signed | Fresh:
        if access:
            try:
                return self._known(access)
            except NotAllowed:
                pass  # it has run out, most often
        fresh = self._sign_ins.renew(refresh, place.label, place.about)
        return replace(fresh, signed=self._counted(fresh.signed))

    def _known(self, access: str) -> Signed:
        return self._counted(self._sign_ins.current(access))

    def _counted(self, signed: Signed) -> Signed:
        return replace(signed, user=self._counted_as(signed.user))

    def _guest(self, request: AnyConnection) -> Caller:
        return Caller(self._guests.identify(request))

    def _caller(self, signed: Signed, csrf: bool = True) -> Caller:
        user, session = signed.user, signed.session
        return Caller(user.id, user, session, user.role, self._sign_ins.csrf(session) if csrf else "")


def _headers(headers: list[tuple[bytes, bytes]], changed: list[Cookie]) -> list[tuple[bytes, bytes]]:
    """Return the head with the new cookies, unless the route has set its own: signing out has the last word.

    No cache on the way may keep an answer that has somebody's cookies in it, however public the page is.
    """
    own = {value.split(b"=", 1)[0] for name, value in headers if name.lower() == b"set-cookie"}
    new = [cookie for cookie in changed if cookie.key.encode() not in own]
    if not new:
        return headers
    kept = [(name, value) for name, value in headers if name.lower() != b"cache-control" or b"no-store" in value]
    if len(kept) < len(headers):
        kept.append((b"cache-control", b"private, no-cache"))
    return kept + [(b"set-cookie", cookie.to_header(header="").strip().encode("latin-1")) for cookie in new]
