"""The page of one's files: sending, fetching, keeping and removing them, and saving a chat among them."""

from asyncio import to_thread as in_thread
from typing import Any

import msgspec
from litestar import Request, Response, post
from litestar.types import ControllerRouterHandler

from domain.errors import ParleyError
from domain.filing.cabinet import UNDO
from domain.filing.intake import FILE_BYTES
from domain.filing.model import Stored
from domain.filing.rooms import MB
from domain.filing.sniffing import family_of
from infra.wiring import Services
from web.account_pages import NO_STORE, draw, to
from web.callers import signed_in
from web.downloads import download
from web.errors import is_htmx, wants_json
from web.file_limits import may_file
from web.forms import read_form
from web.needs import NeedPages, NeedServices, PathId, page
from web.render import Pages
from web.routes.api_files import key_of, take
from web.routes.api_files_bodies import SavedChat, file_of
from web.saving import save
from web.uploads import UPLOAD_BYTES, incoming

AnyRequest = Request[Any, Any, Any]
SHOWN = 100


@page("/files", role="user")
async def own_files(request: AnyRequest, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    """`?removed=` is a file that was just removed, which can be brought back; `?before=` where the list goes on."""
    return await _drawn(request, pages, services)


@post("/files", status_code=201, role="user", request_max_body_size=UPLOAD_BYTES, csrf_in_stream=True)
async def send(request: AnyRequest, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    """A form with `area` and then `file`. The page sends them one by one and asks for JSON; without its script the
    browser is led back to the list.
    """
    await may_file(request, services)
    try:
        stored = await take(services, signed_in(request).user.id, await incoming(request), key_of(request))
    except ParleyError as error:
        if wants_json(request) or is_htmx(request) or error.code == "csrf_bad":
            raise
        return await _drawn(request, pages, services, error)
    if wants_json(request):
        return _json(file_of(stored))
    return to("/files", done="file-kept")


@page("/files/{file_id:str}/content", role="user", raw=True)
async def content(request: AnyRequest, file_id: PathId, services: NeedServices) -> Response[bytes]:
    return await download(request, services.filing.cabinet, signed_in(request).user.id, file_id)


@post("/files/{file_id:str}/permanent", status_code=303, role="user")
async def make_permanent(
    request: AnyRequest, file_id: PathId, pages: NeedPages, services: NeedServices
) -> Response[bytes]:
    await may_file(request, services)
    stored = await services.filing.cabinet.make_permanent(signed_in(request).user.id, file_id)
    return _row(request, pages, stored) if is_htmx(request) else to("/files", done="file-permanent")


@post("/files/{file_id:str}/remove", status_code=303, role="user")
async def remove(request: AnyRequest, file_id: PathId, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    await may_file(request, services)
    stored = await services.filing.cabinet.remove(signed_in(request).user.id, file_id)
    return _row(request, pages, stored, removed=True) if is_htmx(request) else to(f"/files?removed={stored.id}")


@post("/files/{file_id:str}/restore", status_code=303, role="user")
async def restore(request: AnyRequest, file_id: PathId, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    await may_file(request, services)
    stored = await services.filing.cabinet.restore(signed_in(request).user.id, file_id)
    return _row(request, pages, stored) if is_htmx(request) else to("/files", done="file-back")


@post("/chats/{chat_id:str}/save", status_code=201, role="user")
async def save_chat(request: AnyRequest, chat_id: PathId, pages: NeedPages, services: NeedServices) -> Response[bytes]:
    """`audio` is 1 for the character's voice too. The room asks for JSON, since it may take a while."""
    await may_file(request, services, "save_chat")
    form, language = await read_form(request), pages.ui(request).language
    owner = signed_in(request).user.id
    stored = await save(services, owner, chat_id, language=language, audio=form.flag("audio"))
    if wants_json(request):
        return _json(SavedChat([each.id for each in stored], [file_of(each) for each in stored]))
    return to("/files", done="chat-saved")


async def _drawn(
    request: AnyRequest, pages: Pages, services: Services, error: ParleyError | None = None
) -> Response[bytes]:
    owner, cabinet = signed_in(request).user.id, services.filing.cabinet
    before, removed = (request.query_params.get(name, "") for name in ("before", "removed"))
    found = await cabinet.all_of(owner, SHOWN, before if before.isalnum() else "")
    return draw(
        request, pages, "files/page.html", error=error, things=await _things(services, owner, found),
        quota=await cabinet.quota(owner),
        next=found[-1].id if len(found) == SHOWN else "", removed=removed if removed.isalnum() else "",
        largest=FILE_BYTES, hours=int(services.config.files_temporary_hours), family_of=family_of, mb=MB,
        now=services.clock.now(), undo_minutes=int(UNDO.total_seconds() // 60),
    )  # fmt: skip


async def _things(services: Services, owner: str, files: list[Stored]) -> list[list[Stored]]:
    """Return the files by what was sent: with a picture of a chat goes the one made of it for the character."""
    store, chats = services.attaching.store, {each.chat_id for each in files if each.purpose == "attachment"}

    def look() -> dict[str, str]:
        heads = [one for chat in chats for one in (*store.of_chat(owner, chat), *store.waiting(owner, chat))]
        return {one.file_id: one.image_id for one in heads if one.file_id and one.image_id}

    made, there = await in_thread(look) if chats else {}, {each.id: each for each in files}
    pairs = {first: second for first, second in made.items() if first in there and second in there}
    return [
        [each, there[pairs[each.id]]] if each.id in pairs else [each]
        for each in files
        if each.id not in pairs.values()
    ]


def _json(told: Any) -> Response[bytes]:
    return Response(msgspec.json.encode(told), media_type="application/json", status_code=201, headers=NO_STORE)


def _row(request: AnyRequest, pages: Pages, stored: Stored, removed: bool = False) -> Response[bytes]:
    template = "files/_gone.html" if removed else "files/_file.html"
    response = pages.page(request, template, file=stored, family_of=family_of, mb=MB)
    response.headers.update(NO_STORE)
    return response


ROUTES: list[ControllerRouterHandler] = [own_files, send, content, make_permanent, remove, restore, save_chat]
