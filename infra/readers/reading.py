"""The reader of files in processes apart. Implements ports.Reader."""

import asyncio
import importlib.util
import re

import msgspec

from domain.audio import HEARD_RATE
from domain.errors import BadInput, TooLong, Unavailable
from domain.filing.kept import kept, title
from domain.filing.model import MOST_CHARS, Read
from infra.children import Broke, Children, Kind, NotStarted
from infra.readers.asking import (
    FILE_CPU_S,
    FILE_MEMORY,
    MOST_FINE,
    MOST_SCANNED,
    OCR_CPU_S,
    OCR_MEMORY,
    Answer,
    Ask,
    AskOcr,
    Written,
)  # fmt: skip

MOST_BYTES = 50 << 20  # of a file that is read
MOST_IMAGE = 4 << 20  # of a picture re-encoded
MOST_SOUND = 601 * HEARD_RATE * 2  # of a recording as PCM
MOST_NUMBER = 1_000_000  # pages or pixels
# What a process may say that is wrong, and the numbers that come with it: words for all others there are none.
ERRORS = frozenset((
    "file_empty", "file_unknown", "file_broken", "file_locked", "file_old", "file_bomb", "picture_large",
    "picture_unknown", "recording_silent", "file_large",
))  # fmt: skip
_DETAIL = frozenset(("most",))
_TYPE = re.compile(r"[a-z]{1,20}/[a-z0-9.+-]{1,80}")
DEADLINE_S = 60.0  # for one file, by the clock; CPU ends sooner (FILE_CPU_S)
OCR_DEADLINE_S = 75.0  # for what is written in one picture
FILES = 200  # read by one process before it is replaced
GROWN = 700 << 20  # bytes a process may hold on to after a file
IDLE_S = 300.0  # after which a process that waits is ended: each holds 0.2 GiB, the one with the models 0.3


class ChildReader:
    """At most `children` files are read at once, others wait. Close it, from its own loop.

    What is written in pictures is read one picture at a time by `threads` threads, where the models are installed.
    """

    def __init__(
        self, children: int = 2, threads: int = 1, *, deadline_s: float = DEADLINE_S, cpu_s: int = FILE_CPU_S,
        memory: int = FILE_MEMORY, ocr: bool | None = None,
    ) -> None:  # fmt: skip
        files = Kind(
            module="infra.readers.child", deadline_s=deadline_s, cpu_s=cpu_s, memory=memory, served=FILES, grown=GROWN,
            idle_s=IDLE_S,
        )  # fmt: skip
        writing = Kind(
            module="infra.readers.ocr_child", arguments=(str(threads),), deadline_s=OCR_DEADLINE_S,
            cpu_s=OCR_CPU_S, memory=OCR_MEMORY, served=FILES, grown=OCR_MEMORY // 2,
            idle_s=IDLE_S,
        )  # fmt: skip
        self.files = Children(files, Answer, children)
        self.writing = Children(writing, Written, 1)
        self.reads_writing = ocr_installed() if ocr is None else ocr

    async def read(self, data: bytes, name: str) -> Read:
        if not data:
            raise BadInput("file_empty")
        if len(data) > MOST_BYTES:
            raise TooLong("file_large", most=MOST_BYTES >> 20)
        answer = await self._ask(Ask(data, name[-200:]))
        if answer.error or answer.read is None:
            raise failure(answer)
        read = msgspec.structs.replace(answer.read, note="")
        if fine := tuple(map(_fine, answer.fine[:MOST_SCANNED])):
            read = await self._with_writing(read, fine)
        return await asyncio.to_thread(checked, read)

    async def _ask(self, ask: Ask) -> Answer:
        try:
            return await self.files.ask(ask)
        except Broke as broken:
            raise BadInput("file_broken") from broken
        except NotStarted as wrong:
            raise Unavailable("reader_away") from wrong

    async def _with_writing(self, read: Read, pictures: tuple[bytes, ...]) -> Read:
        """Add what is written in its pictures. Without it a picture is still one; a scan says what is missing."""
        if not self.reads_writing:
            return msgspec.structs.replace(read, note="ocr_missing")
        # One by one: others get their turn between two pages. A blank sheet says nothing.
        written = [await self._written(picture) if picture else "" for picture in pictures]
        texts = [text for text in written if text]
        if read.kind == "pdf":
            texts = [f"## p. {page}\n\n{text}" for page, text in enumerate(written, 1) if text]
        note = "ocr_failed" if None in written else "text_missing" if read.kind == "pdf" and not texts else ""
        return msgspec.structs.replace(read, text="\n\n".join(texts), note=note)

    async def _written(self, picture: bytes) -> str | None:
        try:
            return (await self.writing.ask(AskOcr(picture))).text
        except (Broke, NotStarted):
            return None

    async def close(self) -> None:
        """End every process. Files that are being read are file_broken."""
        await self.files.close()
        await self.writing.close()


def ocr_installed() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("rapidocr_onnxruntime", "cv2"))


def failure(answer: Answer) -> BadInput | TooLong:
    """Return what a process says is wrong, as far as it is to be believed."""
    if answer.error not in ERRORS:
        return BadInput("file_broken")
    detail = {name: min(max(number, 0), MOST_NUMBER) for name, number in answer.detail.items() if name in _DETAIL}
    return (TooLong if answer.long else BadInput)(answer.error, **detail)


def _fine(picture: bytes) -> bytes:
    return picture if _is_jpeg(picture, MOST_FINE) else b""


def _is_jpeg(picture: bytes, most: int) -> bool:
    return picture.startswith(b"\xff\xd8\xff") and len(picture) <= most


def checked(read: Read) -> Read:
    """Whoever took over a process may answer what they like: it is still of the right size, form and cleanness."""
    text, cut = kept(read.text)
    image = read.image if _is_jpeg(read.image, MOST_IMAGE) else b""
    sound = read.sound[:MOST_SOUND] if len(read.sound) % 2 == 0 else b""
    pages, width, height = (min(max(number, 0), MOST_NUMBER) for number in (read.pages, read.width, read.height))
    return msgspec.structs.replace(
        read, text=text, cut=read.cut or cut or len(read.text) > MOST_CHARS, title=title(read.title), image=image,
        media_type=read.media_type if _TYPE.fullmatch(read.media_type) else "application/octet-stream",
        sound=sound, seconds=len(sound) / 2 / HEARD_RATE, pages=pages, width=width, height=height,
    )  # fmt: skip
