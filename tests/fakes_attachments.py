"""Attachments in memory, and what else attaching needs from the world, for tests of everything above them."""

import asyncio
import threading
from collections.abc import Sequence
from datetime import datetime

import msgspec

from domain.errors import BadInput, Conflict, NotFound, ParleyError
from domain.filing.model import Attachment, Read
from tests.fakes_stores import MemoryChats


class MemoryAttachments:
    """Implements domain.filing.ports.Attachments. tests/db holds it to the same contract as SQL."""

    def __init__(self, chats: MemoryChats) -> None:
        self._chats = chats
        self._lock = threading.RLock()
        self._rows: dict[str, Attachment] = {}

    def add(self, attachment: Attachment, most: int) -> None:
        _readable(attachment)
        with self._lock:
            self._chats_get(attachment.owner, attachment.chat_id)
            if sum(1 for one in self._all() if one.chat_id == attachment.chat_id and not one.turn_id) >= most:
                raise Conflict("attachments_waiting", most=most)
            self._rows[attachment.id] = attachment

    def get(self, owner: str, chat_id: str, attachment_id: str) -> Attachment:
        with self._lock:
            found = self._rows.get(attachment_id)
            if found is None or found not in self._mine(owner, chat_id):
                raise NotFound("attachment_gone")
            return found

    def save(self, attachment: Attachment) -> bool:
        _readable(attachment)
        with self._lock:
            before = {one.id: one for one in self._all()}.get(attachment.id)
            if before is None or before.state != "reading":
                return False
            kept = {"turn_id": before.turn_id, "created_at": before.created_at}
            self._rows[attachment.id] = msgspec.structs.replace(attachment, **kept)
            return True

    def read_again(self, owner: str, chat_id: str, attachment_id: str, now: datetime) -> Attachment:
        with self._lock:
            found = self.get(owner, chat_id, attachment_id)
            if found.state != "failed":
                raise Conflict("attachment_reading")
            return self._change(found, state="reading", error="", share=0.0, moved_at=now)

    def waiting(self, owner: str, chat_id: str) -> list[Attachment]:
        return [_head(one) for one in self._mine(owner, chat_id) if not one.turn_id]

    def of_chat(self, owner: str, chat_id: str) -> list[Attachment]:
        return [_head(one) for one in self._mine(owner, chat_id) if one.turn_id]

    def to_show(self, owner: str, chat_id: str, ids: Sequence[str], most: int) -> list[Attachment]:
        ready = [one for one in self._mine(owner, chat_id) if one.state == "ready"]
        earlier = [one for one in ready if one.turn_id][-most:] if most else []
        return [one for one in ready if one.id in ids or one in earlier]

    def take(self, owner: str, chat_id: str, ids: Sequence[str], turn_id: str) -> list[Attachment]:
        with self._lock:
            mine = [one for one in self._mine(owner, chat_id) if one.id in ids and one.state == "ready"]
            return [_head(self._change(one, turn_id=turn_id)) for one in mine]

    def give_back(self, owner: str, chat_id: str, turn_id: str) -> None:
        with self._lock:
            for one in self._mine(owner, chat_id):
                if one.turn_id == turn_id:
                    self._change(one, turn_id="")

    def remove(self, owner: str, chat_id: str, attachment_id: str) -> Attachment:
        with self._lock:
            found = self.get(owner, chat_id, attachment_id)
            if found.turn_id:
                raise Conflict("attachment_sent")
            return self._rows.pop(attachment_id)

    def silent(self, before: datetime, limit: int = 100) -> list[Attachment]:
        found = [_head(one) for one in self._all() if one.state == "reading" and one.moved_at < before]
        return sorted(found, key=lambda one: one.moved_at)[:limit]

    def purgeable(self, deleted_before: datetime) -> list[Attachment]:
        put_away = {one.id: self._chats._books[one.chat_id].chat.deleted_at for one in self._all()}
        return [
            _head(one) for one in self._all() if (at := put_away[one.id]) is not None and at < deleted_before
        ]

    def owned(self, owner: str) -> list[Attachment]:
        return [one for one in self._all() if one.owner == owner]

    def _all(self) -> list[Attachment]:
        """Return those whose chats are still there, oldest first."""
        with self._lock:
            there = [one for one in self._rows.values() if one.chat_id in self._chats._books]
        return sorted(there, key=lambda one: (one.created_at, one.id))

    def _mine(self, owner: str, chat_id: str) -> list[Attachment]:
        try:
            self._chats_get(owner, chat_id)
        except NotFound:
            return []
        return [one for one in self._all() if one.chat_id == chat_id]

    def _chats_get(self, owner: str, chat_id: str) -> None:
        self._chats.get(owner, chat_id)

    def _change(self, one: Attachment, **values: object) -> Attachment:
        self._rows[one.id] = msgspec.structs.replace(one, **values)
        return self._rows[one.id]


def _head(one: Attachment) -> Attachment:
    return msgspec.structs.replace(one, text="")


def _readable(attachment: Attachment) -> None:
    for text in (attachment.name, attachment.url, attachment.text, attachment.media_type):
        if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
            raise BadInput("text_unreadable")


class PaperReader:
    """Reads what a test gives it to read: text as it is, or what `found` has for a name. `gate` holds it up."""

    def __init__(self) -> None:
        self.found: dict[str, Read | ParleyError] = {}
        self.asked: list[str] = []
        self.gate: asyncio.Event | None = None
        self.closed = False
        self._news = asyncio.Condition()

    async def read(self, data: bytes, name: str) -> Read:
        async with self._news:
            self.asked.append(name)
            self._news.notify_all()
        if self.gate is not None:
            await self.gate.wait()
        found = self.found.get(name)
        if isinstance(found, ParleyError):
            raise found
        return found or Read(kind="text", media_type="text/plain", text=data.decode())

    async def began(self, many: int) -> None:
        """Wait until so many have been begun."""
        async with self._news:
            await self._news.wait_for(lambda: len(self.asked) >= many)

    async def close(self) -> None:
        self.closed = True
