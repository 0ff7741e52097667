"""A reader in processes of its own for a test, and what its processes took."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from domain.errors import BadInput, ParleyError, TooLong
from domain.filing.model import MOST_CHARS, Read
from infra.readers.asking import FILE_MEMORY
from infra.readers.reading import ChildReader
from tests.infra.readers.corpus import Case


@asynccontextmanager
async def reading(children: int = 1, *, ocr: bool = False) -> AsyncIterator[ChildReader]:
    made = ChildReader(children, ocr=ocr, deadline_s=100)
    try:
        yield made
    finally:
        await made.close()


async def outcome(reader: ChildReader, data: bytes, name: str) -> tuple[str, Read | None]:
    """Return the code of what went wrong, "" and the reading where nothing did. Any other error is a test's."""
    try:
        return "", await reader.read(data, name)
    except (BadInput, TooLong) as wrong:
        return wrong.code, None


def peak(reader: ChildReader, writing: bool = False) -> int:
    """Return the most bytes that its processes ever held, of files or of what is written in them."""
    children = reader.writing if writing else reader.files
    most = children.most
    for pid in children.pids:
        with suppress(OSError):
            rows = (Path("/proc") / str(pid) / "status").read_text().splitlines()
            most = max(most, *(int(row.split()[1]) << 10 for row in rows if row.startswith("VmHWM")))
    return most


class Door:
    """A server that nobody may call."""

    def __init__(self) -> None:
        self.calls = 0
        self._server: asyncio.Server | None = None

    async def open(self) -> int:
        async def called(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.calls += 1
            writer.close()

        self._server = await asyncio.start_server(called, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def close(self) -> None:
        if self._server is not None:
            self._server.close()


async def read_all(cases: Iterable[Case], secret: bytes) -> list[str]:
    """Read them one after the other; return what came of them that may not: the list is empty where all is well."""
    wrong: list[str] = []
    async with reading() as reader:
        for case in cases:
            try:
                code, read = await outcome(reader, case.data, case.file)
            except ParleyError as error:
                wrong.append(f"{case.name}: {type(error).__name__}({error.code})")
                continue
            if code not in case.allowed:
                wrong.append(f"{case.name}: {code or 'read'}")
            if read is not None:
                wrong.extend(f"{case.name}: {what}" for what in harms(read, secret))
            if peak(reader) > FILE_MEMORY:
                wrong.append(f"{case.name}: {peak(reader) >> 20} MB")
        honest = await reader.read(b"# The next file\n\nis read.", "a.md")
        if honest.title != "The next file":
            wrong.append("the honest file after them")
    return wrong


def harms(read: Read, secret: bytes) -> list[str]:
    """Return what is wrong with a reading, whatever it was read from."""
    said = read.text + read.title
    found = []
    if secret.decode() in said:
        found.append("tells what stands in another file")
    if any(sign in said for sign in "\0\u200b\u202e\u2066\ufeff") or "<|im_" in said:
        found.append("has hidden signs or chat markup")
    if len(read.text) > MOST_CHARS or len(read.title) > 200 or "\n" in read.title:
        found.append("is too long")
    if read.image and not (read.image.startswith(b"\xff\xd8\xff") and b"<script" not in read.image):
        found.append("has a picture that is none")
    if len(read.sound) % 2 or abs(len(read.sound) / 32_000 - read.seconds) > 0.001 or read.seconds > 601:
        found.append("has sound that is none")
    return found
