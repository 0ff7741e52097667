"""What is thrown into a chat: taken, shown how far it is, taken back, looked at."""

from asyncio import to_thread as in_thread
from typing import Any

from litestar import Request, Response, post
from litestar.types import ControllerRouterHandler

from domain.errors import BadInput, NotFound, ParleyError
from domain.filing.attaching import MOST_BYTES
from infra.wiring import Services
from web.callers import caller_of
from web.citations import link_of
from web.errors import is_htmx
from web.needs import Guest, NeedPages, NeedServices, PathId, page
from web.render import Pages
from web.uploads import drain, incoming_or_fields

AnyRequest = Request[Any, Any, Any]
FORM_BYTES = MOST_BYTES + 64 * 1024  # with its boundaries, its name and a link
# A picture that somebody opens by itself is no page of ours: nothing in it runs or loads anything.
PICTURE = {
    "content-security-policy": "default-src 'none'; sandbox",
    "cache-control": "private, max-age=600",
    "content-disposition": 'inline; filename="picture.jpg"',
}


@post(
    "/chats/{chat_id:str}/attachments", status_code=201, request_max_body_size=FORM_BYTES, csrf_in_stream=True
)
async def attach(
    request: AnyRequest, chat_id: PathId, guest: Guest, services: NeedServices, pages: NeedPages
) -> Response[bytes]:
    """Take a file (field `file`) or a link (field `url`); answers with all that waits."""
    try:
        await services.attaching.admit(guest, chat_id)
        await services.members.gate.check("attach", caller_of(request).owner)
    except ParleyError:
        await drain(request)
        raise
    sent = await incoming_or_fields(request)
    if isinstance(sent, dict):
        if not sent.get("url"):
            raise BadInput("nothing_attached")
        await services.attaching.add_link(guest, chat_id, sent["url"])
    else:
        try:
            await services.attaching.add_file(guest, chat_id, sent.name, sent.data, size=sent.size, least=sent.least)
        except ParleyError:
            await sent.drain()
            raise
    return await _chips(request, chat_id, guest, services, pages, 201)


@page("/chats/{chat_id:str}/attachments")
async def waiting(
    request: AnyRequest, chat_id: PathId, guest: Guest, services: NeedServices, pages: NeedPages
) -> Response[bytes]:
    """What waits under the composer and how far it is, a fragment."""
    await in_thread(services.chats.get, guest, chat_id)
    return await _chips(request, chat_id, guest, services, pages)


@post("/chats/{chat_id:str}/attachments/{attachment_id:str}/remove", status_code=200)
async def remove(
    request: AnyRequest, chat_id: PathId, attachment_id: PathId, guest: Guest, services: NeedServices,
    pages: NeedPages,
) -> Response[bytes]:  # fmt: skip
    await services.attaching.remove(guest, chat_id, attachment_id)
    return await _chips(request, chat_id, guest, services, pages)


@post("/chats/{chat_id:str}/attachments/{attachment_id:str}/again", status_code=200)
async def again(
    request: AnyRequest, chat_id: PathId, attachment_id: PathId, guest: Guest, services: NeedServices,
    pages: NeedPages,
) -> Response[bytes]:  # fmt: skip
    """Read one that failed once more."""
    await services.members.gate.check("attach", caller_of(request).owner)
    await services.attaching.again(guest, chat_id, attachment_id)
    return await _chips(request, chat_id, guest, services, pages)


@page("/chats/{chat_id:str}/attachments/{attachment_id:str}")
async def look(
    request: AnyRequest, chat_id: PathId, attachment_id: PathId, guest: Guest, services: NeedServices,
    pages: NeedPages,
) -> Response[bytes]:  # fmt: skip
    """What was got out of it: a page, for the room a fragment."""
    one = await services.attaching.get(guest, chat_id, attachment_id)
    link, host = link_of(one.url)
    template = "attachments/_read.html" if is_htmx(request) else "attachments/page.html"
    return pages.page(
        request, template, one=one, link=(link, host) if link else None, in_room=is_htmx(request),
        pictured=await services.attaching.has_picture(one),
    )  # fmt: skip


@page("/chats/{chat_id:str}/attachments/{attachment_id:str}/picture", raw=True)
async def picture(chat_id: PathId, attachment_id: PathId, guest: Guest, services: NeedServices) -> Response[bytes]:
    """The picture as it was made anew: a JPEG without anything that it had come with."""
    body = await services.attaching.picture(guest, chat_id, attachment_id)
    if not body.startswith(b"\xff\xd8\xff"):
        raise NotFound("file_gone")
    return Response(body, media_type="image/jpeg", headers=PICTURE)


async def _chips(
    request: AnyRequest, chat_id: str, guest: str, services: Services, pages: Pages, status_code: int = 200
) -> Response[bytes]:
    found = await services.attaching.waiting(guest, chat_id)
    return pages.page(request, "attachments/_chips.html", waiting=found, status_code=status_code)


ROUTES: list[ControllerRouterHandler] = [attach, waiting, remove, again, look, picture]
