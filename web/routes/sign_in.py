"""Signing in and out in a browser."""

from typing import Any

from litestar import Request, Response, post
from litestar.types import ControllerRouterHandler

from domain.errors import ParleyError
from web.account_pages import draw, let_in, next_page, secret, to, typed
from web.browsers import place_of
from web.callers import caller_of
from web.forms import read_form
from web.needs import NeedGuests, NeedPages, NeedServices, page
from web.sign_in_cookies import SignInCookies

AnyRequest = Request[Any, Any, Any]
TEMPLATE = "account/sign_in.html"


@page("/sign-in", sync_to_thread=False)
def door(request: AnyRequest, pages: NeedPages) -> Response[bytes]:
    """`?next=` is the page of ours to go on to."""
    onward = next_page(request.query_params.get("next"))
    if caller_of(request).user is not None:
        return to(onward)
    return draw(request, pages, TEMPLATE, next=onward)


@post("/sign-in", status_code=303)
async def sign_in(request: AnyRequest, pages: NeedPages, services: NeedServices, guests: NeedGuests) -> Response[bytes]:
    """The same words, status and time for a wrong password and for a name that nobody has."""
    SignInCookies(services.config).check(request)
    form = await read_form(request)
    given = typed(form, "login", "next")
    onward = next_page(given["next"])
    try:
        signed = await services.people.sign_in(given["login"], secret(form), place_of(request, guests))
    except ParleyError as error:
        return draw(request, pages, TEMPLATE, error=error, beside=("login", "password"), given=given, next=onward)
    if (before := caller_of(request).session) is not None:  # this browser's last one, which nobody could reach again
        await services.people.sign_out(before, place_of(request, guests))
    if signed.restored:
        return let_in(request, services, guests, signed, "/account", done="kept")
    return let_in(request, services, guests, signed, onward)


@post("/sign-out", status_code=303)
async def sign_out(request: AnyRequest, services: NeedServices, guests: NeedGuests) -> Response[bytes]:
    caller = caller_of(request)
    if caller.session is not None:
        await services.people.sign_out(caller.session, place_of(request, guests))
    return to("/sign-in", *SignInCookies(services.config).none(request), done="signed-out")


ROUTES: list[ControllerRouterHandler] = [door, sign_in, sign_out]
