"""Where somebody is signed in, and ending it there."""

from typing import Any

from litestar import Request, Response, post
from litestar.types import ControllerRouterHandler

from web.account_pages import NO_STORE, draw, to
from web.browsers import place_of
from web.callers import signed_in
from web.errors import is_htmx
from web.needs import NeedGuests, NeedPages, NeedServices, PathId, page

AnyRequest = Request[Any, Any, Any]


@page("/account/sessions", role="user")
async def sessions(request: AnyRequest, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    here = signed_in(request).session
    found = await services.people.sessions(here)
    return draw(request, pages, "account/sessions.html", sessions=found, here=here.id)


@post("/account/sessions/{session_id:str}/end", status_code=200, role="user")
async def end(
    request: AnyRequest, session_id: PathId, pages: NeedPages, services: NeedServices, guests: NeedGuests
) -> Response[bytes]:
    """The row's place for htmx; a browser without scripts goes back to the list."""
    await services.people.end_session(signed_in(request).session, session_id, place_of(request, guests))
    if not is_htmx(request):
        return to("/account/sessions", done="ended")
    response = pages.page(request, "account/_session_ended.html")
    response.headers.update(NO_STORE)
    return response


@post("/account/sessions/end-others", status_code=303, role="user")
async def end_others(request: AnyRequest, services: NeedServices, guests: NeedGuests) -> Response[bytes]:
    await services.people.end_others(signed_in(request).session, place_of(request, guests))
    return to("/account/sessions", done="others")


ROUTES: list[ControllerRouterHandler] = [sessions, end, end_others]
