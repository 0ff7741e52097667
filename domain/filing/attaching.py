"""What is thrown into a chat: taken, kept, read in the background, and looked at from the turn it comes with on."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime

import msgspec

from domain.errors import NotFound, ParleyError
from domain.filing.counting import Counting
from domain.filing.meanings import Meanings
from domain.filing.model import Attachment, Kind
from domain.filing.naming import MOST_CHARS, cleaned, kind_of, new_file_id
from domain.filing.ports import Attachments
from domain.filing.reading import Reading
from domain.filing.reading_room import ReadingRoom, Vault, files_of
from domain.filing.sniffing import FAMILY_OF_NAME, Family
from domain.knowledge.wishes import address
from domain.membership.model import Allowance
from domain.membership.ports import Allowances, Meters
from domain.ports import Chats, Clock

log = logging.getLogger(__name__)
MOST_BYTES = 25 << 20  # of a file
MOST_WAITING = 5  # under one composer
_KINDS: dict[Family, Kind] = {"image": "image", "sound": "audio", "pdf": "pdf", "office": "office"}


class Attaching:
    """One per process. `close` it from its own loop."""

    def __init__(
        self, store: Attachments, chats: Chats, vault: Vault, reading: Reading, allowances: Allowances,
        meters: Meters, clock: Clock, meanings: Meanings | None = None,
    ) -> None:  # fmt: skip
        """`meanings` is told what was read and what is gone; without, words alone choose a part of a long text."""
        self.meanings = meanings
        self.store, self._chats, self._vault, self._clock = store, chats, vault, clock
        self._counting = Counting(allowances, meters, clock)
        read = meanings.make if meanings is not None else None
        self.room = ReadingRoom(store, chats, vault, reading, self._counting, clock, read)

    def allowance(self, owner: str) -> Allowance:
        """Return how many somebody may have looked at. Waits for the store."""
        return self._counting.allowance(owner)

    async def admit(self, owner: str, chat_id: str) -> None:
        """Raise what a new attachment would meet, before its bytes are read: NotFound, NeedsMembership."""
        await asyncio.to_thread(self._chats.get, owner, chat_id)
        await self._counting.check(owner)

    async def add_file(
        self, owner: str, chat_id: str, name: str, data: AsyncIterator[bytes] | bytes, *, size: int | None = None,
        least: int = 1,
    ) -> Attachment:  # fmt: skip
        """Keep it and begin to read it. Of a stream `size` is how many bytes there are at most, `least` at least.

        Raises BadInput("file_empty"), TooLong("file_large"), what `admit`, the vault, the store and `data` raise.
        """
        name = cleaned(name)
        kind = _KINDS.get(FAMILY_OF_NAME.get(kind_of(name), "text"), "text")
        attachment = self._new(owner, chat_id, name, kind)

        async def keep() -> Attachment:
            stored = await self._vault.put(
                owner, name, data, purpose="attachment", chat_id=chat_id, most=MOST_BYTES, size=size, least=least
            )
            told = {"file_id": stored.id, "media_type": stored.media_type, "size": stored.size}
            return msgspec.structs.replace(attachment, **told)

        return await self._add(attachment, keep)

    async def add_link(self, owner: str, chat_id: str, url: str) -> Attachment:
        """Begin to read a page. Raises BadInput("url_bad"), TooLong, what `admit` and the store raise."""
        url = address(url)
        named = self._new(owner, chat_id, url.partition("://")[2].rstrip("/")[:MOST_CHARS], "web")
        return await self._add(msgspec.structs.replace(named, url=url))

    async def _add(
        self, attachment: Attachment, keep: Callable[[], Awaitable[Attachment]] | None = None
    ) -> Attachment:
        await self.admit(attachment.owner, attachment.chat_id)
        await self._counting.hold(attachment)
        try:
            if keep is not None:
                attachment = await keep()
            await asyncio.to_thread(self.store.add, attachment, MOST_WAITING)
        except BaseException:
            await asyncio.shield(self._undo(attachment))
            raise
        self.room.begin(attachment)
        return attachment

    async def again(self, owner: str, chat_id: str, attachment_id: str) -> Attachment:
        """Read one that failed once more. Raises NotFound, Conflict("attachment_reading"), NeedsMembership."""
        await asyncio.to_thread(self.store.get, owner, chat_id, attachment_id)
        await self._counting.check(owner)
        attachment = await asyncio.to_thread(self.store.read_again, owner, chat_id, attachment_id, self._clock.now())
        try:
            await self._counting.hold(attachment)
        except ParleyError as error:
            await self.room.failed(attachment, error.code)
            raise
        self.room.begin(attachment)
        return attachment

    async def remove(self, owner: str, chat_id: str, attachment_id: str) -> None:
        """Take back one that waits, bytes and all. Raises NotFound, Conflict("attachment_sent")."""
        gone = await asyncio.to_thread(self.store.remove, owner, chat_id, attachment_id)
        self.room.stop(attachment_id)
        if self.meanings is not None:
            self.meanings.forget([attachment_id])
        await self._counting.release(attachment_id)
        await self._vault.erase(files_of(gone))

    async def waiting(self, owner: str, chat_id: str) -> list[Attachment]:
        """Return heads of those under the composer."""
        found = await asyncio.to_thread(self.store.waiting, owner, chat_id)
        return [await self.room.looked_at(one) for one in found]

    async def get(self, owner: str, chat_id: str, attachment_id: str) -> Attachment:
        return await asyncio.to_thread(self.store.get, owner, chat_id, attachment_id)

    async def picture(self, owner: str, chat_id: str, attachment_id: str) -> bytes:
        """Return the re-encoded JPEG. Raises NotFound("attachment_gone", "file_gone"), Unavailable."""
        attachment = await self.get(owner, chat_id, attachment_id)
        if not attachment.image_id:
            raise NotFound("file_gone")
        return await self._vault.bytes_of(owner, attachment.image_id)

    async def has_picture(self, one: Attachment) -> bool:
        """Whether its picture is there still: its owner may have removed it among the files."""
        return bool(one.image_id) and await self._vault.has(one.owner, one.image_id)

    def export(self, owner: str) -> Iterator[tuple[str, bytes]]:
        """Yield a file per attachment of somebody, with its words: name and JSON. Waits for the store."""
        for one in self.store.owned(owner):
            yield f"attachments/{one.id}.json", msgspec.json.format(msgspec.json.encode(one), indent=2)

    async def start(self) -> None:
        """See what was left by processes that died."""
        try:
            await self.room.dead()
            await self._counting.sweep(self.room.reads)
        except ParleyError as error:  # whoever looks at one finds it out
            log.warning("what was being read is looked at later: %s", error.code)

    async def purge(self, deleted_before: datetime) -> int:
        """Erase the files of chats that are about to be erased; return how many. Raises Unavailable."""
        await self.start()
        gone = await asyncio.to_thread(self.store.purgeable, deleted_before)
        if self.meanings is not None:
            self.meanings.tidy()
        await self._vault.erase([file_id for one in gone for file_id in files_of(one)])
        return len(gone)

    async def close(self) -> None:
        await self.room.close()
        if self.meanings is not None:
            await self.meanings.close()

    async def _undo(self, attachment: Attachment) -> None:
        try:
            await self._counting.release(attachment.id)
            await self._vault.erase(files_of(attachment))
        except ParleyError as error:
            log.warning("what was left of an attachment goes later: %s", error.code)

    def _new(self, owner: str, chat_id: str, name: str, kind: Kind) -> Attachment:
        now = self._clock.now()
        return Attachment(
            id=new_file_id(), owner=owner, chat_id=chat_id, kind=kind, name=name, created_at=now, moved_at=now
        )
