"""A shelf of knowledge: what a character reads for everybody, what it reads for one alone, and giving it more."""

import re
from asyncio import to_thread as in_thread
from typing import Any

from litestar import Request, Response, post
from litestar.types import ControllerRouterHandler

from domain.errors import BadInput, Conflict, NeedsMembership, NotAllowed, NotFound, ParleyError
from domain.knowledge.model import PERSONA_ID, Shelf, Source
from domain.knowledge.rights import Who, may_change, member
from domain.knowledge.shelves import Shelves
from domain.knowledge.wishes import KINDS, Wish
from domain.persona import Persona
from infra.wiring import Services
from web.account_pages import Given, draw, to, typed
from web.callers import caller_of, signed_in
from web.forms import Form, read_form, whole
from web.knowledge_limits import may_give
from web.knowledge_pages import (
    EXAMPLE,
    HOUR_WORDS,
    KIND_WORDS,
    MODE_WORDS,
    SOURCES,
    STATE_WORDS,
    Section,
    addable,
    code_words,
    home_of,
    skip_name,
    whose,
)
from web.met import met
from web.needs import NeedPages, NeedServices, NeedShelves, PathId, page
from web.render import Pages

AnyRequest = Request[Any, Any, Any]
SOON_S = 3
SOURCE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
FIELDS = ("url", "kind", "title", "include", "exclude", "depth", "max_pages", "hours")
PATTERNS_TYPED = 20 * 202  # characters of a field with a pattern on each line


@page("/characters/{slug:str}/knowledge")
async def of_character(
    request: AnyRequest, slug: PathId, pages: NeedPages, services: NeedServices, shelves: NeedShelves
) -> Response[bytes]:
    """`?removed=` is a source that was just removed, which can be brought back; `?everybody=` and `?mine=` are how many
    sources of each shelf to skip.
    """
    persona = await in_thread(services.personas.get, slug)
    return await _shelf(request, pages, services, shelves, persona)


@page("/knowledge")
async def own(
    request: AnyRequest, pages: NeedPages, services: NeedServices, shelves: NeedShelves
) -> Response[bytes]:
    return await _shelf(request, pages, services, shelves, None)


@post("/knowledge/sources", status_code=303, role="user")
async def add(
    request: AnyRequest, pages: NeedPages, services: NeedServices, shelves: NeedShelves
) -> Response[bytes]:
    """`character` is empty for all of them, `everybody` is 1 for the character's own shelf."""
    who, form = signed_in(request).user, await read_form(request)
    persona = await named(services, form.text("character") or "")
    everybody = form.flag("everybody")
    if everybody and persona is None:
        raise BadInput("form_bad", field="everybody")
    shelf = Shelf("" if everybody else who.id, persona.id if persona else "")
    await in_thread(shelves.allowed, who, shelf)
    try:
        given = kept(form)
        wish = wish_of(form)
        await may_give(request, services)
        made = await in_thread(shelves.add, who, shelf, wish)
    except (NotAllowed, NotFound):
        raise
    except ParleyError as error:
        if isinstance(error, Conflict) and error.code != "pages_full":
            error.detail["field"] = "url"
        given = kept(form, strict=False)
        return await _shelf(request, pages, services, shelves, persona, error, given, everybody)
    return to(await in_thread(_where, shelves, who, made.source), done="source-added")


async def named(services: Services, persona_id: str) -> Persona | None:
    """Raises NotFound("character_gone")."""
    if not persona_id:
        return None
    if not PERSONA_ID.match(persona_id):
        raise NotFound("character_gone")
    return await in_thread(services.personas.get, persona_id)


def wish_of(form: Form) -> Wish:
    """Raises BadInput, TooLong with the name of the field."""
    return Wish(
        url=form.text("url") or "", kind=form.text("kind") or "", title=form.text("title") or "",
        include=_lines(form, "include"), exclude=_lines(form, "exclude"),
        depth=_number(form, "depth"), max_pages=_number(form, "max_pages"), hours=_number(form, "hours"),
    )  # fmt: skip


def kept(form: Form, strict: bool = True) -> Given:
    """Return the form to be shown again; not `strict`, without what nobody types."""
    if strict:
        return typed(form, *FIELDS)
    found = Given()
    for name in FIELDS:
        try:
            text = form.text(name) or ""
        except ParleyError:
            continue
        if len(text) <= PATTERNS_TYPED:
            found[name] = text
    return found


