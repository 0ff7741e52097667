"""Making an account: the form, how strong a password is, the mail, and the page that its link opens."""

from asyncio import to_thread as in_thread
from typing import Any

from litestar import Request, Response, post
from litestar.types import ControllerRouterHandler

from domain.errors import NotFound, ParleyError, TooLong
from domain.hashing import MOST
from domain.passwords import LEAST, strength
from domain.registration import Wish
from infra.wiring import Services
from web.account_pages import NO_STORE, Given, draw, let_in, next_page, to, typed
from web.browsers import place_of
from web.callers import caller_of
from web.error_words import words
from web.forms import read_form
from web.needs import NeedGuests, NeedPages, NeedServices, PathId, page
from web.render import Pages
from web.sign_in_cookies import SignInCookies

AnyRequest = Request[Any, Any, Any]
FORM = "account/register.html"
CONFIRM = "account/confirm.html"
FIELDS = ("username", "email", "phone", "password")
JUDGES = 2  # at once, of 0.1 s each: who writes a password can wait for the next letter, others' threads can't


@page("/register", sync_to_thread=False)
def form(request: AnyRequest, pages: NeedPages) -> Response[bytes]:
    """`?next=` is the page of ours to go on to, once the mailed link was followed."""
    onward = next_page(request.query_params.get("next"))
    if caller_of(request).user is not None:
        return to(_after(onward))
    return draw(request, pages, FORM, next=onward)


@post("/register", status_code=303)
async def register(
    request: AnyRequest, pages: NeedPages, services: NeedServices, guests: NeedGuests
) -> Response[bytes]:
    """Goes on to the same page whether the address has an account or not: which of them it is, the mail says."""
    SignInCookies(services.config).check(request)
    fields = await read_form(request)
    given = typed(fields, "username", "email", "phone", "next")
    onward, caller = next_page(given["next"]), caller_of(request)
    if caller.user is not None:
        return to(_after(onward))
    try:
        wish = Wish(
            given["username"], given["email"], fields.text("password") or "", given["phone"],
            pages.ui(request).language, "" if onward == "/" else onward,
        )  # fmt: skip
        await services.people.register(wish, caller.owner, place_of(request, guests))
    except ParleyError as error:
        return draw(request, pages, FORM, error=error, beside=FIELDS, given=given, next=onward)
    # By this cookie the link knows the browser again, and the chats that are to come along.
    return to("/register/sent", guests.cookie(request, caller.owner))


@page("/register/sent", sync_to_thread=False)
def sent(request: AnyRequest, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    return draw(request, pages, "account/sent.html", kind="register", outbox=services.config.mail == "outbox")


class _Judges:
    busy = 0


@post("/register/strength", status_code=200)
async def judge(request: AnyRequest, pages: NeedPages) -> Response[bytes]:
    """A fragment for the field in which a password is being written; it is neither kept nor logged."""
    fields = await read_form(request)
    password = fields.text("password") or ""
    own = [text for name in ("username", "email") if (text := fields.text(name))]
    if len(password) > 4 * MOST or any(len(text) > 4 * MOST for text in own):
        raise TooLong("text_too_long", characters=MOST)
    if _Judges.busy >= JUDGES:
        return Response(b"", status_code=204, headers=NO_STORE)
    _Judges.busy += 1
    try:
        found = await in_thread(strength, password, own) if password else None
    finally:
        _Judges.busy -= 1
    hint = words(found.hint, {"least": LEAST, "most": MOST}, pages.ui(request).language) if found and found.hint else ""
    response = pages.page(request, "account/_strength.html", strength=found, hint=hint)
    response.headers.update(NO_STORE)
    return response


@page("/confirm/{token:str}")
async def asked(request: AnyRequest, token: PathId, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    """What the mail links to. Nothing is used up here: mail programs open links by themselves."""
    return await _confirm(request, token, pages, services, next_page(request.query_params.get("next")))


@post("/confirm/{token:str}", status_code=303)
async def confirm(
    request: AnyRequest, token: PathId, pages: NeedPages, services: NeedServices, guests: NeedGuests
) -> Response[bytes]:
    """Makes the account and signs in. With another `username` or `phone` when somebody was faster with it."""
    SignInCookies(services.config).check(request)
    fields = await read_form(request)
    given = typed(fields, "username", "phone", "next")
    onward = next_page(given.pop("next"))
    try:
        signed = await services.people.confirm(
            token,
            caller_of(request).owner,
            place_of(request, guests),
            password=fields.text("password") or "",
            username=given["username"],
            phone=fields.text("phone"),
        )
    except ParleyError as error:
        return await _confirm(request, token, pages, services, onward, error, given)
    if (before := caller_of(request).session) is not None:  # this browser's last one, which nobody could reach again
        await services.people.sign_out(before, place_of(request, guests))
    return let_in(request, services, guests, signed, _after(onward), done="welcome" if onward == "/" else "open")


def _after(onward: str) -> str:
    """Return where to go on: who came from nowhere in particular looks at what an account is."""
    return "/account" if onward == "/" else onward


async def _confirm(
    request: AnyRequest,
    token: str,
    pages: Pages,
    services: Services,
    onward: str,
    error: ParleyError | None = None,
    given: Given | None = None,
) -> Response[bytes]:
    """Ask for no more than is needed: the password in another browser, another name when that one is taken."""
    try:
        waiting = await services.people.waiting(token, caller_of(request).owner)
    except NotFound as gone:
        return draw(request, pages, "account/link_gone.html", error=gone, again="/register")
    wanted = {"password": waiting.needs_password, "username": False, "phone": False}
    shown = Given(username=waiting.username, phone=waiting.phone)
    shown.update({name: text for name, text in (given or {}).items() if text})
    for name in ("username", "phone"):
        beside = error is not None and error.detail.get("field") == name
        wanted[name] = beside or bool(given and given[name])
    fields = tuple(name for name, is_wanted in wanted.items() if is_wanted)
    return draw(
        request, pages, CONFIRM, error=error, beside=fields, given=shown, token=token, waiting=waiting, asked=wanted,
        next=onward,
    )  # fmt: skip


ROUTES: list[ControllerRouterHandler] = [form, register, sent, judge, asked, confirm]
