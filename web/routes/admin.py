"""Pages of admins: the people, the audit log, and how everything is. For anybody else they are not there."""

import re
from asyncio import to_thread as in_thread
from datetime import UTC, timedelta
from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response, post
from litestar.types import ControllerRouterHandler

from domain.audit import happened
from domain.errors import BadInput, NotAllowed, Unavailable
from domain.people import ROLES
from infra.wiring import Services
from web.account_pages import NO_STORE, to
from web.admin_words import ACTION_WORDS, ACTIONS, ROLE_WORDS
from web.browsers import place_of
from web.callers import signed_in
from web.detail_words import details
from web.error_words import words
from web.forms import Form, read_form, whole
from web.i18n import N_, gettext, reading
from web.membership_pages import namer
from web.needs import NeedGuests, NeedPages, NeedServices, PathId, page
from web.render import Pages
from web.routes.account import or_prove

AnyRequest = Request[Any, Any, Any]
PEOPLE, ROWS = 50, 100
MOST_TEXT = 200  # characters of what is searched for
PERIODS = (1, 7, 30, 365)  # days
_ABOUT = re.compile(r"[A-Za-z0-9_:-]{0,80}\Z", re.ASCII)
DONE = {
    "role": N_("The role is changed."),
    "suspended": N_("The account is suspended, and signed out everywhere."),
    "unsuspended": N_("The account is open again."),
}


@page("/admin", role="admin", sync_to_thread=False)
def front() -> Response[bytes]:
    return to("/admin/users")


@page("/admin/users", role="admin")
async def users(request: AnyRequest, pages: NeedPages, services: NeedServices, guests: NeedGuests) -> Response[bytes]:
    """`?q=` is part of a name or an address, or a whole number or id; `?after=` the last account of the page before."""
    here = signed_in(request).session
    asked, after = _short(request, "q"), _short(request, "after")
    found = await services.people.search(here, asked, place_of(request, guests), PEOPLE + 1, after)
    more = urlencode({"q": asked, "after": found[PEOPLE - 1].id}) if len(found) > PEOPLE else ""
    return _draw(
        request, pages, "users", people=found[:PEOPLE], asked=asked, more=more, first=not after, me=here.user_id
    )


@post("/admin/users/{user_id:str}/role", status_code=303, role="admin")
async def role(request: AnyRequest, user_id: PathId, services: NeedServices, guests: NeedGuests) -> Response[bytes]:
    form = await read_form(request)
    wanted = form.text("role")
    if wanted not in ROLES:
        raise BadInput("form_bad", field="role")
    try:
        await services.people.set_role(signed_in(request).session, user_id, wanted, place_of(request, guests))
    except NotAllowed as error:
        return or_prove(error, _back(form))
    return to(_done(form, "role"))


@post("/admin/users/{user_id:str}/suspend", status_code=303, role="admin")
async def suspend(request: AnyRequest, user_id: PathId, services: NeedServices, guests: NeedGuests) -> Response[bytes]:
    """`on=0` lifts it. Nothing more is taken from whoever cannot come in; afterwards they can take that back."""
    form = await read_form(request)
    on = form.flag("on")
    try:
        await services.people.suspend(signed_in(request).session, user_id, place_of(request, guests), on)
    except NotAllowed as error:
        return or_prove(error, _back(form))
    if on:
        await services.selling.till.locked_out(user_id)
    return to(_done(form, "suspended" if on else "unsuspended"))


@page("/admin/audit", role="admin")
async def audit(request: AnyRequest, pages: NeedPages, services: NeedServices, guests: NeedGuests) -> Response[bytes]:
    """`?action=`, `?about=` (an id) and `?days=` filter; `?before=` is the last row of the page before."""
    action, about = _short(request, "action"), _short(request, "about").strip()
    days, before = whole(_short(request, "days"), "days", 0), whole(_short(request, "before"), "before", 0)
    if action and action not in ACTIONS:
        raise BadInput("form_bad", field="action")
    if not _ABOUT.match(about):
        raise BadInput("form_bad", field="about")
    if (days and days not in PERIODS) or before < 0:
        raise BadInput("form_bad", field="days")
    since = services.clock.now().astimezone(UTC) - timedelta(days=days) if days else None
    log, where = services.members.audit, place_of(request, guests)
    found = await in_thread(log.find, action, about, since, before, ROWS + 1)
    read = happened("admin_read", services.clock.now(), signed_in(request).user.id, "audit", where.about)
    await services.members.audit_writer.record(read)  # who looks is seen too
    asked = {"action": action, "about": about, "days": str(days or "")}
    more = urlencode({**asked, "before": found[ROWS - 1].seq}) if len(found) > ROWS else ""
    plan_name = namer(services.selling.plan_of, pages.ui(request).language)
    with reading(pages.ui(request).language):
        rows = [(row, details(row.event.detail, plan_name)) for row in found[:ROWS]]
    return _draw(
        request, pages, "audit", rows=rows, asked=asked, more=more, first=not before, filtered=any(asked.values()),
        actions=ACTIONS, periods=PERIODS,
    )  # fmt: skip


@page("/admin/health", role="admin")
async def health(request: AnyRequest, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    """Says what is broken instead of breaking with it."""
    members, vitals, trouble = services.members, None, ""
    try:
        vitals = await in_thread(members.vitals.look, services.clock.now())
    except Unavailable as error:
        trouble = words(error.code, error.detail, pages.ui(request).language)
    counting = await _counting(services)
    return _draw(
        request, pages, "health", vitals=vitals, trouble=trouble, engines=services.engines.status(),
        ready=services.engines.ready, counting=counting, redis=bool(services.config.redis_url),
        ledger=services.writer, audit_writer=members.audit_writer, mail_kept=services.config.mail == "outbox",
    )  # fmt: skip


async def _counting(services: Services) -> bool:
    """Whether the counters of limits can be read."""
    try:
        await services.members.gate.left("sign_in_address", "health")
    except Unavailable:
        return False
    return True


def _draw(request: AnyRequest, pages: Pages, name: str, **context: Any) -> Response[bytes]:
    with reading(pages.ui(request).language):
        done = gettext(DONE.get(request.query_params.get("done", ""), ""))
    response = pages.page(
        request, f"admin/{name}.html", done=done, roles=ROLE_WORDS, words=ACTION_WORDS,
        user_roles=[each for each in ROLES if each != "guest"], **context,
    )  # fmt: skip
    response.headers.update(NO_STORE)
    return response


def _short(request: AnyRequest, name: str) -> str:
    text = request.query_params.get(name) or ""
    if len(text) > MOST_TEXT:
        raise BadInput("form_bad", field=name)
    return text


def _back(form: Form) -> str:
    """Return the list as it was searched."""
    asked = form.text("q") or ""
    return f"/admin/users?{urlencode({'q': asked[:MOST_TEXT]}, errors='replace')}" if asked else "/admin/users"


def _done(form: Form, done: str) -> str:
    back = _back(form)
    return f"{back}{'&' if '?' in back else '?'}done={done}"


ROUTES: list[ControllerRouterHandler] = [front, users, role, suspend, audit, health]
