"""The stores in memory, for tests of everything above them. tests/db holds them to the same contract as SQL."""

import secrets
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import msgspec

from domain.chat import Chat, Message, Reply
from domain.errors import BadInput, Conflict, NotFound
from domain.persona import Language, Persona
from domain.usage import Call, CallKind, Day, Sum, TurnCost

Given = ParamSpec("Given")
Result = TypeVar("Result")


class _Book(msgspec.Struct):
    """A chat with all it holds."""

    chat: Chat
    turns: dict[str, int] = {}  # turn id -> the `seq` of the user's message
    keys: dict[str, str] = {}  # idempotency key -> turn id
    forgotten: set[str] = set()
    messages: dict[int, Message] = {}  # by `seq`
    last_seq: int = 0


def one_at_a_time(
    method: Callable[Concatenate["MemoryChats", Given], Result],
) -> Callable[Concatenate["MemoryChats", Given], Result]:
    @wraps(method)
    def locked(self: "MemoryChats", /, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        with self.lock:
            return method(self, *args, **kwargs)

    return locked


class MemoryChats:
    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._books: dict[str, _Book] = {}

    @one_at_a_time
    def create(self, guest: str, persona_id: str, language: Language, title: str, now: datetime) -> Chat:
        _names(guest, persona_id)
        _readable(title)
        chat = Chat(secrets.token_hex(10), guest, persona_id, language, title, now, now)
        self._books[chat.id] = _Book(chat)
        return chat

    @one_at_a_time
    def get(self, guest: str, chat_id: str) -> Chat:
        return self._mine(guest, chat_id).chat

    @one_at_a_time
    def recent(self, guest: str, limit: int = 50, before: datetime | None = None) -> list[Chat]:
        mine = [b.chat for b in self._books.values() if b.chat.guest == guest and b.chat.deleted_at is None]
        mine.sort(key=lambda chat: chat.spoken_at, reverse=True)
        return [chat for chat in mine if before is None or chat.spoken_at < before][:limit]

    @one_at_a_time
    def rename(self, guest: str, chat_id: str, title: str) -> Chat:
        _readable(title)
        return self._change(self._mine(guest, chat_id), title=title)

    @one_at_a_time
    def name(self, guest: str, chat_id: str, title: str) -> Chat:
        _readable(title)
        book = self._mine(guest, chat_id)
        return self._change(book, title=book.chat.title or title)

    @one_at_a_time
    def delete(self, guest: str, chat_id: str, now: datetime) -> None:
        book = self._owned(guest, chat_id)
        if book.chat.deleted_at is None:
            self._change(book, deleted_at=now)

    @one_at_a_time
    def restore(self, guest: str, chat_id: str) -> Chat:
        return self._change(self._owned(guest, chat_id), deleted_at=None)

    @one_at_a_time
    def purge(self, deleted_before: datetime) -> int:
        put_away = {key: book.chat.deleted_at for key, book in self._books.items()}
        gone = [key for key, at in put_away.items() if at is not None and at < deleted_before]
        for chat_id in gone:
            del self._books[chat_id]
        return len(gone)

    @one_at_a_time
    def summarise(self, guest: str, chat_id: str, summary: str, upto: int) -> Chat:
        _readable(summary)
        book = self._mine(guest, chat_id)
        if upto < book.chat.summary_upto:
            return book.chat
        return self._change(book, summary=summary, summary_upto=upto)

    @one_at_a_time
    def messages(self, guest: str, chat_id: str, after: int = 0) -> list[Message]:
        book = self._mine(guest, chat_id)
        return [message for seq, message in sorted(book.messages.items()) if seq > after]

    @one_at_a_time
    def message(self, guest: str, chat_id: str, message_id: str) -> Message:
        for message in self._mine(guest, chat_id).messages.values():
            if message.id == message_id:
                return message
        raise NotFound("message_gone")

    @one_at_a_time
    def heard(self, guest: str, chat_id: str, turn_id: str, key: str, text: str, now: datetime) -> Message:
        _names(turn_id, key)
        _readable(text)
        book = self._mine(guest, chat_id)
        before = book.keys.get(key, turn_id if turn_id in book.turns else None)
        if before is not None:
            raise Conflict("turn_exists", turn_id=before)
        seq = book.last_seq + 1
        book.last_seq += 2  # the reply's place is kept for it
        book.turns[turn_id], book.keys[key] = seq, turn_id
        message = book.messages[seq] = Message(secrets.token_hex(10), chat_id, turn_id, seq, "user", text, now)
        self._change(book, spoken_at=now)
        return message

    @one_at_a_time
    def said(self, guest: str, chat_id: str, turn_id: str, reply: Reply, now: datetime) -> Message:
        _readable(reply.text, *(cue.text for cue in reply.cues), *(one.text for one in reply.sources.citations))
        book = self._mine(guest, chat_id)
        if turn_id not in book.turns or turn_id in book.forgotten:
            raise NotFound("turn_gone")
        seq = book.turns[turn_id] + 1
        first = book.messages.get(seq)
        message = book.messages[seq] = Message(
            first.id if first else secrets.token_hex(10), chat_id, turn_id, seq, "assistant", reply.text, now,
            reply.interrupted, reply.cues, reply.receipt, reply.sources,
        )  # fmt: skip
        self._change(book, spoken_at=now)
        return message

    @one_at_a_time
    def unsay(self, guest: str, chat_id: str, turn_id: str) -> None:
        book = self._mine(guest, chat_id)
        if turn_id in book.turns:
            book.forgotten.add(turn_id)
            seq = book.turns[turn_id]
            book.messages.pop(seq, None)
            book.messages.pop(seq + 1, None)

    @one_at_a_time
    def turn(self, guest: str, chat_id: str, turn_id: str) -> tuple[Message | None, Message | None]:
        book = self._mine(guest, chat_id)
        if turn_id not in book.turns:
            raise NotFound("turn_gone")
        seq = book.turns[turn_id]
        return book.messages.get(seq), book.messages.get(seq + 1)

    @one_at_a_time
    def turn_of_key(self, guest: str, chat_id: str, key: str) -> str | None:
        return self._mine(guest, chat_id).keys.get(key)

    def _owned(self, guest: str, chat_id: str) -> _Book:
        book = self._books.get(chat_id)
        if book is None or book.chat.guest != guest:
            raise NotFound("chat_gone")
        return book

    def _mine(self, guest: str, chat_id: str) -> _Book:
        book = self._owned(guest, chat_id)
        if book.chat.deleted_at is not None:
            raise NotFound("chat_gone")
        return book

    def _change(self, book: _Book, **values: object) -> Chat:
        book.chat = msgspec.structs.replace(book.chat, **values)
        return book.chat


class MemoryPersonas:
    def __init__(self, shipped: Sequence[Persona] = ()) -> None:
        self._known: dict[str, Persona] = {}
        self._shown: list[str] = []
        self._removed: set[str] = set()
        self.seed(shipped)

    def all(self) -> list[Persona]:
        return [self._known[persona_id] for persona_id in self._shown if persona_id not in self._removed]

    def get(self, persona_id: str) -> Persona:
        if persona_id not in self._known or persona_id in self._removed:
            raise NotFound("character_gone")
        return self._known[persona_id]

    def seed(self, shipped: Sequence[Persona]) -> None:
        self._known |= {persona.id: persona for persona in shipped}
        self._shown = [persona.id for persona in shipped]

    def remove(self, persona_id: str, now: datetime) -> None:
        if persona_id not in self._known:
            raise NotFound("character_gone")
        self._removed.add(persona_id)

    def bring_back(self, persona_id: str) -> None:
        if persona_id not in self._known:
            raise NotFound("character_gone")
        self._removed.discard(persona_id)


class MemoryLedger:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, Call] = {}

    def record(self, calls: Sequence[Call]) -> int:
        for call in calls:
            _row(call)
        with self._lock:
            before = len(self._rows)
            for call in calls:
                self._rows.setdefault(call.id, call)
            return len(self._rows) - before

    def turn(self, turn_id: str) -> list[Call]:
        return [] if turn_id == "" else [call for call in self._sorted() if call.turn_id == turn_id]

    def turns(self, limit: int = 50, before: datetime | None = None) -> list[TurnCost]:
        by_turn: dict[str, list[Call]] = {}
        for call in self._sorted():
            by_turn.setdefault(call.turn_id, []).append(call)
        by_turn.pop("", None)
        costs = [
            TurnCost(
                turn_id, calls[0].at, len(calls), sum(c.engine_ms for c in calls), sum(c.microusd for c in calls)
            )
            for turn_id, calls in by_turn.items()
        ]
        costs.sort(key=lambda cost: (cost.at, cost.turn_id), reverse=True)
        return [cost for cost in costs if before is None or cost.at < before][:limit]

    def days(self, since: date) -> list[Day]:
        calls = [call for call in self._sorted() if _day(call) >= since]
        turns = Counter(day for day, turn_id in {(_day(call), call.turn_id) for call in calls} if turn_id)
        spent: Counter[date] = Counter()
        for call in calls:
            spent[_day(call)] += call.microusd
        many = Counter(map(_day, calls))
        return [Day(day, turns[day], many[day], spent[day]) for day in sorted(many, reverse=True)]

    def sums(self, since: date, until: date) -> list[Sum]:
        kinds: dict[CallKind, Sum] = {}
        for call in self._sorted():
            if since <= _day(call) <= until:
                old = kinds.get(call.kind, Sum(call.kind, 0, 0, 0, 0, 0, 0))
                kinds[call.kind] = Sum(
                    call.kind, old.calls + 1, old.engine_ms + call.engine_ms, old.audio_ms + call.audio_ms,
                    old.tokens_in + call.tokens_in, old.tokens_out + call.tokens_out, old.microusd + call.microusd,
                )  # fmt: skip
        return [kinds[kind] for kind in sorted(kinds)]

    def _sorted(self) -> list[Call]:
        with self._lock:
            return sorted(self._rows.values(), key=lambda call: (call.at, call.id))


def _day(call: Call) -> date:
    return call.at.astimezone(UTC).date()


def _row(call: Call) -> None:
    _names(call.id, call.kind, call.runtime, call.outcome, call.price_class, call.price_version)
    _names(*filter(None, (call.turn_id, call.remote_id, call.container)))
    for figure in (call.engine_ms, call.audio_ms, call.tokens_in, call.tokens_out, call.microusd):
        if type(figure) is not int or not 0 <= figure < 2**56:
            raise BadInput("form_bad")
    if call.at.tzinfo is None:
        raise BadInput("form_bad")


def _readable(*texts: str) -> None:
    for text in texts:
        if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
            raise BadInput("text_unreadable")


def _names(*names: str) -> None:
    if not all(0 < len(name) <= 64 and name.isascii() and name.isprintable() and " " not in name for name in names):
        raise BadInput("text_unreadable")
