"""What programs send and are told at /api/files and /chat/api/chat."""

from datetime import datetime

import msgspec

from domain.filing.model import Area, Quota, Stored


class File(msgspec.Struct, frozen=True):
    """A file. `media_type` is what its bytes say; `content` is the address of these bytes."""

    file_id: str
    name: str
    media_type: str
    size: int
    sha256: str
    area: Area
    purpose: str
    chat_id: str
    created_at: datetime
    expires_at: datetime | None
    content: str


class Room(msgspec.Struct, frozen=True):
    """How much there is and may be: `files` are uploads, `bytes` those of all files."""

    files: int
    bytes: int
    most_files: int
    most_bytes: int


class Files(msgspec.Struct, frozen=True):
    """Newest first. `next` is what to give as `before` for those that follow, empty where none do."""

    files: list[File]
    room: Room
    next: str


class SaveChat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`audio`: with what the character said, spoken again. What was saved of the chat before is replaced, unless it is
    to be kept (`keep`).
    """

    chat_id: str
    audio: bool = False
    area: Area = "permanent"
    keep: bool = False


class SavedChat(msgspec.Struct, frozen=True):
    file_ids: list[str]
    files: list[File]


def file_of(stored: Stored) -> File:
    return File(
        stored.id, stored.name, stored.media_type, stored.size, stored.sha256, stored.area, stored.purpose,
        stored.chat_id, stored.created_at, stored.expires_at, f"/api/files/{stored.id}/content",
    )  # fmt: skip


def room_of(quota: Quota) -> Room:
    return Room(quota.files, quota.bytes, quota.most_files, quota.most_bytes)
