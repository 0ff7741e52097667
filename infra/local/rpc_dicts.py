"""modal.Dict: bytes by bytes; what they mean is between the clients."""

# ruff: noqa: N802 - methods are named as the RPCs

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from infra.local.objects import ENVIRONMENT, Entry, Registry

if TYPE_CHECKING:
    from infra.local.plane import Plane
    from infra.local.server import Caller

COUNTED = 100_000  # `len` says no more than this, as on Modal

Contents = dict[bytes, bytes]


class Dicts:
    """Entries live as long as the plane; Modal drops those that nobody touched for seven days."""

    def __init__(self, plane: "Plane") -> None:
        self._dicts: Registry[Contents] = Registry(plane, "Dict", "di")

    async def DictGetOrCreate(
        self, request: api_pb2.DictGetOrCreateRequest, caller: "Caller"
    ) -> api_pb2.DictGetOrCreateResponse:
        entry = self._dicts.open(
            request.deployment_name, request.environment_name, request.object_creation_type,
            lambda _: {item.key: item.value for item in request.data},
        )  # fmt: skip
        return api_pb2.DictGetOrCreateResponse(dict_id=entry.id, metadata=_metadata(entry))

    async def DictGetById(
        self, request: api_pb2.DictGetByIdRequest, caller: "Caller"
    ) -> api_pb2.DictGetByIdResponse:
        entry = self._dicts.get(request.dict_id)
        return api_pb2.DictGetByIdResponse(dict_id=entry.id, metadata=_metadata(entry))

    async def DictHeartbeat(self, request: api_pb2.DictHeartbeatRequest, caller: "Caller") -> Empty:
        self._dicts.heartbeat(request.dict_id)
        return Empty()

    async def DictDelete(self, request: api_pb2.DictDeleteRequest, caller: "Caller") -> Empty:
        self._dicts.delete(request.dict_id)
        return Empty()

    async def DictList(self, request: api_pb2.DictListRequest, caller: "Caller") -> api_pb2.DictListResponse:
        dicts = [
            api_pb2.DictListResponse.DictInfo(
                name=entry.name, created_at=entry.created, dict_id=entry.id, metadata=_metadata(entry)
            )
            for entry in self._dicts.page(request.environment_name, request.pagination)
        ]
        return api_pb2.DictListResponse(dicts=dicts, environment_name=request.environment_name or ENVIRONMENT)

    async def DictGet(self, request: api_pb2.DictGetRequest, caller: "Caller") -> api_pb2.DictGetResponse:
        value = self._dicts.get(request.dict_id).value.get(request.key)
        return api_pb2.DictGetResponse(found=value is not None, value=value)

    async def DictPop(self, request: api_pb2.DictPopRequest, caller: "Caller") -> api_pb2.DictPopResponse:
        value = self._dicts.get(request.dict_id).value.pop(request.key, None)
        return api_pb2.DictPopResponse(found=value is not None, value=value)

    async def DictContains(
        self, request: api_pb2.DictContainsRequest, caller: "Caller"
    ) -> api_pb2.DictContainsResponse:
        return api_pb2.DictContainsResponse(found=request.key in self._dicts.get(request.dict_id).value)

    async def DictLen(self, request: api_pb2.DictLenRequest, caller: "Caller") -> api_pb2.DictLenResponse:
        return api_pb2.DictLenResponse(len=min(COUNTED, len(self._dicts.get(request.dict_id).value)))

    async def DictUpdate(self, request: api_pb2.DictUpdateRequest, caller: "Caller") -> api_pb2.DictUpdateResponse:
        """`created` is false only when `if_not_exists` found every key there already."""
        contents = self._dicts.get(request.dict_id).value
        fresh = {item.key: item.value for item in request.updates}
        if request.if_not_exists:
            fresh = {key: value for key, value in fresh.items() if key not in contents}
        contents.update(fresh)
        return api_pb2.DictUpdateResponse(created=bool(fresh))

    async def DictClear(self, request: api_pb2.DictClearRequest, caller: "Caller") -> Empty:
        self._dicts.get(request.dict_id).value.clear()
        return Empty()

    async def DictContents(
        self, request: api_pb2.DictContentsRequest, caller: "Caller"
    ) -> AsyncIterator[api_pb2.DictEntry]:
        """A copy is sent, so that whoever writes meanwhile does not cut the reader off."""
        for key, value in list(self._dicts.get(request.dict_id).value.items()):
            yield api_pb2.DictEntry(
                key=key if request.keys else b"",
                value=value if request.values else b"",
            )


def _metadata(entry: Entry[Contents]) -> api_pb2.DictMetadata:
    return api_pb2.DictMetadata(name=entry.name, creation_info=entry.info())
