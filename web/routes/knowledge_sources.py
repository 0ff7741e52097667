"""One source: how it is doing, its pages, and what can be done with it."""

from asyncio import to_thread as in_thread
from collections.abc import Callable
from typing import Any

from litestar import Request, Response, post
from litestar.types import ControllerRouterHandler

from domain.errors import BadInput, NotAllowed, NotFound, ParleyError
from domain.knowledge.model import Source
from domain.knowledge.rights import may_change
from domain.knowledge.shelves import Shelves
from domain.knowledge.standing import Standing
from infra.wiring import Services
from web.account_pages import NO_STORE, Given, draw, to
from web.callers import caller_of, signed_in
from web.errors import is_htmx
from web.forms import read_form, whole
from web.knowledge_limits import may_alter, may_crawl
from web.knowledge_pages import PAGE_WORDS, home_of, page_state
from web.needs import NeedPages, NeedServices, NeedShelves, PathId, page
from web.render import Pages
from web.routes.knowledge import SOON_S, kept, named, wish_of, words_of_pages

AnyRequest = Request[Any, Any, Any]
PAGES, TROUBLES = 50, 100
LATE_S = 600
AFTER_MOST = 2_048  # characters of an address


@page("/knowledge/sources/{source_id:str}")
async def source(
    request: AnyRequest, source_id: PathId, pages: NeedPages, services: NeedServices, shelves: NeedShelves
) -> Response[bytes]:
    """`?after=` is the last address of the page before."""
    return await _source(request, pages, services, shelves, source_id)


@page("/knowledge/sources/{source_id:str}/progress")
async def progress(
    request: AnyRequest, source_id: PathId, pages: NeedPages, shelves: NeedShelves
) -> Response[bytes]:
    """How far it is, a fragment; all of it once its state is another than `?was=`; what says so once it is removed."""
    who = caller_of(request).user
    try:
        standing = await in_thread(shelves.source, who, source_id)
    except NotFound:  # removed while somebody watches, maybe by themselves: no error for them
        response = _gone(request, pages, await in_thread(shelves.removed, who, source_id))
        response.headers.update({"hx-retarget": f"#source-{source_id}", "hx-reswap": "outerHTML"})
        return response
    if request.query_params.get("was") == standing.state:
        return _fragment(request, pages, "knowledge/_progress.html", standing)
    response = _fragment(request, pages, "knowledge/_source.html", standing, news=True)
    response.headers.update({"hx-retarget": f"#source-{standing.source.id}", "hx-reswap": "outerHTML"})
    return response


@post("/knowledge/sources/{source_id:str}/crawl", status_code=200, role="user")
async def crawl(
    request: AnyRequest, source_id: PathId, pages: NeedPages, services: NeedServices, shelves: NeedShelves
) -> Response[bytes]:
    who = signed_in(request).user
    await in_thread(lambda: shelves.allowed(who, shelves.source(who, source_id).source.shelf))
    await may_crawl(request, services)
    return await _done(request, pages, shelves.crawl, source_id)


@post("/knowledge/sources/{source_id:str}/stop", status_code=200, role="user")
async def stop(request: AnyRequest, source_id: PathId, pages: NeedPages, shelves: NeedShelves) -> Response[bytes]:
    return await _done(request, pages, shelves.stop, source_id)


@post("/knowledge/sources/{source_id:str}/pause", status_code=200, role="user")
async def pause(
    request: AnyRequest, source_id: PathId, pages: NeedPages, services: NeedServices, shelves: NeedShelves
) -> Response[bytes]:
    """`on=0` lets it go on."""
    on = (await read_form(request)).flag("on")
    await may_alter(request, services)
    return await _done(request, pages, lambda who, which: shelves.pause(who, which, on), source_id)


