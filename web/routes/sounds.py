"""Sound outside of a turn: a character's greeting, and any spoken line again."""

import asyncio
import hashlib
import re
from typing import Any

from litestar import Request, Response

from domain.errors import BadInput
from domain.persona import LANGUAGES
from web.needs import Guest, NeedPages, NeedServices, PathId, page
from web.render import unchanged

AnyRequest = Request[Any, Any, Any]
_RANGE = re.compile(r"bytes=(\d{0,12})-(\d{0,12})\Z", re.ASCII)
SHARED = "public, max-age=300, s-maxage=86400"
MINE = "private, max-age=600"  # an interrupted line's words may still be corrected


@page("/characters/{slug:str}/greeting.wav", raw=True)
async def greeting(request: AnyRequest, slug: PathId, services: NeedServices, pages: NeedPages) -> Response[bytes]:
    asked = request.query_params.get("language") or pages.ui(request).language
    language = next((known for known in LANGUAGES if known == asked), None)
    if language is None:
        raise BadInput("form_bad", field="language")
    persona = await asyncio.to_thread(services.personas.get, slug)
    sound = await services.sounds.greeting(persona, language)
    return wav(request, sound.wav(), SHARED)


@page("/chats/{chat_id:str}/messages/{message_id:str}/sound.wav", raw=True)
async def line(
    request: AnyRequest, chat_id: PathId, message_id: PathId, guest: Guest, services: NeedServices
) -> Response[bytes]:
    sound = await services.sounds.line(guest, chat_id, message_id)
    return wav(request, sound.wav(), MINE)


def wav(request: AnyRequest, body: bytes, cache_control: str) -> Response[bytes]:
    """Return a WAV file, or the one range of it that was asked for: Safari plays nothing without ranges."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    headers = {"cache-control": cache_control, "etag": etag, "accept-ranges": "bytes"}
    if unchanged(request, etag):
        return Response(b"", status_code=304, headers=headers)
    span = byte_range(request.headers.get("range", ""), len(body))
    if span is None:
        return Response(body, media_type="audio/wav", headers=headers)
    first, last = span
    if first > last:
        return Response(b"", status_code=416, headers={**headers, "content-range": f"bytes */{len(body)}"})
    headers["content-range"] = f"bytes {first}-{last}/{len(body)}"
    return Response(body[first : last + 1], media_type="audio/wav", status_code=206, headers=headers)


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """Return the first and last byte asked for, (1, 0) for an impossible range, None for the whole."""
    match = _RANGE.match(header)
    if match is None or match.group(0) == "bytes=-":
        return None  # several ranges, or none we know: the whole is always a right answer
    first, last = match.groups()
    if not first:
        return (max(0, size - int(last)), size - 1) if int(last) else (1, 0)
    end = min(int(last), size - 1) if last else size - 1
    return (int(first), end) if int(first) < size and int(first) <= end else (1, 0)
