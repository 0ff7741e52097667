"""modal.Queue."""

# ruff: noqa: N802 - methods are named as the RPCs

from typing import TYPE_CHECKING

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from infra.local.fifo import Fifo, Full, TooLarge
from infra.local.objects import ENVIRONMENT, Entry, Registry

if TYPE_CHECKING:
    from infra.local.plane import Plane
    from infra.local.server import Caller

DAY_S = 24 * 3600


class Queues:
    def __init__(self, plane: "Plane") -> None:
        self._now = plane.clock
        self._queues: Registry[Fifo] = Registry(plane, "Queue", "qu")

    async def QueueGetOrCreate(
        self, request: api_pb2.QueueGetOrCreateRequest, caller: "Caller"
    ) -> api_pb2.QueueGetOrCreateResponse:
        entry = self._queues.open(
            request.deployment_name, request.environment_name, request.object_creation_type, lambda _: Fifo()
        )
        return api_pb2.QueueGetOrCreateResponse(queue_id=entry.id, metadata=_metadata(entry))

    async def QueueGetById(
        self, request: api_pb2.QueueGetByIdRequest, caller: "Caller"
    ) -> api_pb2.QueueGetByIdResponse:
        entry = self._queues.get(request.queue_id)
        return api_pb2.QueueGetByIdResponse(queue_id=entry.id, metadata=_metadata(entry))

    async def QueueHeartbeat(self, request: api_pb2.QueueHeartbeatRequest, caller: "Caller") -> Empty:
        self._queues.heartbeat(request.queue_id)
        return Empty()

    async def QueueDelete(self, request: api_pb2.QueueDeleteRequest, caller: "Caller") -> Empty:
        self._queues.delete(request.queue_id)
        return Empty()

    async def QueueList(self, request: api_pb2.QueueListRequest, caller: "Caller") -> api_pb2.QueueListResponse:
        queues = []
        for entry in self._queues.page(request.environment_name, request.pagination):
            lengths = entry.value.lengths(self._now())
            total = min(sum(lengths), request.total_size_limit or sum(lengths))
            queues.append(
                api_pb2.QueueListResponse.QueueInfo(
                    name=entry.name, created_at=entry.created, num_partitions=len(lengths), total_size=total,
                    queue_id=entry.id, metadata=_metadata(entry),
                )
            )  # fmt: skip
        return api_pb2.QueueListResponse(queues=queues, environment_name=request.environment_name or ENVIRONMENT)

    async def QueuePut(self, request: api_pb2.QueuePutRequest, caller: "Caller") -> Empty:
        fifo = self._queues.get(request.queue_id).value
        try:
            ttl = request.partition_ttl_seconds or DAY_S
            fifo.put(self._now(), request.partition_key, list(request.values), ttl)
        except Full as error:  # the client waits and tries again, as long as it was told to
            raise GRPCError(Status.RESOURCE_EXHAUSTED, str(error)) from error
        except TooLarge as error:  # the client looks for these very words
            raise GRPCError(Status.INVALID_ARGUMENT, f"{error} (status = '413')") from error
        return Empty()

    async def QueueGet(self, request: api_pb2.QueueGetRequest, caller: "Caller") -> api_pb2.QueueGetResponse:
        """Wait for at most `timeout` seconds; several who wait are served in the order they came."""
        until = self._now() + request.timeout
        while True:
            fifo = self._queues.get(request.queue_id).value  # again each time: it may be deleted meanwhile
            values = fifo.take(self._now(), request.partition_key, request.n_values or 1)
            left = until - self._now()
            if values or left <= 0:
                return api_pb2.QueueGetResponse(values=values)
            await fifo.wait(request.partition_key, left)

    async def QueueNextItems(
        self, request: api_pb2.QueueNextItemsRequest, caller: "Caller"
    ) -> api_pb2.QueueNextItemsResponse:
        until = self._now() + request.item_poll_timeout
        after = int(request.last_entry_id or 0)
        while True:
            fifo = self._queues.get(request.queue_id).value
            items = fifo.after(self._now(), request.partition_key, after)
            left = until - self._now()
            if items or left <= 0:
                return api_pb2.QueueNextItemsResponse(
                    items=[api_pb2.QueueItem(value=value, entry_id=str(entry)) for entry, value in items]
                )
            await fifo.wait(request.partition_key, left)

    async def QueueLen(self, request: api_pb2.QueueLenRequest, caller: "Caller") -> api_pb2.QueueLenResponse:
        fifo, now = self._queues.get(request.queue_id).value, self._now()
        length = sum(fifo.lengths(now)) if request.total else fifo.length(now, request.partition_key)
        return api_pb2.QueueLenResponse(len=length)

    async def QueueClear(self, request: api_pb2.QueueClearRequest, caller: "Caller") -> Empty:
        self._queues.get(request.queue_id).value.clear(None if request.all_partitions else request.partition_key)
        return Empty()


def _metadata(entry: Entry[Fifo]) -> api_pb2.QueueMetadata:
    return api_pb2.QueueMetadata(name=entry.name, creation_info=entry.info())
