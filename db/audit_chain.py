"""The chain of the audit log: what a MAC covers, and the head that is kept outside the database.

A row's MAC covers all its columns and the MAC before it, so a row that is changed, removed, inserted or moved breaks
the chain there. Rows cut off at the end leave a chain that is whole: only what is kept elsewhere can tell. That is the
head, the number and MAC of the last row this machine wrote, signed with the same key in a file beside the program.

What the head cannot see: rows that went between the commit and the writing of the head (a crash, or another machine's
rows, whose head is on that machine), and a database and a head that were both put back from the same backup. Whoever
has the key and the database can write any chain; keep them on different machines, and note heads somewhere else
(`make audit-verify` prints one, ARGS="--expect SEQ:MAC" asks for it later).
"""

import fcntl
import hashlib
import hmac
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

_EPOCH, _MICRO = datetime(1970, 1, 1, tzinfo=UTC), datetime.resolution
ROW, HEAD = "parley audit row 1", "parley audit head 1"  # what is signed says what it is, and in which form


class Head(msgspec.Struct, frozen=True):
    seq: int
    mac: str


class HeadBroken(Exception):
    """The file of the head is not one that we signed."""


def row_mac(key: bytes, row: Mapping[str, Any], before: str) -> str:
    """Return the MAC of the columns of a row; `before` is the MAC of the one before, "" for the first.

    JSON of a list is read in one way only, whatever the texts hold; `detail` goes in as the text that is stored, so
    no other library's idea of JSON matters. Times are microseconds since 1970: no zone, no format.
    """
    at: datetime = row["at"]
    micros = (at.astimezone(UTC) - _EPOCH) // _MICRO
    parts = [ROW, row["seq"], micros]
    parts += [row[name] for name in ("action", "actor", "target", "address", "detail")]
    return _sign(key, [*parts, before])


def _sign(key: bytes, parts: list[Any]) -> str:
    return hmac.new(key, msgspec.json.encode(parts), hashlib.sha256).hexdigest()


class HeadFile:
    """One line, `seq mac signature`. Several processes of a machine may share it."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._path, self._key = path, key

    def read(self) -> Head | None:
        """Return None where there is no file. Raises HeadBroken."""
        try:
            text = self._path.read_bytes()[:1_000].decode("ascii", "replace")
        except FileNotFoundError:
            return None
        seq, _, rest = text.strip().partition(" ")
        mac, _, signature = rest.partition(" ")
        if not (seq.isascii() and seq.isdecimal() and len(seq) < 20):
            raise HeadBroken(str(self._path))
        if not hmac.compare_digest(_sign(self._key, [HEAD, int(seq), mac]).encode(), signature.encode()):
            raise HeadBroken(str(self._path))
        return Head(int(seq), mac)

    def move(self, head: Head) -> None:
        """Keep the head if it is further than the one there. A broken one stays: it is evidence. Raises OSError."""
        with open(self._path.with_suffix(".lock"), "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                there = self.read()
            except HeadBroken:
                return
            if there is not None and there.seq >= head.seq:
                return
            new = self._path.with_suffix(".new")
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(f"{head.seq} {head.mac} {_sign(self._key, [HEAD, head.seq, head.mac])}\n")
                file.flush()
                os.fsync(descriptor)  # an empty file after a power cut would look like somebody's work
            new.replace(self._path)
