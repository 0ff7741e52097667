"""What the pages of accounts share: a form drawn again with what was wrong beside its field, and ways to go on."""

from typing import Any
from urllib.parse import urlsplit

from litestar import Request, Response
from litestar.datastructures import Cookie

from domain.desk import SignedIn
from domain.errors import BadInput, ParleyError, TooLong
from infra.wiring import Services
from web.browsers import browser_cookie
from web.callers import csrf_of
from web.error_words import words
from web.errors import retry_after, status_of
from web.forms import Form
from web.i18n import N_, gettext, reading
from web.render import Pages
from web.routes.settings import same_site_path
from web.session import Guests
from web.sign_in_cookies import SignInCookies

AnyRequest = Request[Any, Any, Any]
NO_STORE = {"cache-control": "no-store"}
SHOWN_AGAIN = 1_000  # characters of a field; more is not sent back
# Told by the address after a change, since a page that was posted to asks to be sent again when it is reloaded.
DONE = {
    "welcome": N_("Your account is open. Make recovery codes while you are here."),
    "open": N_("Your account is open."),
    "signed-out": N_("You are signed out."),
    "recovered": N_("The new password is set. Sign in with it."),
    "email-sent": N_("We have written to the new address. Open the link in that mail."),
    "email": N_("The e-mail address is changed."),
    "phone": N_("The phone number is saved."),
    "password": N_("The password is changed. Every other session has ended."),
    "question": N_("The question is saved."),
    "ended": N_("That session has ended."),
    "others": N_("Every other session has ended."),
    "deleted": N_("The account is going to be erased in seven days."),
    "source-added": N_("It is on the list, and read as soon as there is time."),
    "source-changed": N_("The source is changed."),
    "file-kept": N_("It is among your files."),
    "file-permanent": N_("It is kept for good."),
    "file-back": N_("The file is back."),
    "chat-saved": N_("The conversation is among your files."),
    "plan-changed": N_("The change is noted."),
    "plan-cancelled": N_("The membership is cancelled. Nothing more is taken."),
    "plan-kept": N_("Your membership goes on."),
    "refunded": N_("The money is on its way back."),
    "coupon-kept": N_("The coupon is kept."),
    "kept": N_("The account was to be erased. You are back, so it stays."),
}
DOORS = ("/sign-in/", "/register/", "/confirm/", "/recover/", "/account/prove/")
# Whose business it is to be answered elsewhere than on the form.
_ELSEWHERE = {"sign_in_first", "csrf_bad", "https_needed"}


class Given(dict[str, str]):
    """What was sent, to be shown again; nothing for what was not. Passwords are never put in."""

    def __missing__(self, name: str) -> str:
        return ""


def typed(form: Form, *names: str) -> Given:
    """Return fields as they were sent. Raises TooLong for one that nobody types."""
    found = Given()
    for name in names:
        text = form.text(name) or ""
        if len(text) > SHOWN_AGAIN:
            raise TooLong("text_too_long", characters=SHOWN_AGAIN, field=name)
        found[name] = text
    return found


def secret(form: Form, name: str = "password") -> str:
    """Return a password as it was sent: not trimmed, not changed. Raises BadInput for none at all."""
    text = form.text(name) or ""
    if not text:
        raise BadInput("field_empty", field=name)
    return text


def draw(
    request: AnyRequest,
    pages: Pages,
    template: str,
    *,
    error: ParleyError | None = None,
    beside: tuple[str, ...] = (),
    given: Given | None = None,
    **context: Any,
) -> Response[bytes]:
    """Return a page that nobody keeps; with an error, the form again, its words beside one of the fields `beside`.

    What the form cannot say is raised again.
    """
    if error is not None and (error.code in _ELSEWHERE or (status_of(error) >= 500 and error.code != "sign_in_busy")):
        raise error
    language = pages.ui(request).language
    wrong: dict[str, str] = {}
    if error is not None:
        field = str(error.detail.get("field", ""))
        wrong[field if field in beside else ""] = words(error.code, error.detail, language)
    with reading(language):
        done = gettext(DONE.get(request.query_params.get("done", ""), ""))
    response = pages.page(
        request,
        template,
        status_code=200 if error is None else status_of(error),
        wrong=wrong,
        given=given if given is not None else Given(),
        done=done,
        csrf=csrf_of(request),
        **context,
    )
    response.headers.update(NO_STORE)
    if error is not None and (wait := retry_after(error)):
        response.headers["retry-after"] = wait
    return response


def to(address: str, *cookies: Cookie, done: str = "") -> Response[bytes]:
    """Go on to a page of ours, saying there what was done."""
    page, mark, place = address.partition("#")
    query = f"{'&' if '?' in page else '?'}done={done}" if done else ""
    response = Response(b"", status_code=303, headers={"location": page + query + mark + place, **NO_STORE})
    for cookie in cookies:
        response.set_cookie(cookie)
    return response


def let_in(
    request: AnyRequest, services: Services, guests: Guests, signed: SignedIn, address: str, done: str = ""
) -> Response[bytes]:
    """Go on as somebody who is signed in now."""
    cookies = SignInCookies(services.config).of(request, signed.fresh)
    if signed.browser:
        cookies.append(browser_cookie(request, guests, signed.browser))
    return to(address, *cookies, done=done)


def next_page(text: str | None) -> str:
    """Return where to go on: a page of ours, but none that a sign-in would lead around in circles."""
    path = same_site_path(text or "/")
    circles = f"{urlsplit(path).path}/".startswith(DOORS)
    return "/" if circles or len(path) > SHOWN_AGAIN else path


def came_from(request: AnyRequest) -> str:
    """Return the page that a fragment is for, as `next_page` would have it."""
    try:
        parts = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return "/"
    return next_page(parts.path + (f"?{parts.query}" if parts.query else ""))
