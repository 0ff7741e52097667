"""Files in memory: rows and bytes. The contract tests hold them to what SQL, disks and S3 do."""

import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from domain.errors import BadInput, Conflict, NotFound, Unavailable
from domain.filing.model import Stored
from domain.filing.ports import SAVE_FILES, Room
from domain.membership.model import Allowance, Feature

COMING = timedelta(hours=1)
UNSEEN = "\0"


class MemoryBlobs:
    """`fail` is raised by every call while it is set; `full` is how many bytes there is room for."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.kept: dict[str, tuple[bytes, datetime]] = {}
        self.fail: Exception | None = None
        self.full: int | None = None
        self._now = now

    async def put(self, key: str, data: AsyncIterator[bytes]) -> int:
        self._check()
        body = bytearray()
        async for piece in data:
            body += piece
            if self.full is not None and len(body) + sum(len(each) for each, _ in self.kept.values()) > self.full:
                raise Unavailable("disk_full")
        self.kept[key] = bytes(body), self._now()
        return len(body)

    async def get(self, key: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        self._check()
        if key not in self.kept:
            raise NotFound("file_gone")
        body = self.kept[key][0][start:end]
        for place in range(0, len(body), 65_536):
            yield body[place : place + 65_536]

    async def delete(self, keys: Sequence[str]) -> None:
        self._check()
        for key in keys:
            self.kept.pop(key, None)

    async def keys(self, prefix: str = "") -> AsyncGenerator[tuple[str, datetime], None]:
        self._check()
        for key, (_, at) in sorted(self.kept.items()):
            if not prefix or key.startswith(f"{prefix}/"):
                yield key, at

    async def clear(self, before: datetime) -> int:
        self._check()
        return 0

    async def close(self) -> None:
        return

    def _check(self) -> None:
        if self.fail is not None:
            raise self.fail


class _Row(msgspec.Struct):
    stored: Stored
    state: str
    ends_at: datetime | None
    key: str = ""

    def live(self, now: datetime) -> bool:
        return self.ends_at is None or self.ends_at > now


class MemoryFiles:
    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._rows: dict[str, _Row] = {}

    def reserve(self, stored: Stored, room: Room, now: datetime, key: str = "") -> int:
        if not stored.owner or UNSEEN in stored.name:
            raise BadInput("text_unreadable")
        with self.lock:
            for row in self._rows.values():
                if key and row.stored.owner == stored.owner and row.key == key:
                    if not row.live(now):
                        row.key = ""
                    elif row.state == "coming":
                        raise Conflict("file_coming")
                    else:
                        raise Conflict("file_sent", file_id=row.stored.id)
            size = self._room(stored, room, now)
            coming = msgspec.structs.replace(stored, size=size)
            self._rows[stored.id] = _Row(coming, "coming", now + COMING, key)
            return size

    def keep(self, news: Sequence[Stored], now: datetime, replaces: str = "") -> list[str]:
        with self.lock:
            rows = [self._rows.get(each.id) for each in news]
            if not all(row is not None and row.state == "coming" and row.live(now) for row in rows):
                raise NotFound("file_gone")
            owner = news[0].owner
            for row, stored in zip(rows, news, strict=True):
                assert row is not None
                owner = row.stored.owner
                row.stored = msgspec.structs.replace(stored, owner=owner)
                row.state, row.ends_at = "there", stored.expires_at
            ids = {each.id for each in news}
            old = [
                row for row in self._rows.values()
                if replaces and row.stored.owner == owner and row.stored.purpose == "chat"
                and row.stored.chat_id == replaces and row.state in ("there", "removed") and row.stored.id not in ids
            ]  # fmt: skip
            return [self._end(row, now) for row in old]

    def drop(self, ids: Sequence[str]) -> None:
        with self.lock:
            for file_id in ids:
                self._rows.pop(file_id, None)

    def get(self, owner: str, file_id: str, now: datetime) -> Stored:
        with self.lock:
            return self._file(owner, file_id, now).stored

    def of(self, owner: str, now: datetime, limit: int = 100, before: str = "") -> list[Stored]:
        with self.lock:
            last = self._rows.get(before)
            if before and (last is None or last.stored.owner != owner):
                return []
            files = [
                row.stored
                for row in self._rows.values()
                if row.stored.owner == owner and row.state == "there" and row.live(now)
            ]
            files.sort(key=lambda each: (each.created_at, each.id), reverse=True)
            if last is not None:
                place = (last.stored.created_at, last.stored.id)
                files = [each for each in files if (each.created_at, each.id) < place]
            return files[:limit]

    def remove(self, owner: str, file_id: str, now: datetime, until: datetime) -> tuple[Stored, list[str]]:
        with self.lock:
            row = self._file(owner, file_id, now)
            before = [
                each for each in self._rows.values() if each.stored.owner == owner and each.state == "removed"
            ]
            row.state, row.ends_at, row.key = "removed", until, ""
            return row.stored, [self._end(each, now) for each in before]

    def restore(self, owner: str, file_id: str, room: Room, now: datetime) -> Stored:
        with self.lock:
            row = self._rows.get(file_id)
            if row is None or row.stored.owner != owner or row.state != "removed" or not row.live(now):
                raise NotFound("file_gone")
            self._room(row.stored, msgspec.structs.replace(room, least=row.stored.size), now)
            if row.stored.expires_at is not None and row.stored.expires_at <= now:
                raise NotFound("file_gone")
            row.state, row.ends_at = "there", row.stored.expires_at
            return row.stored

    def make_permanent(self, owner: str, file_id: str, now: datetime) -> Stored:
        with self.lock:
            row = self._file(owner, file_id, now)
            if row.stored.purpose == "attachment":
                raise Conflict("file_of_chat")
            row.stored = msgspec.structs.replace(row.stored, area="permanent", expires_at=None)
            row.ends_at = None
            return row.stored

    def quota(self, owner: str, now: datetime) -> tuple[int, int]:
        with self.lock:
            taken = self._taken(owner, now)
            return sum(row.stored.purpose == "upload" for row in taken), sum(row.stored.size for row in taken)

    def take_ended(self, now: datetime, limit: int = 100) -> list[str]:
        with self.lock:
            ended = [row for row in self._rows.values() if row.ends_at is not None and row.ends_at <= now]
            ended.sort(key=lambda row: row.ends_at or now)
            for row in ended[:limit]:
                row.state, row.key = "ending", ""
            return sorted(row.stored.id for row in ended[:limit])

    def known(self, ids: Sequence[str]) -> set[str]:
        with self.lock:
            return set(ids) & set(self._rows)

    def move(self, guest: str, user_id: str) -> None:
        with self.lock:
            for row in self._rows.values():
                if row.stored.owner == guest:
                    row.stored, row.key = msgspec.structs.replace(row.stored, owner=user_id), ""

    def erase_owner(self, owner: str) -> list[str]:
        with self.lock:
            ids = [file_id for file_id, row in self._rows.items() if row.stored.owner == owner]
            for file_id in ids:
                del self._rows[file_id]
            return ids

    def _file(self, owner: str, file_id: str, now: datetime) -> _Row:
        row = self._rows.get(file_id)
        if row is None or row.stored.owner != owner or row.state != "there" or not row.live(now):
            raise NotFound("file_gone")
        return row

    def _taken(self, owner: str, now: datetime) -> list[_Row]:
        return [
            row
            for row in self._rows.values()
            if row.stored.owner == owner and row.state in ("there", "coming") and row.live(now)
        ]

    def _room(self, stored: Stored, room: Room, now: datetime) -> int:
        taken = self._taken(stored.owner, now)
        if room.saved_chats is not None and stored.purpose == "chat":
            saved = [row.stored.chat_id for row in taken if row.stored.purpose == "chat"]
            many = not room.replaces and len(saved) + 1 > SAVE_FILES * room.saved_chats
            if many or len({*saved} - {stored.chat_id}) + 1 > room.saved_chats:
                raise Conflict("chats_full")
        counted = [
            row for row in taken
            if not (room.replaces and row.state == "there" and row.stored.purpose == "chat"
                    and row.stored.chat_id == room.replaces)
        ]  # fmt: skip
        uploads = sum(row.stored.purpose == "upload" for row in counted)
        if stored.purpose == "upload" and uploads + 1 > room.files:
            raise Conflict("files_full")
        left = room.bytes - sum(row.stored.size for row in counted)
        if left < max(room.least, 1):
            raise Conflict("files_heavy")
        return min(stored.size, left)

    def _end(self, row: _Row, now: datetime) -> str:
        row.state, row.ends_at, row.key = "ending", now, ""
        return row.stored.id


class Generous:
    """Allowances of a test: plenty of everything that is not named here."""

    def __init__(self, better: str = "plus", **limits: int) -> None:
        self.limits, self.better = limits, better

    def allowance(self, owner: str, feature: Feature) -> Allowance:
        return Allowance(self.limits.get(feature, 10**12), "", better=self.better if feature in self.limits else "")
