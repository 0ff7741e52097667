"""Files that are sent in a form, passed on as they come: nothing of them waits in memory or on a disk.

The fields of the form come before its file. Whoever reads such a form is asked for the word against forgery here, since
the guard of all other routes would have to read all of it: a route says `csrf_in_stream=True` (web/csrf.py).
"""

import time
from asyncio import timeout
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar import Request
from litestar.exceptions import ClientException, HTTPException, InternalServerException
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from domain.errors import BadInput, ParleyError
from domain.filing.intake import FILE_BYTES
from web.csrf import FIELD, check_word

_ROOM = 32 * 1024  # for the fields and boundaries
UPLOAD_BYTES = FILE_BYTES + _ROOM
FIELD_BYTES, FIELDS = 4_096, 8
IDLE_S = 20.0  # in which nothing came
# After so long, bytes in a second on the average: room for the largest file is kept for longer than that takes.
PATIENT_S, LEAST_RATE = 20.0, 16 * 1024
AnyRequest = Request[Any, Any, Any]


class Upload(msgspec.Struct, frozen=True):
    """A file that is coming. `data` raises BadInput when the form turns out to be none: nothing is to be kept then."""

    name: str  # as it was sent
    fields: dict[str, str]
    data: AsyncIterator[bytes]
    size: int | None  # bytes, at most
    least: int  # and at least
    body: AsyncIterator[bytes]

    async def drain(self) -> None:
        """Read what is left and forget it: browsers that are still sending tell of a broken connection in place of a
        refusal. It may take as long as the file would have.
        """
        with suppress(ParleyError, HTTPException):
            async for _ in self.body:
                continue

    def choice(self, name: str, default: str, *allowed: str) -> str:
        value = self.fields.get(name) or default
        if value not in allowed:
            raise BadInput("form_bad", field=name)
        return value


async def incoming(
    request: AnyRequest, *, idle_s: float = IDLE_S, patient_s: float = PATIENT_S, least_rate: int = LEAST_RATE
) -> Upload:
    """Read a form up to the file in its field `file`.

    Raises BadInput("form_unreadable", "field_empty", "upload_slow"), NotAllowed("csrf_bad"), and Litestar's 413.
    """
    upload = await incoming_or_fields(request, idle_s=idle_s, patient_s=patient_s, least_rate=least_rate)
    if isinstance(upload, dict):
        raise BadInput("field_empty", field="file")
    return upload


async def incoming_or_fields(
    request: AnyRequest, *, idle_s: float = IDLE_S, patient_s: float = PATIENT_S, least_rate: int = LEAST_RATE
) -> Upload | dict[str, str]:
    """Read a form up to its file, or all of one that has none. Raises as `incoming` does."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    body = _chunks(request, idle_s, patient_s, least_rate)
    if kind == "application/x-www-form-urlencoded":
        return await _fields(request, body)
    boundary = options.get("boundary", "")
    if kind != "multipart/form-data" or not 0 < len(boundary) <= 200 or not boundary.isascii():
        raise BadInput("form_unreadable")
    parts = _parts(body, boundary)
    sent: dict[str, bytes] = {}
    async for segment, piece in parts:
        if segment.name == "file" and segment.filename is not None:
            fields = _decoded(sent)
            check_word(request, fields.get(FIELD, ""))
            length = request.content_length
            least = max(1, (length or 0) - _ROOM)
            return Upload(segment.filename, fields, _file(segment, piece, parts), length, least, body)
        sent[segment.name] = sent.get(segment.name, b"") + piece
        if len(sent) > FIELDS or len(sent[segment.name]) > FIELD_BYTES:
            raise BadInput("form_unreadable")
    fields = _decoded(sent)
    check_word(request, fields.get(FIELD, ""))
    return fields


async def drain(request: AnyRequest) -> None:
    """Read a form that is refused before anybody looks at it: as Upload.drain."""
    with suppress(ParleyError, HTTPException):
        async for _ in _chunks(request, IDLE_S, PATIENT_S, LEAST_RATE):
            continue


async def _fields(request: AnyRequest, body: AsyncIterator[bytes]) -> dict[str, str]:
    sent = b""
    async for chunk in body:
        sent += chunk
        if len(sent) > _ROOM:
            raise BadInput("form_unreadable")
    try:
        told = parse_qsl(sent, keep_blank_values=True, max_num_fields=FIELDS)
        fields = _decoded({name.decode("latin-1"): value for name, value in told})
    except ValueError as error:
        raise BadInput("form_unreadable") from error
    check_word(request, fields.get(FIELD, ""))
    return fields


async def _file(
    segment: MultipartSegment, first: bytes, parts: AsyncIterator[tuple[MultipartSegment, bytes]]
) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of one file; it ends only where the form ends as it should, and has no other file in it."""
    if first:
        yield first
    async for other, piece in parts:
        if other is segment:
            if piece:
                yield piece
        elif other.filename is not None:
            raise BadInput("form_bad", field="file")


async def _parts(
    chunks: AsyncIterator[bytes], boundary: str
) -> AsyncGenerator[tuple[MultipartSegment, bytes], None]:
    """Yield pieces with the segment they belong to, an empty one at the beginning of each."""
    parser = PushMultipartParser(boundary, max_segment_count=FIELDS + 2)
    segment: MultipartSegment | None = None
    try:
        with parser:
            async for chunk in chunks:
                for event in parser.parse(chunk):
                    if isinstance(event, MultipartSegment):
                        segment = event
                        yield segment, b""
                    elif event and segment is not None:
                        yield segment, bytes(event)
    except (MultipartError, ValueError, LookupError) as error:  # UnicodeDecodeError is a ValueError
        raise BadInput("form_unreadable") from error


async def _chunks(
    request: AnyRequest, idle_s: float, patient_s: float, least_rate: int
) -> AsyncGenerator[bytes, None]:
    """Yield the body as it comes, for as long as it does. The time in which nobody asks for more does not count."""
    stream, waited, came = request.stream(), 0.0, 0
    while True:
        began = time.monotonic()
        try:
            async with timeout(idle_s):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise BadInput("upload_slow") from None
        except InternalServerException as error:
            if "disconnected" not in str(error.detail):
                raise
            raise BadInput("form_unreadable") from error  # whoever sent it has left
        except ClientException as error:
            if error.status_code == 413:
                raise
            raise BadInput("form_unreadable") from error
        if chunk is None:
            return
        waited, came = waited + time.monotonic() - began, came + len(chunk)
        if waited > patient_s and came < least_rate * waited:
            raise BadInput("upload_slow")
        if chunk:
            yield chunk


def _decoded(sent: Mapping[str, bytes]) -> dict[str, str]:
    try:
        fields = {name: value.decode() for name, value in sent.items()}
    except UnicodeDecodeError as error:
        raise BadInput("form_unreadable") from error
    if any("\0" in value for value in fields.values()):
        raise BadInput("form_unreadable")
    return fields
