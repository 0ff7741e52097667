"""The lines of a retrieval set, as editors and exports leave them, and what is wrong with one."""

import codecs
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T", bound="Asked")


class Asked(msgspec.Struct):
    id: str | int
    text: str


class Document(Asked):
    title: str | None = None


class BadLine(Exception):
    pass


def read(file: Path, kind: type[T]) -> list[T]:
    """Return the rows of a file, at least one. Raises BadLine with the number of the line."""
    found: dict[str | int, tuple[int, T]] = {}
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            line = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
            if not line.strip():
                continue
            try:
                row = msgspec.json.decode(line, type=kind)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise BadLine(f"{file}, line {number}: {error}") from error
            before, _ = found.setdefault(row.id, (number, row))
            if before != number:
                raise BadLine(f"{file}, line {number}: the id {row.id!r} is there twice, first in line {before}")
    if not found:
        raise BadLine(f"{file} has no lines")
    return [row for _, row in found.values()]
