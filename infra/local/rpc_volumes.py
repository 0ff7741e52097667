"""modal.Volume: the volumes themselves. Their files are in rpc_volume_files.py.

A container writes straight into the folder, so commit and reload have nothing to do: what one container writes
another sees at once. On Modal it sees it after the one's commit and its own reload.
"""

# ruff: noqa: N802 - methods are named as the RPCs

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web
from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError
from modal_proto import api_pb2

from infra.local.objects import ENVIRONMENT, Entry, Registry
from infra.local.volumes import Volume

if TYPE_CHECKING:
    from infra.local.plane import Plane
    from infra.local.server import Caller


class Volumes:
    """Kept as `plane.parts["volumes"]`, where containers look up their folders."""

    def __init__(self, plane: "Plane") -> None:
        # A folder of this run: in one that is used again, the ids of before would name other volumes.
        self._folder = plane.folder / "volumes" / f"{plane.clock():.6f}"
        self._volumes: Registry[Volume] = Registry(
            plane, "Volume", "vo", drop=lambda volume: shutil.rmtree(volume.folder, ignore_errors=True)
        )
        plane.parts["volumes"] = self

    def folder(self, volume_id: str) -> Path:
        """Return where a volume's files are. Raises GRPCError NOT_FOUND."""
        return self.get(volume_id).folder

    def get(self, volume_id: str) -> Volume:
        return self._volumes.get(volume_id).value

    async def serve_range(self, request: web.Request) -> web.Response:
        """Answer a GET of a part of a file, as VolumeGetFile2 told the address."""
        try:
            there = self.get(request.match_info["id"]).existing(request.match_info["path"])
        except GRPCError as error:
            raise web.HTTPNotFound(text=f"{error.message}\n") from error
        with there.open("rb") as source:
            source.seek(int(request.query["start"]))
            return web.Response(body=source.read(int(request.query["len"])))

    async def VolumeGetOrCreate(
        self, request: api_pb2.VolumeGetOrCreateRequest, caller: "Caller"
    ) -> api_pb2.VolumeGetOrCreateResponse:
        version = request.version or api_pb2.VOLUME_FS_VERSION_V1

        def make(volume_id: str) -> Volume:
            folder = self._folder / volume_id
            folder.mkdir(parents=True)
            return Volume(folder, version)

        entry = self._volumes.open(
            request.deployment_name, request.environment_name, request.object_creation_type, make
        )
        metadata = _metadata(entry)
        return api_pb2.VolumeGetOrCreateResponse(volume_id=entry.id, version=metadata.version, metadata=metadata)

    async def VolumeGetById(
        self, request: api_pb2.VolumeGetByIdRequest, caller: "Caller"
    ) -> api_pb2.VolumeGetByIdResponse:
        entry = self._volumes.get(request.volume_id)
        return api_pb2.VolumeGetByIdResponse(volume_id=entry.id, metadata=_metadata(entry))

    async def VolumeHeartbeat(self, request: api_pb2.VolumeHeartbeatRequest, caller: "Caller") -> Empty:
        self._volumes.heartbeat(request.volume_id)
        return Empty()

    async def VolumeDelete(self, request: api_pb2.VolumeDeleteRequest, caller: "Caller") -> Empty:
        self._volumes.delete(request.volume_id)
        return Empty()

    async def VolumeRename(self, request: api_pb2.VolumeRenameRequest, caller: "Caller") -> Empty:
        self._volumes.rename(request.volume_id, request.name)
        return Empty()

    async def VolumeList(self, request: api_pb2.VolumeListRequest, caller: "Caller") -> api_pb2.VolumeListResponse:
        items = [
            api_pb2.VolumeListItem(
                label=entry.name, volume_id=entry.id, created_at=entry.created, metadata=_metadata(entry)
            )
            for entry in self._volumes.page(request.environment_name, request.pagination)
        ]
        return api_pb2.VolumeListResponse(items=items, environment_name=request.environment_name or ENVIRONMENT)

    async def VolumeCommit(
        self, request: api_pb2.VolumeCommitRequest, caller: "Caller"
    ) -> api_pb2.VolumeCommitResponse:
        self._volumes.get(request.volume_id)
        return api_pb2.VolumeCommitResponse(skip_reload=True)

    async def VolumeReload(self, request: api_pb2.VolumeReloadRequest, caller: "Caller") -> Empty:
        self._volumes.get(request.volume_id)
        return Empty()


def _metadata(entry: Entry[Volume]) -> api_pb2.VolumeMetadata:
    version = api_pb2.VolumeFsVersion.ValueType(entry.value.version)
    return api_pb2.VolumeMetadata(version=version, name=entry.name, creation_info=entry.info())
