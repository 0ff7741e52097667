"""Saving a chat as files: its words for people and for programs and, where asked for, what the character said."""

from asyncio import to_thread as in_thread
from typing import Any

from litestar import Request

from domain.chat import Chat, Message
from domain.errors import BadInput, NotFound
from domain.filing.model import Area, Stored
from domain.persona import Language
from infra.wiring import Services
from web.i18n import gettext as _
from web.i18n import reading
from web.routes.export import as_json, by_turn, markdown
from web.routes.gallery import persona_or_none

AnyRequest = Request[Any, Any, Any]


async def save(
    services: Services, owner: str, chat_id: str, *, language: Language, audio: bool = False,
    area: Area = "permanent", besides: bool = False,
) -> list[Stored]:  # fmt: skip
    """Keep a chat in its owner's files; what was saved of it before goes, unless it is to stay `besides`.

    Raises NotFound("chat_gone"), BadInput("chat_empty"), NeedsMembership, and what recording and keeping raise.
    """
    chat = await in_thread(services.chats.get, owner, chat_id)
    messages = await in_thread(services.chats.messages, owner, chat_id)
    if not messages:
        raise BadInput("chat_empty")
    cabinet = services.filing.cabinet
    await cabinet.check_saves(owner)
    files = await in_thread(_words, services, chat, messages, language)
    if audio and (sound := await _sound(services, chat, messages)):
        files.append((f"{_name(services, chat, language)}.ogg", sound))
    return await cabinet.put_saved(owner, chat_id, files, area, besides)


def _words(services: Services, chat: Chat, messages: list[Message], language: Language) -> list[tuple[str, bytes]]:
    persona = persona_or_none(chat.persona_id, services.personas)
    with reading(language):
        who = persona.card(chat.language).name if persona is not None else _("A character who has left")
        sent = by_turn(services.attaching.store.of_chat(chat.guest, chat.id))
        made = {"md": markdown(chat, who, messages, sent), "json": as_json(chat, who, messages, sent)}
    name = _name(services, chat, language)
    return [(f"{name}.{kind}", body) for kind, body in made.items()]


async def _sound(services: Services, chat: Chat, messages: list[Message]) -> bytes:
    """Return what the character said, from the greeting on, b"" when it has left."""
    greeting = await in_thread(services.sounds.greeting_of, chat)
    lines = [greeting, *(message.text for message in messages if message.role == "assistant")]
    try:
        return await services.filing.recorder.record(lines, lambda line: services.sounds.again(chat, line))
    except NotFound:
        return b""


def _name(services: Services, chat: Chat, language: Language) -> str:
    persona = persona_or_none(chat.persona_id, services.personas)
    called = chat.title or (persona.card(chat.language).name if persona is not None else "")
    if not called:
        with reading(language):
            called = _("Conversation")
    return f"{called[:80]} {services.clock.now():%Y-%m-%d}"
