"""Files that people keep here, and what a character is given to look at."""

from datetime import datetime
from typing import Literal

import msgspec

Area = Literal["temporary", "permanent"]  # temporary ones are erased some time after they came


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A file of somebody. Where its bytes lie is made from `id`: names never reach a disk."""

    id: str  # unguessable
    owner: str  # an account's id or a guest's
    area: Area
    name: str  # as it was called, cleaned: shown and sent back, nothing else
    media_type: str  # as its bytes say, never as the sender says
    size: int  # bytes
    sha256: str
    created_at: datetime
    expires_at: datetime | None = None  # temporary ones
    purpose: Literal["upload", "chat", "attachment"] = "upload"
    chat_id: str = ""  # of a saved chat or an attachment


class Quota(msgspec.Struct, frozen=True):
    """How much somebody has, and may have."""

    files: int
    bytes: int
    most_files: int
    most_bytes: int


Kind = Literal["image", "pdf", "office", "web", "text", "audio"]
MOST_CHARS = 20_000  # of what is kept of an attachment's text


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader got out of hostile bytes. `text` has at most MOST_CHARS characters and is safe to keep anywhere."""

    kind: Kind
    media_type: str
    text: str = ""  # Markdown of documents, what is written in a picture; of a recording nothing yet
    title: str = ""
    cut: bool = False  # there was more text, or sound, than is kept
    note: str = ""  # the code of what could not be done with it: "ocr_missing", "ocr_failed", "text_missing" (a scan)
    pages: int = 0  # of PDFs, slides, sheets
    image: bytes = b""  # a picture re-encoded as JPEG, at most 1024 pixels wide or high, without its metadata
    width: int = 0  # of the picture as it came
    height: int = 0
    sound: bytes = b""  # a recording as mono PCM16 of 16 kHz
    seconds: float = 0.0


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """Something thrown into a chat. It is looked at from the turn it came with on.

    A list of them is of heads: without `text`.
    """

    id: str
    owner: str  # the chat's
    chat_id: str
    kind: Kind
    name: str  # of the file or the page
    url: str = ""  # of a web link
    file_id: str = ""
    media_type: str = ""
    size: int = 0
    state: Literal["reading", "ready", "failed"] = "reading"
    error: str = ""  # the code, where it failed
    share: float = 0.0  # how far the reading is, 0 to 1
    text: str = ""
    cut: bool = False
    pages: int = 0
    seconds: float = 0.0
    width: int = 0
    height: int = 0
    image_id: str = ""  # the file id of the re-encoded picture, "" where there is none
    turn_id: str = ""  # the turn that it came with, "" while it waits under the composer
    created_at: datetime
    moved_at: datetime  # the last sign of life of whoever reads it
