"""What is asked of the processes apart and what they answer, with their limits. Imports no library that reads files."""

import msgspec

from domain.filing.model import Read

FILE_MEMORY, FILE_CPU_S = 1 << 30, 20  # bytes of address space; seconds of one file
OCR_MEMORY, OCR_CPU_S = 2 << 30, 45  # three networks and what they compute; seconds of one picture


MOST_SCANNED = 5  # pages of a scan that are looked at: each takes seconds
MOST_FINE = 8 << 20  # bytes of a picture that writing is read of


class Ask(msgspec.Struct, array_like=True):
    data: bytes
    name: str


class Answer(msgspec.Struct, array_like=True):
    """`read`, or the error that kept it from being read."""

    read: Read | None = None
    fine: tuple[bytes, ...] = ()  # pictures (JPEG) that writing is to be read of
    error: str = ""
    long: bool = False  # the error is a TooLong
    detail: dict[str, int] = {}


class AskOcr(msgspec.Struct, array_like=True):
    picture: bytes


class Written(msgspec.Struct, array_like=True):
    """What is written in a picture; None where that could not be read."""

    text: str | None = None
