"""Environments and tokens. There is one environment unless somebody names others; any token is as good as another."""

# ruff: noqa: N802 - methods are named as the RPCs

from typing import TYPE_CHECKING

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from infra.local.objects import ENVIRONMENT

if TYPE_CHECKING:
    from infra.local.plane import Plane
    from infra.local.server import Caller

BUILDER = "2025.06"
WORKSPACE = "local"


class Environments:
    """By name; an environment's id is made of it, as nothing else refers to it."""

    def __init__(self, plane: "Plane") -> None:
        self._names = {ENVIRONMENT: plane.clock()}
        self._now = plane.clock

    async def EnvironmentGetOrCreate(
        self, request: api_pb2.EnvironmentGetOrCreateRequest, caller: "Caller"
    ) -> api_pb2.EnvironmentGetOrCreateResponse:
        name = request.deployment_name or ENVIRONMENT
        if name not in self._names:
            if request.object_creation_type == api_pb2.OBJECT_CREATION_TYPE_UNSPECIFIED:
                raise GRPCError(Status.NOT_FOUND, f"Environment '{name}' not found")
            self._names[name] = self._now()
        settings = api_pb2.EnvironmentSettings(image_builder_version=BUILDER, webhook_suffix="")
        metadata = api_pb2.EnvironmentMetadata(name=name, settings=settings)
        return api_pb2.EnvironmentGetOrCreateResponse(environment_id=f"en-{name}", metadata=metadata)

    async def EnvironmentList(self, request: Empty, caller: "Caller") -> api_pb2.EnvironmentListResponse:
        return api_pb2.EnvironmentListResponse(
            items=[
                api_pb2.EnvironmentListItem(
                    name=name, created_at=made, default=name == ENVIRONMENT, environment_id=f"en-{name}",
                    image_builder_version=BUILDER,
                )
                for name, made in self._names.items()
            ]
        )

    async def EnvironmentCreate(self, request: api_pb2.EnvironmentCreateRequest, caller: "Caller") -> Empty:
        if request.name in self._names:
            raise GRPCError(Status.ALREADY_EXISTS, f"Environment '{request.name}' already exists")
        self._names[request.name] = self._now()
        return Empty()

    async def EnvironmentDelete(self, request: api_pb2.EnvironmentDeleteRequest, caller: "Caller") -> Empty:
        if request.name == ENVIRONMENT or self._names.pop(request.name, None) is None:
            raise GRPCError(Status.NOT_FOUND, f"Environment '{request.name}' cannot be deleted")
        return Empty()

    async def TokenInfoGet(
        self, request: api_pb2.TokenInfoGetRequest, caller: "Caller"
    ) -> api_pb2.TokenInfoGetResponse:
        return api_pb2.TokenInfoGetResponse(token_id="ak-local", workspace_id="ws-local", workspace_name=WORKSPACE)  # noqa: S106 - no secret

    async def WorkspaceNameLookup(self, request: Empty, caller: "Caller") -> api_pb2.WorkspaceNameLookupResponse:
        return api_pb2.WorkspaceNameLookupResponse(workspace_name=WORKSPACE, username=WORKSPACE)
