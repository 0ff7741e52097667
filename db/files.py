"""Files of people in SQL: domain.filing.ports.Files on SQLite, MySQL or PostgreSQL. Rows only, no bytes.

Whatever asks for room waits for its turn among those of the same owner, and counts what is there: there is no counter
that could differ from the rows. What gives room back need not wait.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine

from db import file_sql as sql
from db.again import again
from db.work import check_names, check_texts, forget_log, in_turn, known, reading, writing
from domain.errors import Conflict, NotFound
from domain.filing.model import Stored
from domain.filing.ports import SAVE_FILES, Room

COMING = timedelta(hours=1)  # room is kept for so long
AT_ONCE = 200  # ids in one statement


class SqlFiles:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # -- coming --------------------------------------------------------------------------------------

    @again()
    def reserve(self, stored: Stored, room: Room, now: datetime, key: str = "") -> int:
        check_names(stored.id, stored.owner)
        check_texts(stored.name, stored.chat_id)
        row = msgspec.structs.asdict(stored)
        with self._turn(stored.owner) as connection:
            if key:
                _not_sent(connection, stored.owner, key, now)
            size = _room(connection, stored, room, now)
            row |= {"size": size, "state": sql.COMING, "ends_at": now + COMING, "sender_key": key or None}
            connection.execute(sql.ADD, row)
        return size

    @again()
    def keep(self, news: Sequence[Stored], now: datetime, replaces: str = "") -> list[str]:
        gone: list[str] = []
        with self._turn(news[0].owner) as connection:
            for stored in sorted(news, key=lambda each: each.id):
                new = {"new_size": stored.size, "new_type": stored.media_type, "new_sum": stored.sha256}
                if not connection.execute(sql.KEEP, {"which": stored.id, "now": now, **new}).rowcount:
                    raise NotFound("file_gone")
            if replaces:
                owner = connection.scalar(sql.OWNER, {"which": news[0].id})
                saved = connection.scalars(sql.SAVED, {"whose": owner, "chat": replaces}).all()
                gone = _end(connection, set(saved) - {stored.id for stored in news}, now)
        return gone

    @again()
    def drop(self, ids: Sequence[str]) -> None:
        named = sorted(filter(known, ids))
        with writing(self._engine) as connection:
            for start in range(0, len(named), AT_ONCE):
                connection.execute(sql.DROP, {"ids": named[start : start + AT_ONCE]})

    # -- there ---------------------------------------------------------------------------------------

    def get(self, owner: str, file_id: str, now: datetime) -> Stored:
        _known(owner, file_id)
        with reading(self._engine) as connection:
            row = connection.execute(sql.GET, {"which": file_id, "whose": owner, "now": now}).mappings().first()
        if row is None:
            raise NotFound("file_gone")
        return Stored(**row)

    def of(self, owner: str, now: datetime, limit: int = 100, before: str = "") -> list[Stored]:
        if not known(owner) or (before and not known(before)):
            return []
        values: dict[str, Any] = {"whose": owner, "now": now, "most": limit}
        with reading(self._engine) as connection:
            if before:
                at = connection.scalar(sql.CREATED, {"which": before, "whose": owner})
                if at is None:
                    return []
                values |= {"at": at, "last": before}
            rows = connection.execute(sql.AFTER if before else sql.OF, values).mappings()
            return [Stored(**row) for row in rows]

    @again()
    def remove(self, owner: str, file_id: str, now: datetime, until: datetime) -> tuple[Stored, list[str]]:
        stored = self.get(owner, file_id, now)
        with self._turn(owner) as connection:
            mine = {"which": file_id, "whose": owner, "now": now}
            if not connection.execute(sql.REMOVE, mine | {"until": until}).rowcount:
                raise NotFound("file_gone")
            before = connection.scalars(sql.REMOVED_BEFORE, {"whose": owner}).all()
            return stored, _end(connection, set(before) - {file_id}, now, sql.REMOVED)

    @again()
    def restore(self, owner: str, file_id: str, room: Room, now: datetime) -> Stored:
        _known(owner, file_id)
        mine = {"which": file_id, "whose": owner, "now": now}
        with self._turn(owner) as connection:
            row = connection.execute(sql.GET_REMOVED, mine).mappings().first()
            if row is None:
                raise NotFound("file_gone")
            stored = Stored(**row)
            _room(connection, stored, msgspec.structs.replace(room, least=stored.size), now)
            if not connection.execute(sql.RESTORE, mine).rowcount:
                raise NotFound("file_gone")
        return stored

    @again()
    def make_permanent(self, owner: str, file_id: str, now: datetime) -> Stored:
        _known(owner, file_id)
        with writing(self._engine) as connection:
            done = connection.execute(sql.MAKE_PERMANENT, {"which": file_id, "whose": owner, "now": now}).rowcount
        stored = self.get(owner, file_id, now)
        if not done:
            raise Conflict("file_of_chat")
        return stored

    def quota(self, owner: str, now: datetime) -> tuple[int, int]:
        if not known(owner):
            return 0, 0
        with reading(self._engine) as connection:
            files, size = connection.execute(sql.TAKEN, {"whose": owner, "now": now}).one()
        return int(files), int(size)

    # -- keeping order -------------------------------------------------------------------------------

    @again()
    def take_ended(self, now: datetime, limit: int = 100) -> list[str]:
        with writing(self._engine) as connection:
            ids = sorted(connection.scalars(sql.ENDED, {"now": now, "most": limit}))
            # Asked again for each: it may have been made permanent in between.
            return [each for each in ids if connection.execute(sql.END_ENDED, {"which": each, "now": now}).rowcount]

    def known(self, ids: Sequence[str]) -> set[str]:
        named, found = list(filter(known, ids)), set[str]()
        with reading(self._engine) as connection:
            for start in range(0, len(named), AT_ONCE):
                found.update(connection.scalars(sql.KNOWN, {"ids": named[start : start + AT_ONCE]}))
        return found

    @again()
    def move(self, guest: str, user_id: str) -> None:
        if known(guest, user_id):
            with writing(self._engine) as connection:
                connection.execute(sql.GIVE, {"whose": guest, "new_owner": user_id})

    @again()
    def erase_owner(self, owner: str) -> list[str]:
        if not known(owner):
            return []
        with self._turn(owner) as connection:
            ids = list(connection.scalars(sql.OWNED, {"whose": owner}))
            connection.execute(sql.ERASE_OWNER, {"whose": owner})
        if ids:
            forget_log(self._engine)
        return ids

    def _turn(self, owner: str) -> Any:
        return in_turn(self._engine, f"files {owner}")


def _room(connection: Connection, stored: Stored, room: Room, now: datetime) -> int:
    """Return how many bytes there is room for, up to the file's size. Raises Conflict."""
    whose = {"whose": stored.owner, "now": now, "chat": room.replaces or stored.chat_id}
    files, size = connection.execute(sql.TAKEN_BUT if room.replaces else sql.TAKEN, whose).one()
    if stored.purpose == "chat" and room.saved_chats is not None:
        chat = whose | {"chat": stored.chat_id}
        (rows, chats), (saves, _) = (connection.execute(each, chat).one() for each in (sql.OTHER_CHATS, sql.SAVES))
        if chats + 1 > room.saved_chats or (not room.replaces and rows + saves + 1 > SAVE_FILES * room.saved_chats):
            raise Conflict("chats_full")
    if stored.purpose == "upload" and files + 1 > room.files:
        raise Conflict("files_full")
    left = room.bytes - int(size)
    if left < room.least or left < 1:
        raise Conflict("files_heavy")
    return min(stored.size, left)


def _not_sent(connection: Connection, owner: str, key: str, now: datetime) -> None:
    """Raises Conflict("file_sent", "file_coming") where a file of this key is there or coming."""
    row = connection.execute(sql.SENT, {"whose": owner, "key": key}).first()
    if row is None:
        return
    if row.ends_at is not None and row.ends_at <= now:  # its time is over: the key is free again
        connection.execute(sql.FORGET_KEY, {"which": row.id})
    elif row.state == sql.COMING:
        raise Conflict("file_coming")
    else:
        raise Conflict("file_sent", file_id=row.id)


def _end(connection: Connection, ids: set[str], now: datetime, *was: str) -> list[str]:
    """Have these be files no more; return those that were."""
    states = was or (sql.THERE, sql.REMOVED)
    return [
        each
        for each in sorted(ids)
        if any(connection.execute(sql.END, {"which": each, "was": state, "now": now}).rowcount for state in states)
    ]


def _known(owner: str, file_id: str) -> None:
    if not known(owner, file_id):
        raise NotFound("file_gone")
