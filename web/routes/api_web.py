"""/web: knowledge for programs. Bearer tokens; the same shelves, rules and limits as on the pages.

Docstrings and types are what programs are told at /api/openapi.json.
"""

import re
from asyncio import to_thread as in_thread
from typing import Annotated, Any, TypeVar

from litestar import Request, Response, Router, post
from litestar.params import JSONBody, QueryParameter

from domain.errors import BadInput, NotFound, ParleyError, TooLong, Unavailable
from domain.knowledge.model import Filter, Shelf, shelves_for
from domain.knowledge.rights import Who, member
from domain.knowledge.wishes import Wish
from infra.wiring import Services
from web import api_errors
from web.api_errors import BEARER, refusals
from web.bodies import StrictRequest
from web.callers import caller_of, signed_in
from web.error_words import words
from web.i18n import choose
from web.knowledge_limits import may_give, may_search
from web.knowledge_pages import worth_telling
from web.needs import NeedServices, NeedShelves, PathId, get
from web.routes import api_web_bodies as bodies
from web.routes.api_web_bodies import page_of, passage_of, refused, source_of
from web.routes.knowledge import named

AnyRequest = Request[Any, Any, Any]
Told = TypeVar("Told")
NO_STORE = {"cache-control": "no-store"}
PAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
WORD_MOST = 253  # characters of a host name; a language has fewer


@post("/search", status_code=200, responses=refusals(401, 404), security=[*BEARER, {}])
async def search(
    request: AnyRequest, data: JSONBody[bodies.Search], services: NeedServices, shelves: NeedShelves
) -> Response[bodies.Found]:
    """Find passages in the pages that the caller may read; without a token, in those of the characters."""
    who = caller_of(request).user
    if not data.query.strip():
        raise BadInput("field_empty", field="query")
    if len(data.query) > bodies.MOST_QUERY:
        raise TooLong("text_too_long", characters=bodies.MOST_QUERY, field="query")
    for name in ("site", "language"):
        if len(getattr(data, name)) > WORD_MOST:
            raise BadInput("form_bad", field=name)
    readable = await _readable(services, who, data.character)
    await may_search(request, services)
    only = Filter(shelves=readable, site=data.site, language=data.language, since=data.since, until=data.until)
    answer = await shelves.search(who, data.query, only, data.mode, data.limit)
    return _json(bodies.Found(answer.mode, [passage_of(each) for each in worth_telling(answer.passages)]))


@post("/ingest", status_code=202, role="user", responses=refusals(401, 402, 403, 404, 409), security=BEARER)
async def ingest(
    request: AnyRequest, data: JSONBody[bodies.Ingest], services: NeedServices, shelves: NeedShelves
) -> Response[bodies.OneSource]:
    """Give an address. It is queued; ask for the source to see how far it is.

    For members; on a character's own shelf for admins.
    """
    who = signed_in(request).user
    shelf = await _shelf(services, who, data.character, data.everybody)
    wish = Wish(
        url=data.url, kind=data.kind, title=data.title, include=data.include, exclude=data.exclude,
        depth=data.depth, max_pages=data.max_pages, hours=data.hours,
    )  # fmt: skip
    await may_give(request, services)
    return _json(source_of(await in_thread(shelves.add, who, shelf, wish)), 202)


@post("/bulk_ingest", status_code=202, role="user", responses=refusals(401, 402, 403, 404), security=BEARER)
async def bulk_ingest(
    request: AnyRequest, data: JSONBody[bodies.BulkIngest], services: NeedServices, shelves: NeedShelves
) -> Response[bodies.Ingested]:
    """Give many addresses of single pages; each is taken or refused by itself.

    For members; on a character's own shelf for admins.
    """
    who = signed_in(request).user
    shelf = await _shelf(services, who, data.character, data.everybody)
    await in_thread(shelves.allowed, who, shelf)
    language = choose(None, request.headers.get("accept-language"))
    items = []
    for url in data.urls:
        try:
            await may_give(request, services)
            made = await in_thread(shelves.add, who, shelf, Wish(url=url, kind="page"))
            items.append(bodies.Item(url, made.source.id, made.state, None))
        except Unavailable:
            raise  # the next would fare no better
        except ParleyError as error:
            items.append(refused(url, error, words(error.code, error.detail, language)))
    return _json(bodies.Ingested(items), 202)


@get("/sources/{source_id:str}", responses=refusals(401, 404), security=[*BEARER, {}])
async def source(request: AnyRequest, source_id: PathId, shelves: NeedShelves) -> Response[bodies.OneSource]:
    """How a source is doing."""
    return _json(source_of(await in_thread(shelves.source, caller_of(request).user, source_id)))


@get("/page", responses=refusals(401, 404, 429), security=[*BEARER, {}])
async def page(
    request: AnyRequest,
    services: NeedServices,
    shelves: NeedShelves,
    page_id: Annotated[str, QueryParameter(name="id", description="A page's id, as searches tell it.")] = "",
    url: Annotated[str, QueryParameter(description="Or its address.")] = "",
    character: Annotated[str, QueryParameter(description="Whose pages to look for the address in.")] = "",
) -> Response[bodies.OnePage]:
    """What was extracted from a page, with its text. Counted as a search: an address is looked for in many sources."""
    await may_search(request, services)
    who = caller_of(request).user
    if page_id:
        if not PAGE_ID.match(page_id):
            raise NotFound("page_gone")
        return _json(page_of(await in_thread(shelves.page, who, page_id)))
    readable = await _readable(services, who, character)
    return _json(page_of(await in_thread(shelves.page_at, who, url, readable)))


api_web = Router(
    "/web",
    route_handlers=[search, ingest, bulk_ingest, source, page],
    exception_handlers=api_errors.HANDLERS,
    request_class=StrictRequest,
    tags=["Knowledge"],
)


async def _readable(services: Services, who: Who, character: str) -> tuple[Shelf, ...]:
    """Return what a turn with this character may draw on; with no character named, what one with any may."""
    owner = who.id if who is not None and member(who) else ""
    if (persona := await named(services, character)) is not None:
        return shelves_for(owner, persona.id)
    personas = await in_thread(services.personas.all)
    found = [shelf for persona in personas for shelf in shelves_for(owner, persona.id)]
    return tuple(dict.fromkeys(found))


async def _shelf(services: Services, who: Who, character: str, everybody: bool) -> Shelf:
    persona = await named(services, character)
    if everybody and persona is None:
        raise BadInput("field_empty", field="character")
    return Shelf("" if everybody or who is None else who.id, persona.id if persona is not None else "")


def _json(told: Told, status: int = 200) -> Response[Told]:
    return Response(told, media_type="application/json", status_code=status, headers=NO_STORE)
