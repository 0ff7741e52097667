"""What people keep here: taking files in, finding them, handing them out, and erasing them."""

import logging
from asyncio import to_thread as in_thread
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from domain.errors import Conflict, NotFound
from domain.filing.intake import FILE_BYTES, Coming, Intake, Purpose
from domain.filing.model import Area, Quota, Stored
from domain.filing.naming import key_of, named_by
from domain.filing.pieces import chained
from domain.filing.places import WAIT_S
from domain.filing.ports import Blobs, Files
from domain.filing.rooms import Rooms, Rules
from domain.membership.ports import Allowances, FailPoint
from domain.ports import Clock

log = logging.getLogger(__name__)
COMING = timedelta(hours=1)  # room for what never came is given back then
UNDO = timedelta(hours=1)  # a removed file can be brought back for so long
SWEPT = 100
EVERYBODY = Rules()


class Cabinet:
    def __init__(
        self, files: Files, blobs: Blobs, allowances: Allowances, clock: Clock, rules: Rules = EVERYBODY,
        point: FailPoint = lambda _: None, wait_s: float = WAIT_S,
    ) -> None:  # fmt: skip
        self._files, self._blobs, self._clock = files, blobs, clock
        self._rooms = Rooms(allowances, rules)
        self._intake = Intake(files, blobs, self._rooms, clock, point, wait_s)

    # -- taking in -----------------------------------------------------------------------------------

    async def put(
        self, owner: str, name: str, data: AsyncIterator[bytes] | bytes, *, area: Area = "temporary",
        purpose: Purpose = "upload", chat_id: str = "", most: int | None = None, size: int | None = None,
        least: int = 1, key: str = "",
    ) -> Stored:  # fmt: skip
        """Store a file, whole or not at all.

        `most` bytes at most; of a stream `size` is how many there will be at most and `least` at least, where that is
        known. `key` is the sender's: the same key and bytes again give the same file.

        Raises BadInput("file_empty", "file_unknown", "file_mislabelled"), TooLong("file_large", most=megabytes),
        NeedsMembership or Conflict("files_full", "files_heavy"), Conflict("key_used", "file_coming"), Unavailable
        ("storage_unavailable", "disk_full", "files_busy"), and what `data` raises.
        """
        coming = Coming(
            name=name, data=data, size=size, least=least, area=area, purpose=purpose, chat_id=chat_id,
            most=min(most or FILE_BYTES, FILE_BYTES), key=key,
        )  # fmt: skip
        try:
            return (await self._intake.take(owner, [coming]))[0]
        except Conflict as error:
            if error.code != "file_sent":
                raise
            file_id = str(error.detail["file_id"])
        return await self._intake.sent_before(await self.get(owner, file_id), coming)

    async def check_saves(self, owner: str) -> None:
        """Raise what `put_saved` would where a plan gives no saved chats, before anything is made for it."""
        await in_thread(self._rooms.check_saves, owner)

    async def put_saved(
        self, owner: str, chat_id: str, files: Sequence[tuple[str, bytes]], area: Area, besides: bool = False
    ) -> list[Stored]:
        """Store what is saved of a chat, names and bytes, all of it or nothing; what was saved of it before goes,
        unless these are to be kept `besides`. Raises as `put` does, and NeedsMembership or Conflict("chats_full").
        """
        coming = [
            Coming(name=name, data=data, area=area, purpose="chat", chat_id=chat_id) for name, data in files
        ]
        return await self._intake.take(owner, coming, "" if besides else chat_id)

    # -- finding -------------------------------------------------------------------------------------

    async def get(self, owner: str, file_id: str) -> Stored:
        """Raises NotFound("file_gone")."""
        return await in_thread(self._files.get, owner, file_id, self._clock.now())

    async def has(self, owner: str, file_id: str) -> bool:
        try:
            await self.get(owner, file_id)
        except NotFound:
            return False
        return True

    async def all_of(self, owner: str, limit: int = 100, before: str = "") -> list[Stored]:
        """Newest first."""
        return await in_thread(self._files.of, owner, self._clock.now(), limit, before)

    async def quota(self, owner: str) -> Quota:
        def look() -> Quota:
            room, (files, bytes_) = self._rooms.of(owner), self._files.quota(owner, self._clock.now())
            return Quota(files, bytes_, room.files, room.bytes)

        return await in_thread(look)

    async def open(
        self, owner: str, file_id: str, start: int = 0, end: int | None = None
    ) -> tuple[Stored, AsyncIterator[bytes]]:
        """Return a file and its bytes from `start` to before `end`, the first of which are there already: whatever is
        wrong with the store is raised here, not within them. Raises NotFound("file_gone"), Unavailable.
        """
        stored = await self.get(owner, file_id)
        pieces = self._blobs.get(key_of(stored.id), start, stored.size if end is None else end)
        first = await anext(pieces, b"")
        return stored, chained(first, pieces)

    async def bytes_of(self, owner: str, file_id: str) -> bytes:
        _, pieces = await self.open(owner, file_id)
        return b"".join([piece async for piece in pieces])

    # -- changing ------------------------------------------------------------------------------------

    async def make_permanent(self, owner: str, file_id: str) -> Stored:
        """Raises NotFound("file_gone") and Conflict("file_of_chat")."""
        return await in_thread(self._files.make_permanent, owner, file_id, self._clock.now())

    async def remove(self, owner: str, file_id: str) -> Stored:
        """Remove a file; for an hour it can be brought back, unless another is removed after it."""
        now = self._clock.now()
        stored, gone = await in_thread(self._files.remove, owner, file_id, now, now + UNDO)
        await self._intake.tidy(gone)
        return stored

    async def restore(self, owner: str, file_id: str) -> Stored:
        """Raises NotFound("file_gone"), and NeedsMembership or Conflict where there is no room for it any more."""

        def restore() -> Stored:
            try:
                return self._files.restore(owner, file_id, self._rooms.of(owner, chats=True), self._clock.now())
            except Conflict as error:
                raise self._rooms.refusal(owner, error) from error

        return await in_thread(restore)

    async def erase(self, ids: Sequence[str]) -> None:
        """Erase files for good, whosever they are: for those who keep their ids."""
        await self._intake.erase(ids)

    # -- keeping order -------------------------------------------------------------------------------

    async def sweep(self) -> int:
        """Erase what has expired, what was removed and what never came. Raises Unavailable."""
        erased = 0
        while ids := await in_thread(self._files.take_ended, self._clock.now(), SWEPT):
            await self._intake.erase(ids)
            erased += len(ids)
        return erased

    async def sweep_lost(self) -> int:
        """Erase bytes that no row names: their row went, and then the program died. Raises Unavailable.

        What has no key of ours is somebody else's, who shares the folder or the bucket.
        """
        before = self._clock.now() - COMING
        erased, batch = await self._blobs.clear(before), list[str]()
        async for key, written_at in self._blobs.keys():
            if written_at < before and (file_id := named_by(key)):
                batch.append(file_id)
            if len(batch) == SWEPT:
                erased += await self._lost(batch)
                batch = []
        return erased + await self._lost(batch)

    def owned(self, owner: str) -> list[Stored]:
        """Return all files of somebody, for whoever takes them along. Waits for the store."""
        found: list[Stored] = []
        while some := self._files.of(owner, self._clock.now(), SWEPT, found[-1].id if found else ""):
            found += some
        return found

    def forget_owner(self, owner: str) -> list[str]:
        """Erase the rows of somebody whose account is erased; return their ids. Waits for the store.

        The bytes are for `erase` to take away; `sweep_lost` takes what it does not come to.
        """
        return self._files.erase_owner(owner)

    async def _lost(self, ids: Sequence[str]) -> int:
        known = await in_thread(self._files.known, ids) if ids else set()
        if not known and len(ids) == SWEPT:  # a backup that is not there yet, a setting that names another one
            log.error("this database knows none of %d files: it is not theirs, and they stay", len(ids))
            return 0
        lost = [file_id for file_id in ids if file_id not in known]
        await self._blobs.delete([key_of(file_id) for file_id in lost])
        return len(lost)
