"""Changes of an account, one form for each: the password, the address, the number, the extra question."""

from typing import Any

from litestar import Request, Response, post
from litestar.types import ControllerRouterHandler

from domain.errors import NotAllowed, NotFound, ParleyError
from web.account_pages import Given, draw, let_in, secret, to, typed
from web.browsers import place_of
from web.callers import caller_of, signed_in
from web.forms import read_form
from web.needs import NeedGuests, NeedPages, NeedServices, PathId, page
from web.render import Pages
from web.routes.account import or_prove, to_prove, too_late

AnyRequest = Request[Any, Any, Any]
FIELDS = {
    "password": ("old", "password"),
    "email": ("email",),
    "phone": ("phone",),
    "question": ("question", "answer"),
}


@page("/account/password", role="user", sync_to_thread=False)
def password_form(request: AnyRequest, pages: NeedPages) -> Response[bytes]:
    return _form(request, pages, "password")


@post("/account/password", status_code=303, role="user")
async def password(
    request: AnyRequest, pages: NeedPages, services: NeedServices, guests: NeedGuests
) -> Response[bytes]:
    fields = await read_form(request)
    try:
        old, new = secret(fields, "old"), secret(fields)
        signed = await services.people.change_password(signed_in(request).session, old, new, place_of(request, guests))
    except ParleyError as error:
        if error.code == "password_wrong":  # the field that it is about is called otherwise here
            error.detail["field"] = "old"
        return _form(request, pages, "password", error)
    return let_in(request, services, guests, signed, "/account", done="password")


@page("/account/email", role="user", sync_to_thread=False)
def email_form(request: AnyRequest, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    if too_late(services, signed_in(request).session):
        return to_prove("/account/email")
    return _form(request, pages, "email")


@post("/account/email", status_code=303, role="user")
async def email(request: AnyRequest, pages: NeedPages, services: NeedServices, guests: NeedGuests) -> Response[bytes]:
    """Goes on to the same page whether the new address has an account or not."""
    given = typed(await read_form(request), "email")
    try:
        await services.people.change_email(signed_in(request).session, given["email"], place_of(request, guests))
    except ParleyError as error:
        return _refused(request, pages, "email", error, given)
    return to("/account", done="email-sent")


@page("/account/email/{token:str}", sync_to_thread=False)
def email_link(request: AnyRequest, token: PathId, pages: NeedPages) -> Response[bytes]:
    """What the mail links to, opened wherever the mail is read. Nothing is used up here."""
    return draw(request, pages, "account/email_confirm.html", token=token)


@post("/account/email/{token:str}", status_code=303)
async def confirm_email(
    request: AnyRequest, token: PathId, pages: NeedPages, services: NeedServices, guests: NeedGuests
) -> Response[bytes]:
    try:
        await services.people.confirm_email(token, place_of(request, guests))
    except NotFound as gone:
        return draw(request, pages, "account/link_gone.html", error=gone, again="/account/email")
    except ParleyError as error:
        return draw(request, pages, "account/email_confirm.html", error=error, token=token)
    return to("/account" if caller_of(request).user is not None else "/sign-in", done="email")


@page("/account/phone", role="user", sync_to_thread=False)
def phone_form(request: AnyRequest, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    who = signed_in(request)
    if too_late(services, who.session):
        return to_prove("/account/phone")
    return _form(request, pages, "phone", given=Given(phone=who.user.phone or ""))


@post("/account/phone", status_code=303, role="user")
async def phone(request: AnyRequest, pages: NeedPages, services: NeedServices, guests: NeedGuests) -> Response[bytes]:
    given = typed(await read_form(request), "phone")
    try:
        await services.people.set_phone(signed_in(request).session, given["phone"], place_of(request, guests))
    except ParleyError as error:
        return _refused(request, pages, "phone", error, given)
    return to("/account", done="phone")


@page("/account/question", role="user", sync_to_thread=False)
def question_form(request: AnyRequest, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    """Only where the operator has it on."""
    if services.config.security_question == "off":
        raise NotFound("question_off")
    if too_late(services, signed_in(request).session):
        return to_prove("/account/question")
    return _form(request, pages, "question")


@post("/account/question", status_code=303, role="user")
async def question(
    request: AnyRequest, pages: NeedPages, services: NeedServices, guests: NeedGuests
) -> Response[bytes]:
    """An empty question takes it away."""
    given = typed(await read_form(request), "question", "answer")
    asked, answer = given["question"], given.pop("answer")
    try:
        await services.people.set_question(signed_in(request).session, asked, answer, place_of(request, guests))
    except ParleyError as error:
        return _refused(request, pages, "question", error, given)
    return to("/account", done="question")


def _refused(request: AnyRequest, pages: Pages, what: str, error: ParleyError, given: Given) -> Response[bytes]:
    if isinstance(error, NotAllowed) and error.code == "prove_first":
        return or_prove(error, f"/account/{what}")
    return _form(request, pages, what, error, given)


def _form(
    request: AnyRequest, pages: Pages, what: str, error: ParleyError | None = None, given: Given | None = None
) -> Response[bytes]:
    return draw(
        request, pages, "account/change.html", error=error, beside=FIELDS[what], given=given, what=what,
        user=signed_in(request).user,
    )  # fmt: skip


ROUTES: list[ControllerRouterHandler] = [
    password_form,
    password,
    email_form,
    email,
    email_link,
    confirm_email,
    phone_form,
    phone,
    question_form,
    question,
]
