"""Attachments in SQL: domain.filing.ports.Attachments on SQLite, MySQL or PostgreSQL."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine

from db import attachment_sql as sql
from db.again import again
from db.work import check_names, check_texts, known, reading, writing
from domain.errors import Conflict, NotFound
from domain.filing.model import Attachment

MOST_NAME = 255
MOST_IDS = 32  # asked for at once


class SqlAttachments:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @again()
    def add(self, attachment: Attachment, most: int) -> None:
        check_names(attachment.id)
        row = _row(attachment) | {"id": attachment.id, "chat_id": attachment.chat_id, "turn_id": attachment.turn_id}
        if not known(attachment.owner, attachment.chat_id):
            raise NotFound("chat_gone")
        with writing(self._engine) as connection:
            mine = {"owner": attachment.owner, "chat": attachment.chat_id}
            if connection.execute(sql.TAKE_CHAT, mine).first() is None:
                raise NotFound("chat_gone")
            if (connection.scalar(sql.COUNT_WAITING, {"chat": attachment.chat_id}) or 0) >= most:
                raise Conflict("attachments_waiting", most=most)
            connection.execute(sql.ADD, row | {"created_at": attachment.created_at})

    def get(self, owner: str, chat_id: str, attachment_id: str) -> Attachment:
        with reading(self._engine) as connection:
            return _get(connection, owner, chat_id, attachment_id)

    @again()
    def save(self, attachment: Attachment) -> bool:
        values = {f"new_{name}": value for name, value in _row(attachment).items()}
        with writing(self._engine) as connection:
            return connection.execute(sql.SAVE, values | {"attachment": attachment.id}).rowcount == 1

    @again()
    def read_again(self, owner: str, chat_id: str, attachment_id: str, now: datetime) -> Attachment:
        with writing(self._engine) as connection:
            _get(connection, owner, chat_id, attachment_id)
            if connection.execute(sql.AGAIN, {"attachment": attachment_id, "now": now}).rowcount != 1:
                raise Conflict("attachment_reading")
            return _get(connection, owner, chat_id, attachment_id)

    def waiting(self, owner: str, chat_id: str) -> list[Attachment]:
        return self._list(sql.WAITING, owner, chat_id)

    def of_chat(self, owner: str, chat_id: str) -> list[Attachment]:
        return self._list(sql.OF_CHAT, owner, chat_id)

    def to_show(self, owner: str, chat_id: str, ids: Sequence[str], most: int) -> list[Attachment]:
        if not known(owner, chat_id):
            return []
        mine = {"owner": owner, "chat": chat_id}
        asked = _ids(ids)
        with reading(self._engine) as connection:
            found = _all(connection.execute(sql.EARLIER, mine | {"most": most}).mappings())
            if asked:
                found += _all(connection.execute(sql.READY, mine | {"ids": asked}).mappings())
        return sorted({one.id: one for one in found}.values(), key=lambda one: (one.created_at, one.id))

    @again()
    def take(self, owner: str, chat_id: str, ids: Sequence[str], turn_id: str) -> list[Attachment]:
        check_names(turn_id)
        asked = _ids(ids)
        if not asked or not known(owner, chat_id):
            return []
        with writing(self._engine) as connection:
            mine = {"owner": owner, "chat": chat_id, "ids": asked}
            found = _all(connection.execute(sql.THESE_READY, mine).mappings())
            if found:
                connection.execute(sql.TAKE, {"ids": sorted(one.id for one in found), "new_turn": turn_id})
        return [msgspec.structs.replace(one, turn_id=turn_id) for one in found]

    @again()
    def give_back(self, owner: str, chat_id: str, turn_id: str) -> None:
        if not known(owner, chat_id, turn_id):
            return
        with writing(self._engine) as connection:
            if connection.execute(sql.TAKE_CHAT, {"owner": owner, "chat": chat_id}).first() is None:
                return
            ids = connection.scalars(sql.OF_TURN, {"chat": chat_id, "turn": turn_id}).all()
            if ids:
                connection.execute(sql.GIVE_BACK, {"ids": sorted(ids), "turn": turn_id})

    @again()
    def remove(self, owner: str, chat_id: str, attachment_id: str) -> Attachment:
        with writing(self._engine) as connection:
            found = _get(connection, owner, chat_id, attachment_id)
            if connection.execute(sql.REMOVE, {"attachment": attachment_id}).rowcount != 1:
                raise Conflict("attachment_sent")
        return found

    def silent(self, before: datetime, limit: int = 100) -> list[Attachment]:
        with reading(self._engine) as connection:
            return _all(connection.execute(sql.SILENT, {"before": before, "most": limit}).mappings())

    def purgeable(self, deleted_before: datetime) -> list[Attachment]:
        with reading(self._engine) as connection:
            return _all(connection.execute(sql.PURGEABLE, {"before": deleted_before}).mappings())

    def owned(self, owner: str) -> list[Attachment]:
        if not known(owner):
            return []
        with reading(self._engine) as connection:
            return _all(connection.execute(sql.OWNED, {"owner": owner}).mappings())

    def _list(self, statement: Any, owner: str, chat_id: str) -> list[Attachment]:
        if not known(owner, chat_id):
            return []
        with reading(self._engine) as connection:
            return _all(connection.execute(statement, {"owner": owner, "chat": chat_id}).mappings())


def _get(connection: Connection, owner: str, chat_id: str, attachment_id: str) -> Attachment:
    if known(owner, chat_id, attachment_id):
        mine = {"owner": owner, "chat": chat_id, "attachment": attachment_id}
        row = connection.execute(sql.GET, mine).mappings().first()
        if row is not None:
            return _attachment(row)
    raise NotFound("attachment_gone")


def _all(rows: Iterable[Mapping[Any, Any]]) -> list[Attachment]:
    return [_attachment(row) for row in rows]


def _ids(ids: Sequence[str]) -> list[str]:
    return [one for one in dict.fromkeys(ids) if known(one)][:MOST_IDS]


def _attachment(row: Mapping[Any, Any]) -> Attachment:
    told = dict(row)
    ms = told.pop("ms")
    return Attachment(**told | {"share": told["share"] / 1000, "seconds": ms / 1000})


def _row(attachment: Attachment) -> dict[str, Any]:
    """Return what reading finds out, as columns."""
    check_texts(attachment.name, attachment.url, attachment.text, attachment.media_type)
    told = msgspec.structs.asdict(attachment)
    told |= {"share": round(1000 * attachment.share), "ms": round(1000 * attachment.seconds)}
    told |= {"name": attachment.name[:MOST_NAME], "media_type": attachment.media_type[:128]}
    return {name: told[name] for name in sql.FOUND_OUT}
