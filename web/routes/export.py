"""A conversation to take away, as Markdown or JSON."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec
from litestar import Request, Response

from domain.chat import Chat, Message
from domain.errors import BadInput
from domain.filing.model import Attachment
from web.citations import link_of, pages_of
from web.i18n import gettext as _
from web.i18n import reading
from web.needs import Guest, NeedPages, NeedServices, PathId, page
from web.render import Pages
from web.routes.gallery import persona_or_none

AnyRequest = Request[Any, Any, Any]
Sent = Mapping[str, Sequence[Attachment]]
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
    sent = by_turn(services.attaching.store.of_chat(guest, chat_id))
    persona = persona_or_none(chat.persona_id, services.personas)
    with reading(pages.ui(request).language):
        name = persona.card(chat.language).name if persona is not None else _("A character who has left")
        if form == "md":
            body, media_type = markdown(chat, name, messages, sent), "text/markdown"
        else:
            body, media_type = as_json(chat, name, messages, sent), "application/json"
    headers = {"content-disposition": attachment(f"{chat.title or name}.{form}")}
    return Response(body, media_type=media_type, headers=headers)


def by_turn(attachments: Sequence[Attachment]) -> Sent:
    """Return what came with each turn, by the turn's id."""
    sent: dict[str, list[Attachment]] = {}
    for one in attachments:
        sent.setdefault(one.turn_id, []).append(one)
    return sent


def markdown(chat: Chat, name: str, messages: list[Message], sent: Sent | None = None) -> bytes:
    lines = [f"# {_plain(chat.title or name)}", "", f"{_plain(name)} · {chat.created_at:%Y-%m-%d %H:%M} UTC"]
    for message in messages:
        who = name if message.role == "assistant" else _("You")
        cut = " —" if message.interrupted else ""
        lines += ["", f"**{_plain(who)}:** {_plain(message.text)}{cut}", *_sources(message), *_came(message, sent)]
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def as_json(chat: Chat, name: str, messages: list[Message], sent: Sent | None = None) -> bytes:
    """Return what a program needs to read the conversation again; ids of ours stay here."""
    return msgspec.json.format(
        msgspec.json.encode(
            {
                "title": chat.title,
                "character": name,
                "language": chat.language,
                "created_at": chat.created_at,
                "messages": [_message(m, sent) for m in messages],
            }
        ),
        indent=2,
    )


def _sources(message: Message) -> list[str]:
    """Return the lines that tell what a reply stands on. Titles are the pages' own words: they stay plain text."""
    sources = message.sources
    if sources.missed and not sources.citations:
        return ["", _("Answered without sources: they could not be reached in time.")]
    pages = [
        "- " + " · ".join(part for part in (_inline(page.title), _inline(page.site), page.link) if part)
        for page in pages_of(sources)
    ]
    return ["", _("Sources:"), *pages] if pages else []


def _came(message: Message, sent: Sent | None) -> list[str]:
    """Return the line that names what came with a line of the user's."""
    came = (sent or {}).get(message.turn_id, ()) if message.role == "user" else ()
    named = [" · ".join(filter(None, (_inline(one.name), link_of(one.url)[0]))) for one in came]
    return ["", _("Attached:"), *(f"- {one}" for one in named)] if named else []


def _message(message: Message, sent: Sent | None) -> dict[str, object]:
    told: dict[str, object] = {
        "role": message.role,
        "text": message.text,
        "at": message.at,
        "interrupted": message.interrupted,
    }
    if message.role == "user" and (came := (sent or {}).get(message.turn_id)):
        told["attachments"] = [
            {"kind": one.kind, "name": one.name, "media_type": one.media_type, "url": one.url} for one in came
        ]
    if message.role == "assistant":
        told["sources"] = [
            {"number": one.number, "title": one.title, "site": one.site, "url": one.url, "text": one.text}
            for one in message.sources.citations
        ]
        told["without_sources"] = message.sources.missed
    return told


def _inline(text: str) -> str:
    """Return a text of somebody else's within a line: nothing in it is a link, a picture or emphasis."""
    return re.sub(r"([\\`*_\[\]!#|~])", r"\\\1", " ".join(text.split()).replace("<", "&lt;"))


def attachment(name: str) -> str:
    """Return a Content-Disposition for a file name in any script, without what a file system or header minds."""
    stem, _dot, kind = name.rpartition(".")
    stem = " ".join(re.sub(r"[^\w ()\-]+", " ", stem).split())[:80].strip() or "chat"
    plain = " ".join(stem.encode("ascii", "ignore").decode().split()) or "chat"
    return f"attachment; filename=\"{plain}.{kind}\"; filename*=UTF-8''{quote(f'{stem}.{kind}')}"


def _plain(text: str) -> str:
    return _MARKUP.sub(r"\1\\\2", text.replace("<", "&lt;"))
