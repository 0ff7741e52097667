"""Back in without the password: by a mailed link or by a recovery code. Neither signs in; both set a new password."""

from typing import Any

from litestar import Request, Response, post
from litestar.types import ControllerRouterHandler

from domain.errors import NotFound, ParleyError
from infra.wiring import Services
from web.account_pages import draw, secret, to, typed
from web.browsers import browser_cookie, place_of
from web.forms import read_form
from web.needs import NeedGuests, NeedPages, NeedServices, PathId, page
from web.render import Pages
from web.session import Guests
from web.sign_in_cookies import SignInCookies

AnyRequest = Request[Any, Any, Any]
FORM, CODE, NEW = "account/recover.html", "account/recover_code.html", "account/new_password.html"


@page("/recover", sync_to_thread=False)
def form(request: AnyRequest, pages: NeedPages) -> Response[bytes]:
    return draw(request, pages, FORM)


@post("/recover", status_code=303)
async def recover(request: AnyRequest, pages: NeedPages, services: NeedServices, guests: NeedGuests) -> Response[bytes]:
    """The same answer, after the same time, for those who have an account and those who have none."""
    given = typed(await read_form(request), "email")
    try:
        await services.people.recover(given["email"], place_of(request, guests))
    except ParleyError as error:
        return draw(request, pages, FORM, error=error, beside=("email",), given=given)
    return to("/recover/sent")


@page("/recover/sent", sync_to_thread=False)
def sent(request: AnyRequest, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    return draw(request, pages, "account/sent.html", kind="recover", outbox=services.config.mail == "outbox")


@page("/recover/code", sync_to_thread=False)
def code_form(request: AnyRequest, pages: NeedPages) -> Response[bytes]:
    return draw(request, pages, CODE)


@post("/recover/code", status_code=303)
async def by_code(request: AnyRequest, pages: NeedPages, services: NeedServices, guests: NeedGuests) -> Response[bytes]:
    SignInCookies(services.config).check(request)
    fields = await read_form(request)
    given = typed(fields, "login", "code")
    try:
        place = place_of(request, guests)
        browser = await services.people.use_recovery_code(given["login"], given["code"], secret(fields), place)
    except ParleyError as error:
        return draw(request, pages, CODE, error=error, beside=("login", "code", "password"), given=given)
    return _recovered(request, services, guests, browser)


@page("/recover/{token:str}")
async def opened(request: AnyRequest, token: PathId, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    """What the mail links to. Nothing is used up here: mail programs open links by themselves."""
    return await _new(request, token, pages, services)


@post("/recover/{token:str}", status_code=303)
async def set_new(
    request: AnyRequest, token: PathId, pages: NeedPages, services: NeedServices, guests: NeedGuests
) -> Response[bytes]:
    SignInCookies(services.config).check(request)
    fields = await read_form(request)
    answer = typed(fields, "answer")["answer"]
    try:
        browser = await services.people.finish_recovery(token, secret(fields), place_of(request, guests), answer)
    except ParleyError as error:
        return await _new(request, token, pages, services, error)
    return _recovered(request, services, guests, browser)


async def _new(
    request: AnyRequest, token: str, pages: Pages, services: Services, error: ParleyError | None = None
) -> Response[bytes]:
    try:
        asked = await services.people.recovering(token)
    except NotFound as gone:
        return draw(request, pages, "account/link_gone.html", error=gone, again="/recover")
    return draw(request, pages, NEW, error=error, beside=("answer", "password"), token=token, asked=asked)


def _recovered(request: AnyRequest, services: Services, guests: Guests, browser: str) -> Response[bytes]:
    """Every session has ended, the one of this browser too if it had one; but it is no stranger to the account."""
    cookies = SignInCookies(services.config).none(request)
    return to("/sign-in", *cookies, browser_cookie(request, guests, browser), done="recovered")


ROUTES: list[ControllerRouterHandler] = [form, recover, sent, code_form, by_code, opened, set_new]
