"""Between the rows of db/chat_sql.py and the domain's Structs, and "not yours" as NotFound."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Row

from db import chat_sql as sql
from db.work import known
from domain.chat import Chat, Cue, Message, Receipt, Sourced
from domain.errors import NotFound

Found = TypeVar("Found")

_encode = msgspec.json.Encoder().encode
_cues = msgspec.json.Decoder(tuple[Cue, ...]).decode
_sources = msgspec.json.Decoder(Sourced).decode
_receipt = msgspec.json.Decoder(Receipt).decode


def mine_of(guest: str, chat_id: str) -> dict[str, str]:
    if not known(guest, chat_id):
        raise NotFound("chat_gone")
    return {"chat": chat_id, "owner": guest}


def found(thing: Found | None) -> Found:
    """Pass on what a statement about the caller's own chat found: a row or rows."""
    if not thing:
        raise NotFound("chat_gone")
    return thing


def or_none(name: str) -> str | None:
    """Return an id to look for; NULL, which equals nothing, where it could not be kept in the first place."""
    return name if known(name) else None


def take_any(connection: Connection, mine: Mapping[str, str]) -> Row[Any, Any]:
    """Lock the chat, deleted or not, until the unit of work ends."""
    return found(connection.execute(sql.TAKE, mine).first())


def take(connection: Connection, mine: Mapping[str, str]) -> Row[Any, Any]:
    row = take_any(connection, mine)
    if row.deleted_at is not None:
        raise NotFound("chat_gone")
    return row


def chat_of(connection: Connection, mine: Mapping[str, str]) -> Chat:
    return Chat(*found(connection.execute(sql.GET, mine).first()))


def message_of(row: Row[Any]) -> Message:
    return Message(
        row.id, row.chat_id, row.turn_id, row.seq, row.role, row.text, row.at, row.interrupted,
        _cues(row.cues) if row.cues else (), _receipt(row.receipt) if row.receipt else None,
        _sources(row.sources) if row.sources else Sourced(),
    )  # fmt: skip


def row_of(message: Message) -> dict[str, object]:
    return msgspec.structs.asdict(message) | {
        "cues": _encode(message.cues).decode() if message.cues else None,
        "receipt": _encode(message.receipt).decode() if message.receipt else None,
        "sources": _encode(message.sources).decode() if message.sources != Sourced() else None,
    }


def texts_of(sources: Sourced) -> list[str]:
    return [text for one in sources.citations for text in (one.title, one.site, one.url, one.text, one.heading)]
