"""The files of volumes, in the ways of both of Modal's file systems: by whole file (1) and by 8 MiB block (2)."""

# ruff: noqa: N802 - methods are named as the RPCs

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from infra.local.blobs import BLOCK, Blobs
from infra.local.volumes import Volume

if TYPE_CHECKING:
    from infra.local.plane import Plane
    from infra.local.server import Caller

Missing = api_pb2.VolumePutFiles2Response.MissingBlock
Entries = Iterator[api_pb2.FileEntry]
PAGE = 500  # entries in one message
INLINE = 2 * 1024 * 1024  # bytes of a file that fit into a message; the rest goes by blob


class VolumeFiles:
    def __init__(self, plane: "Plane") -> None:
        self._plane = plane

    def _volume(self, volume_id: str) -> Volume:
        volume: Volume = self._plane.parts["volumes"].get(volume_id)
        return volume

    @property
    def _blobs(self) -> Blobs:
        blobs: Blobs = self._plane.parts["blobs"]
        return blobs

    async def VolumeListFiles(
        self, request: api_pb2.VolumeListFilesRequest, caller: "Caller"
    ) -> AsyncIterator[api_pb2.VolumeListFilesResponse]:
        for page in _pages(self._volume(request.volume_id).entries(request.path, request.recursive), request):
            yield api_pb2.VolumeListFilesResponse(entries=page)

    async def VolumeListFiles2(
        self, request: api_pb2.VolumeListFiles2Request, caller: "Caller"
    ) -> AsyncIterator[api_pb2.VolumeListFiles2Response]:
        for page in _pages(self._volume(request.volume_id).entries(request.path, request.recursive), request):
            yield api_pb2.VolumeListFiles2Response(entries=page)

    async def VolumeGetFile(
        self, request: api_pb2.VolumeGetFileRequest, caller: "Caller"
    ) -> api_pb2.VolumeGetFileResponse:
        """The way of older clients: the bytes themselves."""
        there = _file(self._volume(request.volume_id), request.path)
        start, length, size = _range(there, request.start, request.len)
        with there.open("rb") as source:
            source.seek(start)
            data = source.read(length)
        reply = api_pb2.VolumeGetFileResponse(size=size, start=start, len=length)
        if length <= INLINE:
            reply.data = data
        else:
            reply.data_blob_id = self._blobs.keep(data)
        return reply

    async def VolumeGetFile2(
        self, request: api_pb2.VolumeGetFile2Request, caller: "Caller"
    ) -> api_pb2.VolumeGetFile2Response:
        """Return an address for every block that the range touches."""
        there = _file(self._volume(request.volume_id), request.path)
        start, length, size = _range(there, request.start, request.len)
        base = f"{self._plane.blob_url}/volumes/{request.volume_id}/{quote(request.path.lstrip('/'))}"
        edges = [start, *range((start // BLOCK + 1) * BLOCK, start + length, BLOCK), start + length]
        urls = [f"{base}?start={a}&len={b - a}" for a, b in pairwise(edges) if b > a]
        return api_pb2.VolumeGetFile2Response(get_urls=urls, size=size, start=start, len=length)

    async def VolumePutFiles(self, request: api_pb2.VolumePutFilesRequest, caller: "Caller") -> Empty:
        """The contents came before, by MountPutFile. All files are written or none."""
        volume = self._volume(request.volume_id)
        volume.check([file.filename for file in request.files], not request.disallow_overwrite_existing_files)
        contents = [self._plane.sources._files / file.sha256_hex for file in request.files]
        if not all(content.is_file() for content in contents):
            raise GRPCError(Status.FAILED_PRECONDITION, "the content of a file has not been uploaded")
        for file, content in zip(request.files, contents, strict=True):
            size = content.stat().st_size
            await asyncio.to_thread(volume.write, file.filename, [content], size, size, file.mode)
        return Empty()

    async def VolumePutFiles2(
        self, request: api_pb2.VolumePutFiles2Request, caller: "Caller"
    ) -> api_pb2.VolumePutFiles2Response:
        """Ask for the blocks that nobody has put yet; with all of them there, write all files."""
        volume = self._volume(request.volume_id)
        volume.check([file.path for file in request.files], not request.disallow_overwrite_existing_files)
        missing = []
        for at, file in enumerate(request.files):
            for number, block in enumerate(file.blocks):
                digest = block.contents_sha256.hex()
                if self._blobs.content(digest) is None:
                    url = self._blobs.block_address(digest)
                    missing.append(Missing(file_index=at, block_index=number, put_url=url))
        if not missing:
            for file in request.files:
                found = (self._blobs.content(block.contents_sha256.hex()) for block in file.blocks)
                pieces = [piece for piece in found if piece is not None]
                await asyncio.to_thread(volume.write, file.path, pieces, file.size, BLOCK, file.mode)
        return api_pb2.VolumePutFiles2Response(missing_blocks=missing)

    async def VolumeRemoveFile(self, request: api_pb2.VolumeRemoveFileRequest, caller: "Caller") -> Empty:
        self._volume(request.volume_id).remove(request.path, request.recursive)
        return Empty()

    async def VolumeRemoveFile2(self, request: api_pb2.VolumeRemoveFile2Request, caller: "Caller") -> Empty:
        self._volume(request.volume_id).remove(request.path, request.recursive)
        return Empty()

    async def VolumeCopyFiles(self, request: api_pb2.VolumeCopyFilesRequest, caller: "Caller") -> Empty:
        volume = self._volume(request.volume_id)
        await asyncio.to_thread(volume.copy, list(request.src_paths), request.dst_path, request.recursive)
        return Empty()

    async def VolumeCopyFiles2(self, request: api_pb2.VolumeCopyFiles2Request, caller: "Caller") -> Empty:
        volume = self._volume(request.volume_id)
        await asyncio.to_thread(volume.copy, list(request.src_paths), request.dst_path, request.recursive)
        return Empty()


def _pages(
    entries: Entries, request: api_pb2.VolumeListFilesRequest | api_pb2.VolumeListFiles2Request
) -> Iterator[Sequence[api_pb2.FileEntry]]:
    if request.HasField("max_entries"):
        entries = islice(entries, request.max_entries)
    while page := list(islice(entries, PAGE)):
        yield page


def _file(volume: Volume, path: str) -> Path:
    there = volume.existing(path)
    if there.is_dir():
        raise GRPCError(Status.INVALID_ARGUMENT, f"{path!r} is a directory")
    return there


def _range(there: Path, start: int, length: int) -> tuple[int, int, int]:
    """Return start, length and the whole size; a length of 0 asks for all that is left."""
    size = there.stat().st_size
    start = min(start, size)
    return start, min(length or size, size - start), size
