"""Blobs, and the files that are mounted into containers."""

# ruff: noqa: N802 - methods are named as the RPCs

from typing import TYPE_CHECKING

from grpclib import GRPCError, Status
from modal_proto import api_pb2

if TYPE_CHECKING:
    from infra.local.blobs import Blobs
    from infra.local.plane import Plane
    from infra.local.server import Caller


class BlobRpcs:
    def __init__(self, plane: "Plane") -> None:
        self._plane = plane

    @property
    def _blobs(self) -> "Blobs":
        blobs: Blobs = self._plane.parts["blobs"]
        return blobs

    async def BlobCreate(self, request: api_pb2.BlobCreateRequest, caller: "Caller") -> api_pb2.BlobCreateResponse:
        return self._blobs.create(request.content_length)

    async def BlobGet(self, request: api_pb2.BlobGetRequest, caller: "Caller") -> api_pb2.BlobGetResponse:
        address = self._blobs.address(request.blob_id)
        if address is None:
            raise GRPCError(Status.NOT_FOUND, f"blob {request.blob_id} not found: never uploaded, or long ago")
        return api_pb2.BlobGetResponse(download_url=address)
