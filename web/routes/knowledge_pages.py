"""What is known: one page as it was extracted, and a search that says why each passage is where it is."""

from asyncio import to_thread as in_thread
from datetime import UTC, datetime
from typing import Any, get_args

from litestar import Request, Response
from litestar.types import ControllerRouterHandler

from domain.errors import BadInput, ParleyError, TooLong
from domain.knowledge.model import Filter, Mode, Shelf, shelves_for
from domain.knowledge.rights import Who, member
from domain.knowledge.shelves import Shelves
from infra.wiring import Services
from web.account_pages import Given, draw
from web.callers import caller_of
from web.i18n import reading
from web.knowledge_limits import may_search
from web.knowledge_pages import (
    MODE_WORDS,
    PAGE_WORDS,
    SHOWN_TEXT,
    Place,
    home_of,
    page_state,
    places,
    stretches,
)
from web.needs import NeedPages, NeedServices, NeedShelves, PathId, page
from web.routes.knowledge import named, words_of_pages

AnyRequest = Request[Any, Any, Any]
QUERY_MOST, SITE_MOST, RESULTS = 1_000, 253, 10
FIELDS = ("q", "site", "language", "since", "mode")
MODES: tuple[Mode, ...] = get_args(Mode)


@page("/knowledge/pages/{page_id:str}")
async def preview(
    request: AnyRequest, page_id: PathId, pages: NeedPages, services: NeedServices, shelves: NeedShelves
) -> Response[bytes]:
    found = await in_thread(shelves.page, caller_of(request).user, page_id)
    persona = await named(services, found.source.shelf.persona)
    text = found.page.version.text if found.page.version else ""
    return draw(
        request, pages, "knowledge/page.html", page=found.page, source=found.source, persona=persona,
        stretches=stretches(text, found.chunks), chunks=len(found.chunks), cut=len(text) > SHOWN_TEXT,
        state=page_state(found.page), page_states=PAGE_WORDS, home=home_of(found.source), **words_of_pages(),
    )  # fmt: skip


@page("/knowledge/search")
async def search(
    request: AnyRequest, pages: NeedPages, services: NeedServices, shelves: NeedShelves
) -> Response[bytes]:
    """`?q=` is what is asked, `character=` whose shelves; `mode=`, `site=`, `language=`, `since=` as they say."""
    given = Given({name: (request.query_params.get(name) or "")[: QUERY_MOST + 1] for name in FIELDS})
    who, error, found, deaf = caller_of(request).user, None, None, False
    persona = await named(services, request.query_params.get("character") or "")
    try:
        mode, only = _asked(given, _shelves(who, persona.id if persona else ""))
        if given["q"].strip():
            found, deaf = await _found(request, pages, services, shelves, who, given["q"], only, mode)
    except ParleyError as problem:
        error, mode = problem, "hybrid"
    return draw(
        request, pages, "knowledge/search.html", error=error, beside=FIELDS, given=given, persona=persona,
        card=persona.card(pages.ui(request).language) if persona else None, found=found, mode=mode, modes=MODE_WORDS,
        home=f"/characters/{persona.id}/knowledge" if persona else "/knowledge", filtered=_filtered(given), deaf=deaf,
    )  # fmt: skip


async def _found(
    request: AnyRequest, pages: Any, services: Services, shelves: Shelves, who: Who, text: str, only: Filter,
    mode: Mode,
) -> tuple[list[Place], bool]:  # fmt: skip
    """Return the places, and whether words alone had to do though more was asked for."""
    if len(text) > QUERY_MOST:
        raise TooLong("text_too_long", characters=QUERY_MOST, field="q")
    if "\0" in text:
        raise BadInput("text_unreadable", field="q")
    await may_search(request, services)
    answer = await shelves.search(who, text.encode(errors="replace").decode(), only, mode, RESULTS)
    with reading(pages.ui(request).language):
        return places(answer.passages, answer.mode), answer.mode != mode


def _shelves(who: Who, persona: str) -> tuple[Shelf, ...]:
    owner = who.id if who is not None and member(who) else ""
    return shelves_for(owner, persona) if persona else ((Shelf(owner, ""),) if owner else ())


def _asked(given: Given, shelves: tuple[Shelf, ...]) -> tuple[Mode, Filter]:
    """Raises BadInput with its field."""
    mode = next((each for each in MODES if each == (given["mode"] or "hybrid")), None)
    if mode is None:
        raise BadInput("form_bad", field="mode")
    site, language = given["site"].strip().lower(), given["language"].strip().lower()
    if len(site) > SITE_MOST or not site.isprintable():
        raise BadInput("form_bad", field="site")
    if language and not (language.isascii() and language.isalpha() and len(language) in (2, 3)):
        raise BadInput("form_bad", field="language")
    try:
        since = datetime.strptime(given["since"], "%Y-%m-%d").replace(tzinfo=UTC) if given["since"] else None
    except ValueError as error:
        raise BadInput("form_bad", field="since") from error
    return mode, Filter(shelves=shelves, site=site, language=language, since=since)


def _filtered(given: Given) -> bool:
    return any(given[name] for name in ("site", "language", "since"))


ROUTES: list[ControllerRouterHandler] = [search, preview]
