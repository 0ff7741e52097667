"""The reader's choices, kept in cookies so that the server draws the page right at once."""

from typing import Any
from urllib.parse import urlsplit

from litestar import Request, Response, post
from litestar.datastructures import Cookie

from domain.errors import BadInput
from domain.persona import LANGUAGES
from web.errors import is_htmx
from web.forms import read_form
from web.needs import NeedGuests
from web.render import THEMES

AnyRequest = Request[Any, Any, Any]
_YEAR_S = 365 * 24 * 3600


@post("/settings", status_code=303)
async def settings(request: AnyRequest, guests: NeedGuests) -> Response[bytes]:
    form = await read_form(request)
    chosen = {"language": form.text("language"), "theme": form.text("theme")}
    for name, allowed in (("language", LANGUAGES), ("theme", THEMES)):
        if chosen[name] is not None and chosen[name] not in allowed:
            raise BadInput("form_bad", field=name)
    back = same_site_path(form.text("back") or _path(request.headers.get("referer", "")))
    response = (
        Response(b"", status_code=200, headers={"hx-refresh": "true"})
        if is_htmx(request)
        else Response(b"", status_code=303, headers={"location": back})
    )
    for name, value in chosen.items():
        if value is not None:
            response.set_cookie(
                Cookie(
                    key=name,
                    value=value,
                    path="/",
                    max_age=_YEAR_S,
                    httponly=True,
                    samesite="lax",
                    secure=guests.secure(request),
                )
            )
    return response


def same_site_path(path: str) -> str:
    """Return the path if it stays on this site, else the front page.

    Browsers read `//host` and `/\\host` as other sites, and drop tabs and newlines first.
    """
    plain = path.isascii() and path.isprintable() and " " not in path
    return path if plain and path.startswith("/") and not path.startswith("//") and "\\" not in path else "/"


def _path(referer: str) -> str:
    """Return where the browser says it comes from; a header can hold anything, and `http://[` is no address."""
    try:
        return urlsplit(referer).path
    except ValueError:
        return "/"
