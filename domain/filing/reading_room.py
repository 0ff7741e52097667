"""Attachments being read, each in a task of its own: so many at once, with how far they are noted for all to see."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Literal, Protocol

import msgspec

from domain.errors import ParleyError
from domain.filing.counting import Counting
from domain.filing.model import Area, Attachment, Stored
from domain.filing.ports import Attachments
from domain.filing.reading import Reading
from domain.ports import Chats, Clock

log = logging.getLogger(__name__)
AT_ONCE, AT_ONCE_EACH = 4, 2  # by this process, and of them for one owner
READ_S = 1_800.0  # half an hour for a long recording on a small machine; after that something hangs
BEAT_S, SILENT_S = 10.0, 30.0  # a sign of life; whoever gave none for so long has died
Purpose = Literal["upload", "chat", "attachment"]


class Vault(Protocol):
    """Where bytes are kept: what is needed of domain.filing.cabinet.Cabinet, which says what it raises."""

    async def put(
        self, owner: str, name: str, data: AsyncIterator[bytes] | bytes, *, area: Area = "temporary",
        purpose: Purpose = "upload", chat_id: str = "", most: int | None = None, size: int | None = None,
        least: int = 1,
    ) -> Stored: ...  # fmt: skip

    async def has(self, owner: str, file_id: str) -> bool: ...

    async def bytes_of(self, owner: str, file_id: str) -> bytes: ...

    async def erase(self, ids: Sequence[str]) -> None: ...


class ReadingRoom:
    def __init__(
        self, store: Attachments, chats: Chats, vault: Vault, reading: Reading, counting: Counting, clock: Clock,
        read: Callable[[Attachment], None] | None = None,
    ) -> None:  # fmt: skip
        """`read` is told of each that is ready, with its text, and returns at once."""
        self._told = read or (lambda _: None)
        self._store, self._chats, self._vault, self._reading = store, chats, vault, reading
        self._counting, self._clock = counting, clock
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._all = asyncio.Semaphore(AT_ONCE)
        self._each: dict[str, tuple[asyncio.Semaphore, int]] = {}  # by owner, with how many know it

    def begin(self, attachment: Attachment) -> None:
        task = asyncio.create_task(self._read(attachment), name=f"attachment {attachment.id}")
        self._tasks[attachment.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(attachment.id, None))

    def stop(self, attachment_id: str) -> None:
        """It was taken back."""
        if (task := self._tasks.get(attachment_id)) is not None:
            task.cancel()

    def reads(self, attachment_id: str) -> bool:
        return attachment_id in self._tasks

    async def dead(self, limit: int = 100) -> None:
        """What another process was reading when it died has failed, and can be tried again. Raises Unavailable."""
        before = self._clock.now() - timedelta(seconds=SILENT_S)
        for one in await asyncio.to_thread(self._store.silent, before, limit):
            await self.looked_at(one)

    async def looked_at(self, one: Attachment) -> Attachment:
        """Return it as it is: what nobody reads any more has failed."""
        silent = one.moved_at < self._clock.now() - timedelta(seconds=SILENT_S)
        if one.state != "reading" or one.id in self._tasks or not silent:
            return one
        failed = msgspec.structs.replace(one, state="failed", error="attachment_interrupted", share=0.0)
        await asyncio.to_thread(self._store.save, failed)
        await self._counting.release(one.id)
        return failed

    async def failed(self, attachment: Attachment, code: str) -> None:
        """Nothing came of it: keep why, erase what was made of it, and let it cost nothing."""
        await self._drop_picture(attachment)
        failed = msgspec.structs.replace(
            attachment, state="failed", error=code, text="", image_id="", share=0.0, moved_at=self._clock.now()
        )
        try:
            await asyncio.to_thread(self._store.save, failed)
            await self._counting.release(attachment.id)
        except ParleyError as error:
            log.warning("an attachment that failed could not be kept as such: %s", error.code)

    async def idle(self) -> None:
        """Wait until everything has been read."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def close(self) -> None:
        """Stop reading. What was being read is found silent by whoever starts next."""
        for task in list(self._tasks.values()):
            task.cancel()
        await self.idle()
        await self._reading.close()

    async def _read(self, attachment: Attachment) -> None:
        progress = _Progress(attachment, self._store, self._clock)
        beat = asyncio.create_task(progress.beat(), name=f"beat of {attachment.id}")
        now = attachment
        try:
            async with self._place(attachment.owner), asyncio.timeout(READ_S):
                chat = await asyncio.to_thread(self._chats.get, attachment.owner, attachment.chat_id)
                data = await self._vault.bytes_of(attachment.owner, attachment.file_id) if attachment.file_id else b""
                now, image = await self._reading.read(attachment, data, chat.language, progress.told)
                now = await self._with_picture(now, image)
                beat.cancel()
                await self._ready(msgspec.structs.replace(now, state="ready", share=1.0, moved_at=self._clock.now()))
        except asyncio.CancelledError:
            await asyncio.shield(self._drop_picture(now))
            raise
        except ParleyError as error:
            await self.failed(now, error.code)
        except TimeoutError:
            await self.failed(now, "attachment_late")
        except Exception:
            log.exception("an attachment could not be read")
            await self.failed(now, "attachment_failed")
        finally:
            beat.cancel()

    async def _with_picture(self, read: Attachment, image: bytes) -> Attachment:
        if not image:
            return read
        stem = read.name.rpartition(".")[0] or read.name
        stored = await self._vault.put(
            read.owner, f"{stem}.jpg", image, area="permanent", purpose="attachment", chat_id=read.chat_id
        )
        return msgspec.structs.replace(read, image_id=stored.id)

    async def _ready(self, read: Attachment) -> None:
        if await asyncio.to_thread(self._store.save, read):
            await self._counting.use(read)
            self._told(read)
        else:  # it was taken back meanwhile
            await self._vault.erase(files_of(read))

    async def _drop_picture(self, attachment: Attachment) -> None:
        if attachment.image_id:
            try:
                await self._vault.erase([attachment.image_id])
            except ParleyError as error:
                log.warning("the picture of an attachment could not be erased: %s", error.code)

    @asynccontextmanager
    async def _place(self, owner: str) -> AsyncIterator[None]:
        """Wait for a place among those that are read; one owner's many leave room for others'."""
        each, knowing = self._each.get(owner) or (asyncio.Semaphore(AT_ONCE_EACH), 0)
        self._each[owner] = each, knowing + 1
        try:
            async with each, self._all:
                yield
        finally:
            each, knowing = self._each[owner]
            if knowing > 1:
                self._each[owner] = each, knowing - 1
            else:
                del self._each[owner]


class _Progress:
    """How far a reading is."""

    def __init__(self, attachment: Attachment, store: Attachments, clock: Clock) -> None:
        self._now, self._store, self._clock = attachment, store, clock

    async def told(self, share: float) -> None:
        self._now = msgspec.structs.replace(self._now, share=share, moved_at=self._clock.now())
        await asyncio.to_thread(self._store.save, self._now)

    async def beat(self) -> None:
        """Give a sign of life now and then, for as long as it waits and is read."""
        while True:
            await asyncio.sleep(BEAT_S)
            try:
                await self.told(self._now.share)
            except ParleyError as error:
                log.warning("no sign of life of an attachment: %s", error.code)


def files_of(attachment: Attachment) -> list[str]:
    return [one for one in (attachment.file_id, attachment.image_id) if one]
