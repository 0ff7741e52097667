"""RPCs of images and mounts. No image is built: the environment of the plane is every container's image.

The files of mounts are kept, because they are the code: a container runs what was deployed, not what was edited since.
"""

# ruff: noqa: N802 - methods are named as the RPCs

import hashlib
from collections.abc import AsyncIterator

from grpclib import GRPCError, Status
from modal_proto import api_pb2

from infra.local.plane import Plane
from infra.local.server import Caller

BUILT = api_pb2.GenericResult(status=api_pb2.GenericResult.GENERIC_STATUS_SUCCESS)


class Images:
    """Every image is taken as built."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    async def ImageGetOrCreate(
        self, request: api_pb2.ImageGetOrCreateRequest, caller: Caller
    ) -> api_pb2.ImageGetOrCreateResponse:
        # The same definition keeps its id, so a redeploy changes nothing.
        digest = hashlib.sha256(request.image.SerializeToString(deterministic=True)).hexdigest()[:20]
        image_id = f"im-{digest}"
        self._plane.sources.images[image_id] = request.image
        metadata = api_pb2.ImageMetadata(image_builder_version=request.builder_version)
        return api_pb2.ImageGetOrCreateResponse(image_id=image_id, result=BUILT, metadata=metadata)

    async def ImageJoinStreaming(
        self, request: api_pb2.ImageJoinStreamingRequest, caller: Caller
    ) -> AsyncIterator[api_pb2.ImageJoinStreamingResponse]:
        yield api_pb2.ImageJoinStreamingResponse(result=BUILT, eof=True)


class Mounts:
    """Files by content."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    async def MountBatchedCheckExistence(
        self, request: api_pb2.MountBatchedCheckExistenceRequest, caller: Caller
    ) -> api_pb2.MountBatchedCheckExistenceResponse:
        missing = [digest for digest in request.sha256_hex_hashes if not self._plane.sources.has(digest)]
        return api_pb2.MountBatchedCheckExistenceResponse(missing_sha256_hex_hashes=missing)

    async def MountPutFile(self, request: api_pb2.MountPutFileRequest, caller: Caller) -> api_pb2.MountPutFileResponse:
        # Volumes of version 1, and clients before 1.5, ask file by file what is here already.
        if request.WhichOneof("data_oneof") is None:
            return api_pb2.MountPutFileResponse(exists=self._plane.sources.has(request.sha256_hex))
        data = request.data
        if request.data_blob_id:
            data = self._plane.parts["blobs"].read(request.data_blob_id)
        if hashlib.sha256(data).hexdigest() != request.sha256_hex:
            raise GRPCError(Status.INVALID_ARGUMENT, "the file's content is not what its name says")
        self._plane.sources.put(request.sha256_hex, data)
        return api_pb2.MountPutFileResponse(exists=True)

    async def MountGetOrCreate(
        self, request: api_pb2.MountGetOrCreateRequest, caller: Caller
    ) -> api_pb2.MountGetOrCreateResponse:
        """Named mounts (Modal's own client, a Python build) hold nothing that this environment has not."""
        mount_id = self._plane.sources.mount(request.deployment_name, list(request.files))
        return api_pb2.MountGetOrCreateResponse(mount_id=mount_id, handle_metadata=api_pb2.MountHandleMetadata())


GROUPS = (Images, Mounts)
