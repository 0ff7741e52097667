"""Conversations: start one, enter its room, and what can be done with those that were had."""

from asyncio import to_thread as in_thread
from typing import Any

from litestar import Request, Response, post
from litestar.response import Redirect

from domain.chat import Chat
from domain.errors import BadInput, TooLong
from domain.filing.attaching import MOST_BYTES
from domain.persona import LANGUAGES
from domain.turns import readable
from infra.wiring import Services
from web.callers import caller_of
from web.errors import is_htmx
from web.forms import read_form
from web.met import met
from web.needs import Guest, NeedGuests, NeedPages, NeedServices, PathId, page
from web.render import Pages
from web.routes.export import by_turn
from web.routes.gallery import persona_or_none, with_personas

AnyRequest = Request[Any, Any, Any]
MAX_TITLE = 80
LISTED = 200


@post("/characters/{slug:str}/chats", status_code=303)
async def start(
    request: AnyRequest, slug: PathId, guest: Guest, guests: NeedGuests, services: NeedServices, pages: NeedPages
) -> Response[bytes]:
    """Open a new chat with a character; from here on the browser has a guest cookie."""
    asked = (await read_form(request)).text("language") or pages.ui(request).language
    language = next((known for known in LANGUAGES if known == asked), None)
    if language is None:
        raise BadInput("form_bad", field="language")
    persona = await in_thread(services.personas.get, slug)
    chat = await in_thread(services.chats.create, guest, persona.id, language, "", services.clock.now())
    room = f"/chats/{chat.id}"
    # htmx follows a 303 inside the page; a room wants a page of its own
    response = (
        Response(b"", status_code=200, headers={"hx-redirect": room})
        if is_htmx(request)
        else Response(b"", status_code=303, headers={"location": room})
    )
    if caller_of(request).user is None:  # a guest's cookie with an account's id would outlast signing out
        response.set_cookie(guests.cookie(request, guest))
    return response


@page("/chats", sync_to_thread=True)
def history(request: AnyRequest, guest: Guest, services: NeedServices, pages: NeedPages) -> Response[bytes]:
    """List the conversations in which something was said."""
    chats = [chat for chat in services.chats.recent(guest, limit=LISTED) if chat.title]
    return pages.page(request, "history/page.html", chats=with_personas(chats, services.personas))


@page("/chats/{chat_id:str}", sync_to_thread=True)
def room(
    request: AnyRequest, chat_id: PathId, guest: Guest, services: NeedServices, pages: NeedPages
) -> Response[bytes]:
    """The room of a chat; when its character has gone, it can still be read."""
    chat = services.chats.get(guest, chat_id)
    persona = persona_or_none(chat.persona_id, services.personas)
    return pages.page(
        request,
        "room/page.html",
        chat=chat,
        persona=persona,
        card=persona.card(chat.language) if persona is not None else None,
        messages=services.chats.messages(guest, chat_id),
        **_attachments(request, chat, services, pages),
        engines=services.engines.status(),
        asleep=services.config.runtime != "inline",  # opening the room wakes them: the page looks again at once
    )


def _attachments(request: AnyRequest, chat: Chat, services: Services, pages: Pages) -> dict[str, Any]:
    """Return what was thrown into the chat, and for those whose plan gives none of it what would."""
    allowed = services.attaching.allowance(chat.guest)
    detail: dict[str, object] = {"feature": "attachments", "better": allowed.better}
    language = pages.ui(request).language
    offer = met("attachments_not_given", detail, language, services.clock.now(), services.minutes.plan_of)
    store = services.attaching.store
    return {
        "waiting": store.waiting(chat.guest, chat.id),
        "sent": by_turn(store.of_chat(chat.guest, chat.id)),
        "offer": None if allowed.limit > 0 else offer,
        "sees": services.config.llm_sees,
        "attach_bytes": MOST_BYTES,
    }


@post("/chats/{chat_id:str}/rename", status_code=200)
async def rename(
    request: AnyRequest, chat_id: PathId, guest: Guest, services: NeedServices, pages: NeedPages
) -> Response[bytes] | Redirect:
    title = " ".join(readable((await read_form(request)).text("title") or "").split())
    if len(title) > MAX_TITLE:
        raise TooLong("title_too_long", characters=MAX_TITLE)
    chat = await in_thread(services.chats.rename, guest, chat_id, title)
    return await _row(request, chat, services, pages, deleted=False)


@post("/chats/{chat_id:str}/delete", status_code=200)
async def delete(
    request: AnyRequest, chat_id: PathId, guest: Guest, services: NeedServices, pages: NeedPages
) -> Response[bytes] | Redirect:
    """Put a chat away; the row that comes back offers to undo it."""
    chat = await in_thread(services.chats.get, guest, chat_id)
    await in_thread(services.chats.delete, guest, chat_id, services.clock.now())
    return await _row(request, chat, services, pages, deleted=True)


@post("/chats/{chat_id:str}/restore", status_code=200)
async def restore(
    request: AnyRequest, chat_id: PathId, guest: Guest, services: NeedServices, pages: NeedPages
) -> Response[bytes] | Redirect:
    chat = await in_thread(services.chats.restore, guest, chat_id)
    return await _row(request, chat, services, pages, deleted=False)


async def _row(
    request: AnyRequest, chat: Chat, services: NeedServices, pages: Pages, *, deleted: bool
) -> Response[bytes] | Redirect:
    """Return the row for htmx; a browser without scripts goes back to the list."""
    if not is_htmx(request):
        return Redirect("/chats", status_code=303)
    persona = await in_thread(persona_or_none, chat.persona_id, services.personas)
    return pages.page(request, "history/_row.html", chat=chat, persona=persona, deleted=deleted)
