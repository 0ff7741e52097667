"""What files and attachments need from the world. Stores are sync; bytes and readers are async."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from domain.filing.model import Attachment, Read, Stored


class Blobs(Protocol):
    """Bytes by key on a local disk or an S3-compatible store. Keys are ids of ours: a-z, 2-7 and slashes.

    Raises Unavailable("storage_unavailable"), and Unavailable("disk_full") where nothing more can be written. What is
    half written is never seen under its key.
    """

    async def put(self, key: str, data: AsyncIterator[bytes]) -> int:
        """Write it whole or not at all; return the bytes."""

    def get(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes from `start` to before `end`. Raises NotFound("file_gone")."""

    async def delete(self, keys: Sequence[str]) -> None:
        """Erase them; those that are not there are no error."""

    def keys(self, prefix: str = "") -> AsyncIterator[tuple[str, datetime]]:
        """Yield each key with when it was written: for whoever looks for what was left behind."""

    async def clear(self, before: datetime) -> int:
        """Erase what programs that were killed had half written by then; return how many."""

    async def close(self) -> None: ...


SAVE_FILES = 3  # of one saved chat: its words for people, for programs, and its sound


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """How much somebody may have at most. Of what is asked for, `least` bytes will do."""

    files: int  # uploads; what else is kept has limits of its own, but for its bytes
    bytes: int
    least: int = 1
    saved_chats: int | None = None  # whose transcripts are kept; None where that is not asked
    replaces: str = ""  # the chat whose older save goes when this one has come: it takes no room


class Files(Protocol):
    """Rows of files, and room for them. Every method is one unit of work; another's file is NotFound("file_gone").

    What is coming or has been removed is no file and is neither listed nor found. `now` decides what has expired:
    that is no file either, and takes no room, however late somebody sweeps.
    """

    def reserve(self, stored: Stored, room: Room, now: datetime, key: str = "") -> int:
        """Keep room for a file that is coming, up to `stored.size` bytes; return how many.

        However many come at once, never more than `room`. `key` is the sender's, once per owner. Raises
        Conflict("files_full", "files_heavy", "chats_full") and Conflict("file_sent", file_id=...) for a key that
        was used, "file_coming" where that one is not there yet.
        """

    def keep(self, news: Sequence[Stored], now: datetime, replaces: str = "") -> list[str]:
        """The bytes are there: from now on these are files, with the size, type and checksum they really have.

        All of them or none. With `replaces` the older files that were saved of that chat go; return the ids of what
        went. Raises NotFound("file_gone") when one's room was given up meanwhile.
        """

    def drop(self, ids: Sequence[str]) -> None:
        """They did not come, or their bytes are erased: give the room back."""

    def get(self, owner: str, file_id: str, now: datetime) -> Stored: ...

    def of(self, owner: str, now: datetime, limit: int = 100, before: str = "") -> list[Stored]:
        """Newest first; `before` is the id of the last one of the page before."""

    def remove(self, owner: str, file_id: str, now: datetime, until: datetime) -> tuple[Stored, list[str]]:
        """Put it away; until then `restore` brings it back. It takes no room.

        One per owner can be brought back: return the ids of those removed before, which are to be erased.
        """

    def restore(self, owner: str, file_id: str, room: Room, now: datetime) -> Stored:
        """Raises Conflict("files_full", "files_heavy", "chats_full") too."""

    def make_permanent(self, owner: str, file_id: str, now: datetime) -> Stored:
        """Raises Conflict("file_of_chat") for attachments, which go with their chat and are no uploads in number."""

    def quota(self, owner: str, now: datetime) -> tuple[int, int]:
        """Return (uploads, bytes of all files), those that are coming included."""

    def take_ended(self, now: datetime, limit: int = 100) -> list[str]:
        """Return ids whose bytes are to be erased, and which nobody finds from here on.

        Temporary files whose time is over, removed ones that nobody brought back, room kept for what never came.
        The same ones come again until they are dropped.
        """

    def known(self, ids: Sequence[str]) -> set[str]:
        """Which of these are rows: bytes without one are left over."""

    def move(self, guest: str, user_id: str) -> None:
        """A guest has got an account."""

    def erase_owner(self, owner: str) -> list[str]:
        """Erase the rows; return their ids, whose bytes are to be erased."""


class Reader(Protocol):
    """Reads hostile files in a process apart, with limits of CPU, memory and time."""

    async def read(self, data: bytes, name: str) -> Read:
        """Tell by its bytes what it is and read it. `name` helps only to tell kinds of text apart.

        Of what is longer than is kept the beginning is there, with `cut`. Raises BadInput("file_empty", "file_unknown",
        "file_broken", "file_locked" (a password), "file_old" (Office before 2007), "file_bomb", "picture_large",
        "picture_unknown", "recording_silent") and TooLong("file_large"); Unavailable when the reader itself does not
        start.
        """

    async def close(self) -> None: ...


class Attachments(Protocol):
    """Attachments of chats. Every method is one unit of work.

    They are whose the chat is, and go with it. Another's, or one of a deleted chat, is NotFound("attachment_gone").
    """

    def add(self, attachment: Attachment, most: int) -> None:
        """Raises NotFound("chat_gone"), Conflict("attachments_waiting", most=...) when as many wait already."""

    def get(self, owner: str, chat_id: str, attachment_id: str) -> Attachment: ...

    def save(self, attachment: Attachment) -> bool:
        """Replace what reading finds out; False when it was removed meanwhile, or is not being read any more."""

    def read_again(self, owner: str, chat_id: str, attachment_id: str, now: datetime) -> Attachment:
        """One that failed is being read from now on. Raises Conflict("attachment_reading") for any other."""

    def waiting(self, owner: str, chat_id: str) -> list[Attachment]:
        """Return heads of those under the composer, oldest first; nothing for a chat of somebody else."""

    def of_chat(self, owner: str, chat_id: str) -> list[Attachment]:
        """Return heads of those that came with turns, oldest first."""

    def to_show(self, owner: str, chat_id: str, ids: Sequence[str], most: int) -> list[Attachment]:
        """Return, with their texts, those of `ids` that are ready, and the `most` newest of turns, oldest first."""

    def take(self, owner: str, chat_id: str, ids: Sequence[str], turn_id: str) -> list[Attachment]:
        """Those of `ids` that are ready belong to this turn from now on; return their heads, oldest first."""

    def give_back(self, owner: str, chat_id: str, turn_id: str) -> None:
        """The turn is forgotten: what came with it waits again."""

    def remove(self, owner: str, chat_id: str, attachment_id: str) -> Attachment:
        """Erase one that waits; those of turns stay (Conflict("attachment_sent")) and go with their chat."""

    def silent(self, before: datetime, limit: int = 100) -> list[Attachment]:
        """Return those being read of which nobody has heard since then."""

    def purgeable(self, deleted_before: datetime) -> list[Attachment]:
        """Return heads of those whose chats were deleted before then, for whoever erases their files first."""

    def owned(self, owner: str) -> list[Attachment]:
        """Return all of somebody's with their texts, oldest first, those of deleted chats too: to take along."""
