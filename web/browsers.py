"""The cookie by which a browser is known that has signed in before: no sign-in by itself, but no stranger either."""

import re
from typing import Any

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

from domain.places import Place
from web import cookies
from web.session import Guests
from web.visitors import place

AnyConnection = ASGIConnection[Any, Any, Any, Any]
NAME = "browser"
KEPT_S = 180 * 24 * 3600  # domain/signing_in.py, BROWSER
_FORM = re.compile(r"[A-Za-z0-9_-]{1,64}\Z", re.ASCII)


def place_of(request: AnyConnection, guests: Guests) -> Place:
    """Return where a request comes from, as much of it as is counted by or kept."""
    said = request.cookies.get(cookies.named(NAME, guests.secure(request)), "")
    return place(request, said if _FORM.match(said) else "")


def browser_cookie(request: AnyConnection, guests: Guests, browser: str) -> Cookie:
    """It outlasts signing out: that is what it is for."""
    return cookies.made(NAME, browser, KEPT_S, guests.secure(request))
