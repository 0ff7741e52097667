"""Passkeys: the page that lists them, and what static/passkeys.js asks and answers with, as JSON."""

import re
import secrets
from asyncio import to_thread as in_thread
from collections.abc import Callable
from typing import Annotated, Any, ParamSpec

import msgspec
from litestar import Request, Response, post
from litestar.datastructures import Cookie

from domain.errors import NotAllowed, NotFound, ParleyError
from domain.passkey_challenges import LIFE_S
from domain.passkey_forms import Assertion, NewKey
from domain.passkeys import MOST, NAME, Passkeys
from web import cookies
from web.account_pages import NO_STORE, draw, next_page, to
from web.bodies import read_json
from web.browsers import browser_cookie, place_of
from web.callers import caller_of, signed_in
from web.forms import read_form
from web.i18n import N_, gettext, reading
from web.needs import NeedGuests, NeedPages, NeedServices, page
from web.render import Pages
from web.routes.account import or_prove, to_prove, too_late
from web.session import Guests
from web.sign_in_cookies import SignInCookies

AnyRequest = Request[Any, Any, Any]
Given = ParamSpec("Given")
PAGE = "/account/passkeys"
DONE = {
    "added": N_("The passkey is added. The next time you can sign in with it."),
    "renamed": N_("The passkey has its new name."),
    "removed": N_("The passkey is removed. Delete it on your device too."),
}
_COOKIE = "passkey"
_FORM = re.compile(r"[A-Za-z0-9_-]{24}\Z", re.ASCII)
_Text = Annotated[str, msgspec.Meta(max_length=1_000)]


class Added(msgspec.Struct, frozen=True):
    key: NewKey
    name: _Text = ""


class Answered(msgspec.Struct, frozen=True):
    key: Assertion
    next: _Text = "/"


