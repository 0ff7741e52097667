"""Chats in SQL: domain.ports.Chats on SQLite, MySQL or PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Engine, Update
from sqlalchemy.exc import IntegrityError

from db import chat_sql as sql
from db.again import again
from db.chat_rows import chat_of, found, message_of, mine_of, or_none, row_of, take, take_any, texts_of
from db.work import check_names, check_texts, forget_log, known, new_id, reading, writing
from domain.chat import Chat, Message, Reply
from domain.errors import Conflict, NotFound
from domain.persona import Language

PURGE_AT_ONCE = 200  # chats erased in one transaction, so that nobody waits long for the write lock


class SqlChats:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # -- chats -------------------------------------------------------------------------------------

    @again()
    def create(self, guest: str, persona_id: str, language: Language, title: str, now: datetime) -> Chat:
        check_names(guest, persona_id)
        check_texts(title)
        chat = Chat(new_id(), guest, persona_id, language, title, now, now)
        with writing(self._engine) as connection:
            connection.execute(sql.CREATE, {**msgspec.structs.asdict(chat), "last_seq": 0})
        return chat

    def get(self, guest: str, chat_id: str) -> Chat:
        with reading(self._engine) as connection:
            return chat_of(connection, mine_of(guest, chat_id))

    def recent(self, guest: str, limit: int = 50, before: datetime | None = None) -> list[Chat]:
        if not known(guest):
            return []
        statement = sql.RECENT if before is None else sql.RECENT_BEFORE
        values = {"owner": guest, "most": limit} | ({} if before is None else {"before": before})
        with reading(self._engine) as connection:
            return [Chat(*row) for row in connection.execute(statement, values)]

    def rename(self, guest: str, chat_id: str, title: str) -> Chat:
        check_texts(title)
        return self._change(sql.RENAME, mine_of(guest, chat_id), words=title)

    def name(self, guest: str, chat_id: str, title: str) -> Chat:
        check_texts(title)
        return self._change(sql.NAME, mine_of(guest, chat_id), words=title)

    @again()
    def delete(self, guest: str, chat_id: str, now: datetime) -> None:
        """Deleting it again changes nothing: the first time counts for `purge`."""
        mine = mine_of(guest, chat_id)
        with writing(self._engine) as connection:
            if take_any(connection, mine).deleted_at is None:
                connection.execute(sql.PUT_AWAY, {"chat": chat_id, "when": now})

    @again()
    def restore(self, guest: str, chat_id: str) -> Chat:
        mine = mine_of(guest, chat_id)
        with writing(self._engine) as connection:
            take_any(connection, mine)
            connection.execute(sql.PUT_AWAY, {"chat": chat_id, "when": None})
            return chat_of(connection, mine)

    def purge(self, deleted_before: datetime) -> int:
        with reading(self._engine) as connection:
            ids = connection.scalars(sql.PURGEABLE, {"before": deleted_before}).all()
        starts = range(0, len(ids), PURGE_AT_ONCE)
        gone = sum(self._purge(ids[start : start + PURGE_AT_ONCE], deleted_before) for start in starts)
        if gone:
            forget_log(self._engine)
        return gone

    @again()
    def _purge(self, ids: Sequence[str], deleted_before: datetime) -> int:
        """The time is asked again, since a chat may have been restored in between: it then stays."""
        with writing(self._engine) as connection:
            return connection.execute(sql.PURGE, {"ids": ids, "before": deleted_before}).rowcount

    def summarise(self, guest: str, chat_id: str, summary: str, upto: int) -> Chat:
        """A summary that covers less than the one that is kept came too late: it changes nothing."""
        check_texts(summary)
        return self._change(sql.SUMMARISE, mine_of(guest, chat_id), words=summary, upto=upto)

    @again()
    def _change(self, statement: Update, mine: Mapping[str, str], **values: object) -> Chat:
        with writing(self._engine) as connection:
            take(connection, mine)
            connection.execute(statement, {"chat": mine["chat"], **values})
            return chat_of(connection, mine)

    # -- what was said -----------------------------------------------------------------------------

    def messages(self, guest: str, chat_id: str, after: int = 0) -> list[Message]:
        with reading(self._engine) as connection:
            rows = connection.execute(sql.MESSAGES, mine_of(guest, chat_id) | {"after": after}).all()
        found(rows)
        return [message_of(row) for row in rows if row.id is not None]

    def message(self, guest: str, chat_id: str, message_id: str) -> Message:
        mine = mine_of(guest, chat_id)
        with reading(self._engine) as connection:
            row = found(connection.execute(sql.ONE_MESSAGE, mine | {"message": or_none(message_id)}).first())
        if row.id is None:
            raise NotFound("message_gone")
        return message_of(row)

    @again()
    def heard(self, guest: str, chat_id: str, turn_id: str, key: str, text: str, now: datetime) -> Message:
        check_names(turn_id, key)
        check_texts(text)
        mine = mine_of(guest, chat_id)
        try:
            with writing(self._engine) as connection:
                last = take(connection, mine).last_seq
                before = connection.scalar(sql.KEY_USED, {"chat": chat_id, "key": key})
                if before is not None:
                    raise Conflict("turn_exists", turn_id=before)
                message = Message(new_id(), chat_id, turn_id, last + 1, "user", text, now)
                connection.execute(sql.SPEAK, {"chat": chat_id, "now": now, "last": last + 2})
                turn = {"chat_id": chat_id, "id": turn_id, "key": key, "seq": message.seq, "forgotten": False}
                connection.execute(sql.ADD_TURN, turn)
                connection.execute(sql.ADD_MESSAGE, row_of(message))
                return message
        except IntegrityError as error:  # the turn was opened before, under another key
            raise Conflict("turn_exists", turn_id=self.turn_of_key(guest, chat_id, key) or turn_id) from error

    @again()
    def said(self, guest: str, chat_id: str, turn_id: str, reply: Reply, now: datetime) -> Message:
        """Raises NotFound("turn_gone") for a turn that was never opened or that was forgotten."""
        check_texts(reply.text, *(cue.text for cue in reply.cues), *texts_of(reply.sources))
        mine = mine_of(guest, chat_id)
        with writing(self._engine) as connection:
            last = take(connection, mine).last_seq
            turn = connection.execute(sql.REPLIED, {"chat": chat_id, "turn": or_none(turn_id)}).first()
            if turn is None or turn.forgotten:
                raise NotFound("turn_gone")
            message = Message(
                turn.id or new_id(), chat_id, turn_id, turn.seq + 1, "assistant", reply.text, now,
                reply.interrupted, reply.cues, reply.receipt, reply.sources,
            )  # fmt: skip
            connection.execute(sql.SPEAK, {"chat": chat_id, "now": now, "last": last})
            row = row_of(message)
            if turn.id is None:
                connection.execute(sql.ADD_MESSAGE, row)
            else:
                connection.execute(sql.REPLACE, {f"new_{name}": row[name] for name in sql.REPLACED})
        return message

    @again()
    def unsay(self, guest: str, chat_id: str, turn_id: str) -> None:
        """Of a turn that was never opened there is nothing to forget; that is no error."""
        mine = mine_of(guest, chat_id)
        this = {"chat": chat_id, "turn": or_none(turn_id)}
        with writing(self._engine) as connection:
            take(connection, mine)
            turn = connection.execute(sql.REPLIED, this).first()
            if turn is not None:
                connection.execute(sql.FORGET, this)
                connection.execute(sql.ERASE, {"chat": chat_id, "place": turn.seq})

    def turn(self, guest: str, chat_id: str, turn_id: str) -> tuple[Message | None, Message | None]:
        """A forgotten turn gives (None, None)."""
        mine = mine_of(guest, chat_id)
        with reading(self._engine) as connection:
            rows = connection.execute(sql.TURN, mine | {"turn": or_none(turn_id)}).all()
        if found(rows)[0].known_turn is None:
            raise NotFound("turn_gone")
        kept = {message.role: message for message in (message_of(row) for row in rows if row.id is not None)}
        return kept.get("user"), kept.get("assistant")

    def turn_of_key(self, guest: str, chat_id: str, key: str) -> str | None:
        mine = mine_of(guest, chat_id)
        with reading(self._engine) as connection:
            row = found(connection.execute(sql.TURN_OF_KEY, mine | {"key": or_none(key)}).first())
        turn_id: str | None = row[0]
        return turn_id
