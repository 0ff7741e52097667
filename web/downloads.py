"""Sending somebody's file back to them: never as a page of ours, whatever is in it."""

import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.response import Stream

from domain.filing.cabinet import Cabinet
from domain.filing.model import Stored
from domain.filing.sniffing import sent_as
from web.render import unchanged

AnyRequest = Request[Any, Any, Any]
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})\Z")
_FALLBACK = re.compile(r"[^A-Za-z0-9 ._()\-]")
# Besides what every answer says (web/security.py): where policies differ, browsers keep to both.
SAFE = {
    "content-security-policy": "default-src 'none'; sandbox",
    "cache-control": "private, no-store",
    "accept-ranges": "bytes",
}


async def download(request: AnyRequest, cabinet: Cabinet, owner: str, file_id: str) -> Response[Any]:
    """Return the bytes of a file, or the one range that is asked for. Raises NotFound("file_gone"), Unavailable,
    and an HTTP 416 for a range behind the end. A HEAD is told what all of it is, and nothing is read.
    """
    stored = await cabinet.get(owner, file_id)
    etag = f'"{stored.sha256}"'
    headers = {**SAFE, "content-disposition": disposition(stored.name), "etag": etag}
    if unchanged(request, etag):
        return Response(b"", status_code=304, headers=headers)
    if request.method == "HEAD":
        headers["content-length"] = str(stored.size)
        return Response(b"", media_type=sent_as(stored.media_type), headers=headers)
    asked = request.headers.get("range", "") if request.headers.get("if-range", etag) == etag else ""
    wanted = span(asked, stored.size)
    if wanted is None:
        raise HTTPException(status_code=416, headers={"content-range": f"bytes */{stored.size}"})
    start, end = wanted
    part = (start, end) != (0, stored.size)
    if part:
        headers["content-range"] = f"bytes {start}-{end - 1}/{stored.size}"
    _, pieces = await cabinet.open(owner, file_id, start, end)
    return _stream(stored, pieces, {**headers, "content-length": str(end - start)}, 206 if part else 200)


def span(asked: str, size: int) -> tuple[int, int] | None:
    """Return from where to before where. None where nothing can be sent; all of it for what is no single range."""
    found = _RANGE.match(asked)
    if found is None or found[1] == found[2] == "":
        return 0, size
    if found[1] == "":
        return (max(0, size - int(found[2])), size) if int(found[2]) else None
    start = int(found[1])
    end = min(int(found[2]) + 1, size) if found[2] else size
    if found[2] and int(found[2]) < start:
        return 0, size
    return (start, end) if start < size else None


def disposition(name: str) -> str:
    """Return a Content-Disposition for a clean name in any script (RFC 6266, RFC 8187)."""
    plain = _FALLBACK.sub("_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _stream(stored: Stored, pieces: AsyncIterator[bytes], headers: dict[str, str], status: int) -> Stream:
    return Stream(pieces, media_type=sent_as(stored.media_type), headers=headers, status_code=status)