@page(PAGE, role="user")
async def passkeys(request: AnyRequest, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    if too_late(services, signed_in(request).session):
        return to_prove(PAGE)
    return await _list(request, pages, services.passkeys)


@post(PAGE + "/options", role="user", status_code=200)
async def adding(request: AnyRequest, services: NeedServices) -> Response[bytes]:
    """Also refuses who has to prove first, before the browser asks for a finger."""
    who = signed_in(request)
    await services.people.free(who.user.id)
    return await _asked(services.passkeys, services.passkeys.adding, who.user, who.session)


@post(PAGE + "/add", role="user", status_code=200)
async def add(request: AnyRequest, services: NeedServices, guests: NeedGuests) -> Response[bytes]:
    who, made, place = signed_in(request), await read_json(request, Added), place_of(request, guests)
    await services.people.free(who.user.id)  # a passkey made by who reads another's mail would outlive their recovery
    await in_thread(services.passkeys.add, who.user, who.session, made.key, made.name, place)
    return _json({"next": f"{PAGE}?done=added"})


@post(PAGE + "/rename", role="user", status_code=303)
async def rename(request: AnyRequest, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    """Ids of passkeys are too long for addresses of ours, so that they are fields."""
    who, form = signed_in(request), await read_form(request)
    try:
        await in_thread(services.passkeys.rename, who.user, form.text("id") or "", form.text("name") or "")
    except ParleyError as error:
        return await _list(request, pages, services.passkeys, error)
    return to(PAGE, done="renamed")


@post(PAGE + "/remove", role="user", status_code=303)
async def remove(request: AnyRequest, pages: NeedPages, services: NeedServices, guests: NeedGuests) -> Response[bytes]:
    who, form, place = signed_in(request), await read_form(request), place_of(request, guests)
    try:
        await in_thread(services.passkeys.remove, who.user, who.session, form.text("id") or "", place)
    except NotAllowed as error:
        return or_prove(error, PAGE)
    except ParleyError as error:
        return await _list(request, pages, services.passkeys, error)
    return to(PAGE, done="removed")


@post("/sign-in/passkey/options", status_code=200)
async def signing_in(request: AnyRequest, services: NeedServices, guests: NeedGuests) -> Response[bytes]:
    """Nobody is named here: the browser shows what passkeys it has for this site."""
    SignInCookies(services.config).check(request)
    browser = _browser(request, guests) or secrets.token_urlsafe(18)  # another page of it may have asked already
    response = await _asked(services.passkeys, services.passkeys.signing_in, browser)
    response.set_cookie(_cookie(request, guests, browser, LIFE_S))
    return response


@post("/sign-in/passkey", status_code=200)
async def sign_in(request: AnyRequest, services: NeedServices, guests: NeedGuests) -> Response[bytes]:
    cookies = SignInCookies(services.config)
    cookies.check(request)
    answered, place = await read_json(request, Answered), place_of(request, guests)
    user = await in_thread(services.passkeys.sign_in, _browser(request, guests), answered.key, place)
    signed = await services.people.open_session(user, place, "passkey")
    if (before := caller_of(request).session) is not None:  # this browser's last one, which nobody could reach again
        await services.people.sign_out(before, place)
    response = _json({"next": "/account?done=kept" if signed.restored else next_page(answered.next)})
    for cookie in (*cookies.of(request, signed.fresh), _cookie(request, guests, "", 0)):
        response.set_cookie(cookie)
    if signed.browser:
        response.set_cookie(browser_cookie(request, guests, signed.browser))
    return response


@post("/account/prove/passkey/options", role="user", status_code=200)
async def proving(request: AnyRequest, services: NeedServices) -> Response[bytes]:
    who = signed_in(request)
    return await _asked(services.passkeys, services.passkeys.proving, who.user, who.session)


@post("/account/prove/passkey", role="user", status_code=200)
async def prove(request: AnyRequest, services: NeedServices, guests: NeedGuests) -> Response[bytes]:
    """Instead of the password, before a sensitive change."""
    who, answered, place = signed_in(request), await read_json(request, Answered), place_of(request, guests)
    await in_thread(services.passkeys.prove, who.user, who.session, answered.key, place)
    fresh = await in_thread(services.sign_ins.proved, who.session, who.user)
    response = _json({"next": next_page(answered.next)})
    for cookie in SignInCookies(services.config).of(request, fresh):
        response.set_cookie(cookie)
    return response


async def _list(
    request: AnyRequest, pages: Pages, passkeys: Passkeys, error: ParleyError | None = None
) -> Response[bytes]:
    mine = await in_thread(passkeys.of, signed_in(request).user.id)
    with reading(pages.ui(request).language):
        said = gettext(DONE.get(request.query_params.get("done", ""), ""))
    return draw(
        request, pages, "account/passkeys.html", error=error, passkeys=mine, said=said, most=MOST, name_chars=NAME,
        origin=passkeys.site.origin if passkeys.there else "",
    )  # fmt: skip


async def _asked(
    passkeys: Passkeys, ask: Callable[Given, dict[str, Any]], *who: Given.args, **more: Given.kwargs
) -> Response[bytes]:
    """`origin` lets a page that was opened by another name of this machine know that passkeys work elsewhere.

    Nothing to ask for is no error: pages ask before they show a button, and browsers log errors.
    """
    try:
        return _json({"origin": passkeys.site.origin, "publicKey": await in_thread(ask, *who, **more)})
    except NotFound:
        return _json({"origin": "", "publicKey": None})


def _json(found: dict[str, Any]) -> Response[bytes]:
    return Response(msgspec.json.encode(found), media_type="application/json", headers=NO_STORE)


def _cookie(request: AnyRequest, guests: Guests, value: str, max_age: int) -> Cookie:
    """What ties a challenge to the browser that asked for it: who sees an answer on its way can't bring it instead."""
    return cookies.made(_COOKIE, value, max_age, guests.secure(request), "strict")


def _browser(request: AnyRequest, guests: Guests) -> str:
    said = request.cookies.get(cookies.named(_COOKIE, guests.secure(request)), "")
    return said if _FORM.match(said) else ""


ROUTES = [passkeys, adding, add, rename, remove, signing_in, sign_in, proving, prove]
