"""The second lock on changes: what is signed in by a cookie brings along a word that only our pages know.

The first is web/security.py, same_origin. Guests have no more than that: their cookie opens nothing but their chats.
"""

import hmac
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.enums import RequestEncodingType
from litestar.handlers import BaseRouteHandler

from domain.errors import NotAllowed
from web.callers import caller_of
from web.forms import read_form

HEADER, FIELD = "x-csrf-token", "csrf"
IN_STREAM = "csrf_in_stream"  # of a route whose form is read by web/uploads.py
_SAFE = {"GET", "HEAD", "OPTIONS"}
_FORMS = {RequestEncodingType.URL_ENCODED, RequestEncodingType.MULTI_PART}


async def csrf(request: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A guard. Raises NotAllowed("csrf_bad"); Unavailable when it cannot be known who asks."""
    if request.scope.get("method", "GET") in _SAFE:
        return
    if isinstance((request.scope.get("state") or {}).get("caller_error"), NotAllowed):
        return  # a program's token is no good: its route says so if it asks who it is; renewing one must still work
    if not caller_of(request).csrf:
        return
    if HEADER not in request.headers and handler.opt.get(IN_STREAM):
        return  # web/uploads.py asks for it on the way to the file: reading the form here would read all of it
    check_word(request, await _field(request) if HEADER not in request.headers else "")


def check_word(request: ASGIConnection[Any, Any, Any, Any], field: str) -> None:
    """Raises NotAllowed("csrf_bad") unless the header, or where there is none the field, has the caller's word."""
    expected = caller_of(request).csrf
    sent = request.headers.get(HEADER, field)
    if expected and not hmac.compare_digest(sent.encode("utf-8", "surrogatepass"), expected.encode()):
        raise NotAllowed("csrf_bad")


async def _field(request: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Litestar keeps the form that is read here, and hands it to the route."""
    if not isinstance(request, Request) or request.content_type[0] not in _FORMS:
        return ""
    return (await read_form(request)).text(FIELD) or ""
