"""An open account: what is in it, the password again before a change, and the recovery codes."""

from typing import Any
from urllib.parse import quote

from litestar import Request, Response, post
from litestar.types import ControllerRouterHandler

from domain.desk import PROVED
from domain.errors import NotAllowed, ParleyError
from domain.people import Session
from infra.wiring import Services
from web.account_pages import draw, next_page, secret, to, typed
from web.browsers import place_of
from web.callers import signed_in
from web.forms import read_form
from web.needs import NeedGuests, NeedPages, NeedServices, page
from web.sign_in_cookies import SignInCookies

AnyRequest = Request[Any, Any, Any]
PROVE = "account/prove.html"


@page("/account", role="user")
async def account(request: AnyRequest, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    who = signed_in(request)
    left = await services.people.codes_left(who.session)
    asks = services.config.security_question == "extra"
    return draw(request, pages, "account/page.html", user=who.user, codes_left=left, questions=asks)


@page("/account/prove", role="user", sync_to_thread=False)
def prove_form(request: AnyRequest, pages: NeedPages) -> Response[bytes]:
    """`?next=` is the page of ours to go on to."""
    onward = next_page(request.query_params.get("next") or "/account")
    return draw(request, pages, PROVE, user=signed_in(request).user, next=onward)


@post("/account/prove", status_code=303, role="user")
async def prove(request: AnyRequest, pages: NeedPages, services: NeedServices, guests: NeedGuests) -> Response[bytes]:
    who = signed_in(request)
    fields = await read_form(request)
    onward = next_page(typed(fields, "next")["next"] or "/account")
    try:
        fresh = await services.people.prove(who.session, secret(fields), place_of(request, guests))
    except ParleyError as error:
        return draw(request, pages, PROVE, error=error, beside=("password",), user=who.user, next=onward)
    return to(onward, *SignInCookies(services.config).of(request, fresh))


@page("/account/codes", role="user")
async def codes_form(request: AnyRequest, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    who = signed_in(request)
    if too_late(services, who.session):
        return to_prove("/account/codes")
    left = await services.people.codes_left(who.session)
    return draw(request, pages, "account/codes.html", codes=[], codes_left=left)


@post("/account/codes", status_code=200, role="user")
async def codes(request: AnyRequest, pages: NeedPages, services: NeedServices, guests: NeedGuests) -> Response[bytes]:
    """The one answer that ever shows them."""
    try:
        made = await services.people.new_codes(signed_in(request).session, place_of(request, guests))
    except NotAllowed as error:
        return or_prove(error, "/account/codes")
    return draw(request, pages, "account/codes.html", codes=made, user=signed_in(request).user)


def too_late(services: Services, session: Session) -> bool:
    """Whether the password has to be given again: asked before a form is shown, not only after it was filled in."""
    return services.clock.now() - session.proved_at > PROVED


def to_prove(back: str) -> Response[bytes]:
    return to(f"/account/prove?next={quote(back)}")


def or_prove(error: NotAllowed, back: str) -> Response[bytes]:
    """Ask for the password, and come back; any other refusal is raised."""
    if error.code != "prove_first":
        raise error
    return to_prove(back)


ROUTES: list[ControllerRouterHandler] = [account, prove_form, prove, codes_form, codes]