@post("/knowledge/sources/{source_id:str}/change", status_code=303, role="user")
async def change(
    request: AnyRequest, source_id: PathId, pages: NeedPages, services: NeedServices, shelves: NeedShelves
) -> Response[bytes]:
    who, form = signed_in(request).user, await read_form(request)
    try:
        await may_alter(request, services)
        await in_thread(shelves.change, who, source_id, wish_of(form))
    except (NotAllowed, NotFound):
        raise
    except ParleyError as error:
        return await _source(request, pages, services, shelves, source_id, error, kept(form, strict=False))
    return to(f"/knowledge/sources/{source_id}", done="source-changed")


@post("/knowledge/sources/{source_id:str}/remove", status_code=200, role="user")
async def remove(
    request: AnyRequest, source_id: PathId, pages: NeedPages, services: NeedServices, shelves: NeedShelves
) -> Response[bytes]:
    """The row's place for htmx, with the way back; other browsers go to the shelf, which has it too."""
    await may_alter(request, services)
    gone = await in_thread(shelves.remove, signed_in(request).user, source_id)
    if not is_htmx(request):
        return to(f"{home_of(gone)}?removed={gone.id}")
    return _gone(request, pages, gone)


@post("/knowledge/sources/{source_id:str}/restore", status_code=200, role="user")
async def restore(
    request: AnyRequest, source_id: PathId, pages: NeedPages, services: NeedServices, shelves: NeedShelves
) -> Response[bytes]:
    await may_alter(request, services)
    return await _done(request, pages, shelves.restore, source_id)


def _gone(request: AnyRequest, pages: Pages, source: Source) -> Response[bytes]:
    change = may_change(caller_of(request).user, source.shelf)
    response = pages.page(request, "knowledge/_gone.html", source=source, change=change)
    response.headers.update(NO_STORE)
    return response


async def _done(
    request: AnyRequest, pages: Pages, act: Callable[[Any, str], Standing], source_id: str
) -> Response[bytes]:
    """Do it; the row for htmx, the shelf for browsers without scripts."""
    standing = await in_thread(act, signed_in(request).user, source_id)
    if not is_htmx(request):
        return to(home_of(standing.source))
    return _fragment(request, pages, "knowledge/_source.html", standing)


def _fragment(
    request: AnyRequest, pages: Pages, template: str, standing: Standing, news: bool = False
) -> Response[bytes]:
    change = may_change(caller_of(request).user, standing.source.shelf)
    wait = min(max(whole(request.query_params.get("wait"), "wait", SOON_S), SOON_S), LATE_S)
    response = pages.page(
        request, template, row=standing, change=change, news=news, **{**words_of_pages(), "wait": wait}
    )
    response.headers.update(NO_STORE)
    return response


async def _source(
    request: AnyRequest,
    pages: Pages,
    services: Services,
    shelves: Shelves,
    source_id: str,
    error: ParleyError | None = None,
    given: Given | None = None,
) -> Response[bytes]:
    who, after = caller_of(request).user, request.query_params.get("after") or ""
    if len(after) > AFTER_MOST or not after.isprintable():
        raise BadInput("form_bad", field="after")
    standing = await in_thread(shelves.source, who, source_id)
    persona = await named(services, standing.source.shelf.persona)
    found = await in_thread(shelves.pages, who, source_id, PAGES + 1, after)
    troubles = await in_thread(shelves.troubles, who, source_id, TROUBLES)
    return draw(
        request, pages, "knowledge/source.html", error=error, given=given,
        beside=("title", "include", "exclude", "depth", "max_pages", "hours"), row=standing, persona=persona,
        card=persona.card(pages.ui(request).language) if persona else None,
        pages_known=[(each, page_state(each)) for each in found[:PAGES]], page_states=PAGE_WORDS,
        more=found[PAGES - 1].url if len(found) > PAGES else "", first=not after, troubles=troubles,
        change=may_change(who, standing.source.shelf), home=home_of(standing.source), news=False,
        mine=bool(standing.source.shelf.owner), **words_of_pages(),
    )  # fmt: skip


ROUTES: list[ControllerRouterHandler] = [source, progress, crawl, stop, pause, change, remove, restore]
