"""The public pages: who there is to talk to, one character, what this is."""

from typing import Any

from litestar import Request, Response
from litestar.response import Redirect

from domain.chat import Chat
from domain.errors import NotFound
from domain.persona import Persona
from domain.ports import Personas
from web.needs import Guest, NeedPages, NeedServices, PathId, page

AnyRequest = Request[Any, Any, Any]
RECENT = 4


@page("/", sync_to_thread=True)
def gallery(request: AnyRequest, services: NeedServices, pages: NeedPages) -> Response[bytes]:
    return pages.page(request, "gallery/page.html", shared=True, personas=services.personas.all())


@page("/characters/{slug:str}", sync_to_thread=True)
def character(request: AnyRequest, slug: PathId, services: NeedServices, pages: NeedPages) -> Response[bytes]:
    return pages.page(request, "character/page.html", shared=True, persona=services.personas.get(slug))


@page("/characters", sync_to_thread=False)
def characters() -> Redirect:
    return Redirect("/", status_code=301)


@page("/recent", sync_to_thread=True)
def recent(request: AnyRequest, guest: Guest, services: NeedServices, pages: NeedPages) -> Response[bytes]:
    chats = [c for c in services.chats.recent(guest, limit=4 * RECENT) if c.title][:RECENT]
    return pages.page(request, "gallery/_recent.html", chats=with_personas(chats, services.personas))


@page("/about", sync_to_thread=True)
def about(request: AnyRequest, pages: NeedPages) -> Response[bytes]:
    return pages.page(request, "about/page.html", shared=True)


def with_personas(chats: list[Chat], personas: Personas) -> list[tuple[Chat, Persona | None]]:
    """Pair chats with their characters; None where the character has been taken away."""
    known = {persona.id: persona for persona in personas.all()}
    return [(chat, known.get(chat.persona_id)) for chat in chats]


def persona_or_none(persona_id: str, personas: Personas) -> Persona | None:
    try:
        return personas.get(persona_id)
    except NotFound:
        return None
