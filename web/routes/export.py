"""A conversation to take away, as Markdown or JSON."""

import re
from typing import Any
from urllib.parse import quote

import msgspec
from litestar import Request, Response

from domain.chat import Chat, Message
from domain.errors import BadInput
from web.i18n import gettext as _
from web.i18n import reading
from web.needs import Guest, NeedPages, NeedServices, PathId, page
from web.render import Pages
from web.routes.gallery import persona_or_none

AnyRequest = Request[Any, Any, Any]
# What Markdown would read as markup at the start of a line; names and words keep everything else.
_MARKUP = re.compile(r"^(\s*)([#>*+\-=|]|\d+[.)])", re.MULTILINE)


@page("/chats/{chat_id:str}/export.md", sync_to_thread=True)
def export_markdown(
    request: AnyRequest, chat_id: PathId, guest: Guest, services: NeedServices, pages: NeedPages
) -> Response[bytes]:
    return _export(request, chat_id, guest, services, pages, "md")


@page("/chats/{chat_id:str}/export.json", sync_to_thread=True)
def export_json(
    request: AnyRequest, chat_id: PathId, guest: Guest, services: NeedServices, pages: NeedPages
) -> Response[bytes]:
    return _export(request, chat_id, guest, services, pages, "json")


@page("/chats/{chat_id:str}/export", sync_to_thread=True)
def export(
    request: AnyRequest, chat_id: PathId, guest: Guest, services: NeedServices, pages: NeedPages
) -> Response[bytes]:
    """The same with `?format=md` or `?format=json`."""
    return _export(request, chat_id, guest, services, pages, request.query_params.get("format", "md"))


def _export(
    request: AnyRequest, chat_id: str, guest: str, services: NeedServices, pages: Pages, form: str
) -> Response[bytes]:
    if form not in ("md", "json"):
        raise BadInput("form_bad", field="format")
    chat = services.chats.get(guest, chat_id)
    messages = services.chats.messages(guest, chat_id)
    persona = persona_or_none(chat.persona_id, services.personas)
    with reading(pages.ui(request).language):
        name = persona.card(chat.language).name if persona is not None else _("A character who has left")
        if form == "md":
            body, media_type = markdown(chat, name, messages), "text/markdown"
        else:
            body, media_type = as_json(chat, name, messages), "application/json"
    headers = {"content-disposition": attachment(f"{chat.title or name}.{form}")}
    return Response(body, media_type=media_type, headers=headers)


def markdown(chat: Chat, name: str, messages: list[Message]) -> bytes:
    lines = [f"# {_plain(chat.title or name)}", "", f"{_plain(name)} · {chat.created_at:%Y-%m-%d %H:%M} UTC"]
    for message in messages:
        who = name if message.role == "assistant" else _("You")
        cut = " —" if message.interrupted else ""
        lines += ["", f"**{_plain(who)}:** {_plain(message.text)}{cut}"]
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def as_json(chat: Chat, name: str, messages: list[Message]) -> bytes:
    """Return what a program needs to read the conversation again; ids of ours stay here."""
    return msgspec.json.format(
        msgspec.json.encode(
            {
                "title": chat.title,
                "character": name,
                "language": chat.language,
                "created_at": chat.created_at,
                "messages": [
                    {"role": m.role, "text": m.text, "at": m.at, "interrupted": m.interrupted} for m in messages
                ],
            }
        ),
        indent=2,
    )


def attachment(name: str) -> str:
    """Return a Content-Disposition for a file name in any script, without what a file system or header minds."""
    stem, _dot, kind = name.rpartition(".")
    stem = " ".join(re.sub(r"[^\w ()\-]+", " ", stem).split())[:80].strip() or "chat"
    plain = " ".join(stem.encode("ascii", "ignore").decode().split()) or "chat"
    return f"attachment; filename=\"{plain}.{kind}\"; filename*=UTF-8''{quote(f'{stem}.{kind}')}"


def _plain(text: str) -> str:
    return _MARKUP.sub(r"\1\\\2", text.replace("<", "&lt;"))