def words_of_pages() -> dict[str, Any]:
    """What templates need to say how things are. `wait`: seconds after which one that waits is asked for again."""
    words = {"states": STATE_WORDS, "kinds": KIND_WORDS, "intervals": HOUR_WORDS}
    return {**words, "code_words": code_words, "wait": SOON_S}


async def _shelf(
    request: AnyRequest,
    pages: Pages,
    services: Services,
    shelves: Shelves,
    persona: Persona | None,
    error: ParleyError | None = None,
    given: Given | None = None,
    everybody: bool = False,
) -> Response[bytes]:
    who = caller_of(request).user
    skip = {name: max(0, whole(request.query_params.get(name), name, 0)) for name in ("everybody", "mine")}
    sections = await in_thread(_sections, shelves, who, persona, skip)
    elsewhere = await in_thread(_elsewhere, services, shelves, who) if persona is None else []
    removed = await in_thread(_removed, shelves, who, request.query_params.get("removed", ""))
    needs = error if isinstance(error, NeedsMembership) else None
    if needs is None and who is not None and not member(who):
        needs = await in_thread(shelves.refusal, who, Shelf(who.id, persona.id if persona else ""))
    language, plan_of = pages.ui(request).language, services.selling.plan_of
    return draw(
        request, pages, "knowledge/shelf.html", error=error, beside=FIELDS, given=given, persona=persona,
        card=persona.card(pages.ui(request).language) if persona else None, sections=sections,
        addable=addable(who, persona), everybody=everybody, elsewhere=elsewhere, member=member(who), who=who,
        kinds_known=KINDS, example=EXAMPLE, modes=MODE_WORDS, removed=removed,
        met=met(needs.code, needs.detail, language, services.clock.now(), plan_of) if needs is not None else None,
        **{**words_of_pages(), "wait": max(SOON_S, _waiting(sections))},
    )  # fmt: skip


def _waiting(sections: list[Section]) -> int:
    """Return how many wait: so many seconds between two questions of each make one question a second."""
    return sum(row.state == "waiting" for section in sections for row in section.rows)


def _sections(shelves: Shelves, who: Who, persona: Persona | None, skip: dict[str, int]) -> list[Section]:
    found = []
    for shelf in whose(who, persona):
        begin = skip[skip_name(shelf)]
        rows = shelves.on(who, shelf, begin, SOURCES + 1)
        live, _, pending = shelves.totals(who, shelf)
        if rows or begin or not shelf.owner or member(who):
            more = len(rows) > SOURCES
            found.append(Section(shelf, rows[:SOURCES], live, pending, may_change(who, shelf), begin, more))
    return found


def _removed(shelves: Shelves, who: Who, source_id: str) -> Source | None:
    """Return what the page offers to bring back: only what is there, since a form is made of the id."""
    if not SOURCE_ID.match(source_id):
        return None
    try:
        source = shelves.removed(who, source_id)
    except NotFound:
        return None
    return source if may_change(who, source.shelf) else None


def _elsewhere(services: Services, shelves: Shelves, who: Who) -> list[tuple[Persona, int]]:
    """Return the characters who have something of one's own to read, and how many sources."""
    if who is None:
        return []
    counted: dict[str, int] = {}
    for source in shelves.owned(who):
        counted[source.shelf.persona] = counted.get(source.shelf.persona, 0) + 1
    return [(each, counted[each.id]) for each in services.personas.all() if each.id in counted]


def _lines(form: Form, name: str) -> tuple[str, ...]:
    return tuple((form.text(name) or "").split("\n"))


def _number(form: Form, name: str) -> int | None:
    text = (form.text(name) or "").strip()
    return whole(text, name, 0) if text else None


def _where(shelves: Shelves, who: Who, source: Source) -> str:
    """Return the address of the page of the shelf that has this source on it."""
    skip = shelves.before(who, source) // SOURCES * SOURCES
    return home_of(source) + (f"?{skip_name(source.shelf)}={skip}" if skip else "")


ROUTES: list[ControllerRouterHandler] = [of_character, own, add]
