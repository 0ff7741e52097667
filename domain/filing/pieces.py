"""Bytes as they come, in pieces."""

from collections.abc import AsyncGenerator, AsyncIterator

PIECE = 1024 * 1024


async def pieces_of(data: AsyncIterator[bytes] | bytes) -> AsyncGenerator[bytes, None]:
    if isinstance(data, bytes):
        for start in range(0, len(data), PIECE):
            yield data[start : start + PIECE]
        return
    async for piece in data:
        if piece:
            yield piece


async def chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    if first:
        yield first
    async for piece in rest:
        yield piece


async def head_of(pieces: AsyncIterator[bytes], size: int) -> bytes:
    """Return so many bytes from the beginning, or a few more, or all there are."""
    head = bytearray()
    while len(head) < size:
        piece = await anext(pieces, b"")
        if not piece:
            break
        head += piece
    return bytes(head)
