"""Bytes that are too large for a message: put and fetched over HTTP, as from an object store.

Files of one run, in the plane's folder: `blobs/` by blob id (arguments, results) and `contents/` by their SHA-256
(what `modal deploy` mounts, and the blocks of volumes).
"""

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from infra.local.loopback import address, listening, named_as_ours, serving

if TYPE_CHECKING:
    from infra.local.plane import Plane

BLOCK = 8 * 1024 * 1024  # of volumes, fixed by the client
PART = 128 * 1024 * 1024  # a longer blob comes in parts of this length; clients insist on parts above 1 GiB
MOST_PARTS = 10_000  # of one blob, 1.2 TiB; the list of their addresses is made in memory
KEPT_BYTES = 2 * 1024**3  # of blobs; the oldest go first. Modal keeps results for a week
HEX = frozenset("0123456789abcdef")


class Blobs:
    """Kept as `plane.parts["blobs"]`."""

    def __init__(self, plane: "Plane", url: str) -> None:
        self._plane = plane
        self._url = url
        # A folder of this run: in one that is used again, the ids of before would name other bytes.
        self._blobs = plane.folder / "blobs" / f"{plane.clock():.6f}"
        self._contents = plane.folder / "contents"
        self.part_length = PART
        self.kept_bytes = KEPT_BYTES
        for folder in (self._blobs, self._contents):
            folder.mkdir(parents=True, exist_ok=True)

    def create(self, length: int) -> api_pb2.BlobCreateResponse:
        """Return where to put a blob of `length` bytes: one address, or one for each part.

        Raises GRPCError INVALID_ARGUMENT for a length that no disk holds.
        """
        if not 0 <= length <= self.part_length * MOST_PARTS:
            raise GRPCError(Status.INVALID_ARGUMENT, f"a blob of {length} bytes cannot be kept here")
        self._make_room()
        blob_id = self._plane.apps.new_id("bl")
        url = f"{self._url}/blobs/{blob_id}"
        if length <= self.part_length:
            urls = api_pb2.UploadUrlList(items=[url])
            # The single address is what clients before the list of addresses read.
            return api_pb2.BlobCreateResponse(blob_id=blob_id, blob_ids=[blob_id], upload_url=url, upload_urls=urls)
        parts = -(-length // self.part_length)
        upload = api_pb2.MultiPartUpload(
            part_length=self.part_length,
            upload_urls=[f"{url}/parts/{part}" for part in range(parts)],
            completion_url=f"{url}/complete?parts={parts}",
        )
        uploads = api_pb2.MultiPartUploadList(items=[upload])
        return api_pb2.BlobCreateResponse(blob_id=blob_id, blob_ids=[blob_id], multipart=upload, multiparts=uploads)

    def address(self, blob_id: str) -> str | None:
        """Return where a blob can be fetched, None while it is not (or no longer) there."""
        return f"{self._url}/blobs/{blob_id}" if self._blob(blob_id).is_file() else None

    def read(self, blob_id: str) -> bytes | None:
        path = self._blob(blob_id)
        return path.read_bytes() if path.is_file() else None

    def keep(self, data: bytes) -> str:
        """Make a blob of these bytes; return its id."""
        blob_id = self._plane.apps.new_id("bl")
        _write(self._blob(blob_id), data)
        return blob_id

    def content(self, sha256_hex: str) -> Path | None:
        """Return the file with this checksum, None when nobody has put it yet."""
        path = self._contents / sha256_hex
        return path if set(sha256_hex) <= HEX and len(sha256_hex) == 64 and path.is_file() else None

    def keep_content(self, sha256_hex: str, data: bytes) -> bool:
        """Keep bytes by their checksum; False, and nothing kept, when it is not theirs."""
        if hashlib.sha256(data).hexdigest() != sha256_hex:
            return False
        _write(self._contents / sha256_hex, data)
        return True

    def block_address(self, sha256_hex: str) -> str:
        return f"{self._url}/blocks/{sha256_hex}"

    def _blob(self, blob_id: str) -> Path:
        return self._blobs / Path(blob_id).name

    def _make_room(self) -> None:
        files = sorted((file.stat().st_mtime, file.stat().st_size, file) for file in self._blobs.iterdir())
        held = sum(size for _, size, _ in files)
        for _, size, file in files:
            if held <= self.kept_bytes:
                return
            file.unlink(missing_ok=True)
            held -= size

    def routes(self) -> list[web.RouteDef]:
        return [
            web.put("/blobs/{id}", self._put),
            web.get("/blobs/{id}", self._get),
            web.put("/blobs/{id}/parts/{part}", self._put_part),
            web.post("/blobs/{id}/complete", self._complete),
            web.put("/blocks/{sha256}", self._put_block),
        ]

    async def _put(self, request: web.Request) -> web.Response:
        return await self._receive(request, self._blob(request.match_info["id"]))

    async def _put_part(self, request: web.Request) -> web.Response:
        return await self._receive(request, self._part(request.match_info["id"], _count(request.match_info["part"])))

    async def _put_block(self, request: web.Request) -> web.Response:
        digest = request.match_info["sha256"]
        if not self.keep_content(digest, await request.read()):
            raise web.HTTPBadRequest(text="the checksum is another one\n")
        return web.Response(body=bytes.fromhex(digest))  # the client hands this back with the list of blocks

    async def _get(self, request: web.Request) -> web.StreamResponse:
        path = self._blob(request.match_info["id"])
        if not path.is_file():
            raise web.HTTPNotFound(text="no such blob\n")
        return web.FileResponse(path, headers={"Content-Type": "application/octet-stream"})

    async def _complete(self, request: web.Request) -> web.Response:
        """Join the parts; the answer holds the md5 of their md5s, which the client checks."""
        blob_id, count = request.match_info["id"], _count(request.query.get("parts", ""))
        parts = [self._part(blob_id, part) for part in range(count)]
        if not all(part.is_file() for part in parts):
            raise web.HTTPBadRequest(text="a part is missing\n")
        digests = b""
        joined = self._blob(blob_id).with_suffix(".joined")
        with joined.open("wb") as out:
            for part in parts:
                data = part.read_bytes()
                digests += hashlib.md5(data, usedforsecurity=False).digest()
                out.write(data)
                part.unlink()
        joined.replace(self._blob(blob_id))
        etag = f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{count}"
        return web.Response(text=f"<CompleteMultipartUploadResult><ETag>{etag}</ETag></CompleteMultipartUploadResult>")

    async def _receive(self, request: web.Request, path: Path) -> web.Response:
        """Write a body to a file as it comes. The ETag is its md5: the client compares it with its own."""
        digest = hashlib.md5(usedforsecurity=False)
        coming = path.with_suffix(".coming")
        with coming.open("wb") as out:
            async for piece in request.content.iter_any():
                digest.update(piece)
                out.write(piece)
        coming.replace(path)
        return web.Response(headers={"ETag": f'"{digest.hexdigest()}"'})

    def _part(self, blob_id: str, part: int) -> Path:
        return self._blob(f"{blob_id}-part-{part:05d}")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(MOST_PARTS)) and int(text) <= MOST_PARTS):
        raise web.HTTPBadRequest(text="no such part\n")
    return int(text)


def _write(path: Path, data: bytes) -> None:
    """Whoever reads it meanwhile sees all of it or none."""
    coming = path.with_suffix(f".{os.getpid()}.coming")
    coming.write_bytes(data)
    coming.replace(path)


@asynccontextmanager
async def part(plane: "Plane") -> AsyncIterator[None]:
    """Serve the bytes beside the plane; sets `plane.blob_url`."""
    ours = listening()
    plane.blob_url = address(ours)
    blobs = plane.parts["blobs"] = Blobs(plane, plane.blob_url)
    app = web.Application(middlewares=[named_as_ours], client_max_size=2 * BLOCK)
    app.add_routes([*blobs.routes(), web.get("/volumes/{id}/{path:.+}", plane.parts["volumes"].serve_range)])
    async with serving(app, ours):
        yield
