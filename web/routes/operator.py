"""What the calls of the models cost, for whoever runs this: days, kinds, turns, and the calls of one turn."""

import re
from asyncio import to_thread as in_thread
from datetime import UTC, datetime, timedelta
from typing import Any

from litestar import Request, Response, post

from domain.audit import Action, happened
from domain.errors import BadInput, NotFound
from web import figures
from web.callers import caller_of
from web.forms import read_form, whole
from web.i18n import N_
from web.needs import NeedOperators, NeedPages, NeedServices, PathId, page
from web.render import Pages
from web.visitors import place

AnyRequest = Request[Any, Any, Any]
PERIODS = (7, 30, 90)  # days
NEWEST = 8
PAGE = 50
NO_STORE = {"cache-control": "no-store"}
KINDS = {
    "asr": N_("Speech recognition"),
    "llm": N_("Language model"),
    "tts": N_("Speech synthesis"),
    "embed": N_("Embedding"),
}
OUTCOMES = {"done": N_("done"), "stopped": N_("stopped"), "failed": N_("failed")}
RUNTIMES = {"inline": N_("in this process"), "local": N_("local containers"), "modal": N_("Modal")}
CLASSES = {"own": N_("this machine, no charge"), "endpoint": N_("LLM endpoint, by the token")}
WORDS = {**KINDS, **OUTCOMES, **RUNTIMES, **CLASSES}
_MOMENT = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z", re.ASCII)


@page("/operator", sync_to_thread=True)
def overview(
    request: AnyRequest, operators: NeedOperators, services: NeedServices, pages: NeedPages
) -> Response[bytes]:
    """Days of UTC, the newest first; the sums are of the same days."""
    if not operators.welcome(request):
        return _to("/operator/sign-in")
    period = whole(request.query_params.get("days"), "days", 30)
    if period not in PERIODS:
        raise BadInput("form_bad", field="days")
    today = services.clock.now().astimezone(UTC).date()
    since = today - timedelta(days=period - 1)
    return _page(
        request,
        pages,
        "operator/page.html",
        keyed=operators.keyed,
        period=period,
        periods=PERIODS,
        days=services.ledger.days(since),
        sums=services.ledger.sums(since, today),
        turns=services.ledger.turns(NEWEST),
    )


@page("/operator/turns", sync_to_thread=True)
def turns(request: AnyRequest, operators: NeedOperators, services: NeedServices, pages: NeedPages) -> Response[bytes]:
    """Every turn, page by page: `before` is when the last one of the page before began."""
    if not operators.welcome(request):
        return _to("/operator/sign-in")
    before = _moment(request.query_params.get("before"))
    found = services.ledger.turns(PAGE + 1, before)
    older = f"{found[PAGE - 1].at:%Y-%m-%dT%H:%M:%S.%fZ}" if len(found) > PAGE else ""
    return _page(
        request, pages, "operator/turns.html", keyed=operators.keyed, turns=found[:PAGE], older=older, first=not before
    )


@page("/operator/turns/{turn_id:str}", sync_to_thread=True)
def turn(
    request: AnyRequest, turn_id: PathId, operators: NeedOperators, services: NeedServices, pages: NeedPages
) -> Response[bytes]:
    if not operators.welcome(request):
        return _to("/operator/sign-in")
    calls = services.ledger.turn(turn_id)
    if not calls:
        raise NotFound("costs_gone")
    began = calls[0].at
    starts = [(call.at - began) // timedelta(milliseconds=1) for call in calls]
    lasted = max(start + call.engine_ms for start, call in zip(starts, calls, strict=True))
    rows = list(zip(calls, starts, strict=True))
    return _page(
        request, pages, "operator/turn.html", keyed=operators.keyed, turn_id=turn_id, rows=rows, lasted=lasted
    )


@page("/operator/sign-in", sync_to_thread=False)
def door(request: AnyRequest, operators: NeedOperators, pages: NeedPages) -> Response[bytes]:
    if operators.welcome(request):
        return _to("/operator")
    return _page(request, pages, "operator/door.html", wrong=False)


@post("/operator/sign-in", status_code=303)
async def sign_in(
    request: AnyRequest, operators: NeedOperators, services: NeedServices, pages: NeedPages
) -> Response[bytes]:
    """Written down before the answer, right or wrong: who guesses is let through five times a minute."""
    key = (await read_form(request)).text("key") or ""
    right = operators.try_key(request, key)
    action: Action = "operator_signed_in" if right else "operator_failed"
    user = caller_of(request).user
    event = happened(action, services.clock.now(), user.id if user else "system", address=place(request).about)
    await services.members.audit_writer.record(event)
    if not right:
        return await in_thread(_page, request, pages, "operator/door.html", 403, wrong=True)
    response = _to("/operator")
    response.set_cookie(operators.cookie(request))
    return response


@post("/operator/sign-out", status_code=303)
async def sign_out(request: AnyRequest, operators: NeedOperators) -> Response[bytes]:
    if not operators.keyed:
        raise NotFound("page_gone")
    response = _to("/operator/sign-in")
    response.set_cookie(operators.no_cookie(request))
    return response


def _page(
    request: AnyRequest, pages: Pages, template: str, status_code: int = 200, **context: object
) -> Response[bytes]:
    """Nothing of this is kept on the way or in the browser."""
    response = pages.page(
        request, template, shared=False, status_code=status_code, words=WORDS, figures=figures, **context
    )
    response.headers.update(NO_STORE)
    return response


def _to(address: str) -> Response[bytes]:
    return Response(b"", status_code=303, headers={"location": address, **NO_STORE})


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text if _MOMENT.match(text) else "")
    except ValueError as error:
        raise BadInput("form_bad", field="before") from error
