"""Taking files in: room is reserved, bytes are written, rows are kept.

A program that dies in between leaves room that comes free within the hour and bytes that are swept, never half a file.
"""

import asyncio
import hashlib
import logging
from asyncio import to_thread as in_thread
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import nullcontext
from typing import Literal

import msgspec

from domain.errors import BadInput, Conflict, ParleyError, TooLong
from domain.filing.model import Area, Stored
from domain.filing.naming import cleaned, key_of, new_file_id
from domain.filing.pieces import chained, head_of, pieces_of
from domain.filing.places import Place, Places
from domain.filing.ports import Blobs, Files
from domain.filing.rooms import MB, Rooms
from domain.filing.sniffing import HEAD, sniff
from domain.membership.ports import FailPoint
from domain.ports import Clock

log = logging.getLogger(__name__)
FILE_BYTES = 50 * MB  # of one file
Purpose = Literal["upload", "chat", "attachment"]


class Coming(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is to be stored. Of streams `size` is how many bytes there are at most, `least` how many at least."""

    name: str
    data: AsyncIterator[bytes] | bytes
    size: int | None = None
    least: int = 1
    area: Area = "temporary"
    purpose: Purpose = "upload"
    chat_id: str = ""
    most: int = FILE_BYTES
    key: str = ""  # the sender's


class Intake:
    def __init__(
        self, files: Files, blobs: Blobs, rooms: Rooms, clock: Clock, point: FailPoint, wait_s: float
    ) -> None:
        self._files, self._blobs, self._rooms, self._clock, self._point = files, blobs, rooms, clock, point
        self._places = Places(clock, wait_s)
        self._tidying: set[asyncio.Task[None]] = set()

    async def take(self, owner: str, coming: Sequence[Coming], replaces: str = "") -> list[Stored]:
        """Store these, all or none; what was saved of the chat `replaces` before goes. Raises as Cabinet.put does."""
        ids = [new_file_id() for _ in coming]
        kept = False
        try:
            named = list(zip(ids, coming, strict=True))
            reserved = [await self._reserved(owner, file_id, one, replaces) for file_id, one in named]
            self._point("file_reserved")
            # What is in memory already is written at once: it waits for nobody who sends slowly.
            at_once = all(isinstance(one.data, bytes) for one in coming)
            async with nullcontext() if at_once else self._places.take(owner) as place:
                written = [
                    await self._written(stored, one, place) for stored, one in zip(reserved, coming, strict=True)
                ]
            self._point("file_written")
            kept = True  # who is cancelled from here on does not know: what was not kept, the sweep takes
            try:
                gone = await in_thread(self._files.keep, written, self._clock.now(), replaces)
            except Exception:
                kept = False
                raise
        finally:
            if not kept:
                await self._forgotten(ids)
        self._point("file_kept")
        await self.tidy(gone)
        return written

    async def sent_before(self, stored: Stored, coming: Coming) -> Stored:
        """It was sent before with this key: the same bytes are the same file. Nothing is written."""
        digest, size = hashlib.sha256(), 0
        async for piece in pieces_of(coming.data):
            size += len(piece)
            if size > coming.most:
                raise TooLong("file_large", most=coming.most // MB)
            digest.update(piece)
        if digest.hexdigest() != stored.sha256:
            raise Conflict("key_used")
        return stored

    async def erase(self, ids: Sequence[str]) -> None:
        """First the bytes: a row that is left is found again, bytes without one have to be searched for."""
        if ids:
            await self._blobs.delete([key_of(file_id) for file_id in ids])
            self._point("file_erased")
            await in_thread(self._files.drop, ids)

    async def tidy(self, ids: Sequence[str]) -> None:
        """Erase what is no file any more. What is out of reach waits for the sweep, and nobody has to hear of it."""
        try:
            await self.erase(ids)
        except ParleyError as error:
            log.info("%d files that ended are erased later: %s", len(ids), error.code)

    async def _reserved(self, owner: str, file_id: str, coming: Coming, replaces: str) -> Stored:
        """Keep room for it. Without a known size for as much as there is room for."""
        size = len(coming.data) if isinstance(coming.data, bytes) else coming.size
        least = size or 1 if isinstance(coming.data, bytes) else coming.least
        if size == 0:
            raise BadInput("file_empty")
        if least > coming.most:
            raise TooLong("file_large", most=coming.most // MB)
        now = self._clock.now()
        stored = Stored(
            id=file_id, owner=owner, area=coming.area, name=cleaned(coming.name), media_type="",
            size=min(size or coming.most, coming.most), sha256="", created_at=now,
            expires_at=now + self._rooms.rules.temporary if coming.area == "temporary" else None,
            purpose=coming.purpose, chat_id=coming.chat_id,
        )  # fmt: skip
        hashed = hashlib.sha256(coming.key.encode()).hexdigest() if coming.key else ""

        def reserve() -> int:
            room = self._rooms.of(owner, least=least, chats=coming.purpose == "chat", replaces=replaces)
            try:
                return self._files.reserve(stored, room, now, hashed)
            except Conflict as error:
                raise self._rooms.refusal(owner, error) from error

        return msgspec.structs.replace(stored, size=await in_thread(reserve))

    async def _written(self, stored: Stored, coming: Coming, place: Place | None) -> Stored:
        pieces = pieces_of(coming.data)
        head = await head_of(pieces, HEAD)
        media_type = await in_thread(sniff, head, stored.name)
        digest = hashlib.sha256()

        async def checked() -> AsyncGenerator[bytes, None]:
            size = 0
            async for piece in chained(head, pieces):
                if place is not None:
                    place.take(piece)
                size += len(piece)
                if size > coming.most:
                    raise TooLong("file_large", most=coming.most // MB)
                if size > stored.size:
                    raise await in_thread(self._rooms.refusal, stored.owner, Conflict("files_heavy"))
                digest.update(piece)
                yield piece

        size = await self._blobs.put(key_of(stored.id), checked())
        return msgspec.structs.replace(stored, size=size, media_type=media_type, sha256=digest.hexdigest())

    async def _forgotten(self, ids: Sequence[str]) -> None:
        """Take back what did not come, also while whoever brought it is being cancelled."""

        if ids:
            task = asyncio.create_task(self.tidy(ids))
            self._tidying.add(task)
            task.add_done_callback(self._tidying.discard)
            await asyncio.shield(task)
