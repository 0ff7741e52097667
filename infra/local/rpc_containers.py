"""RPCs of containers: hello, heartbeats that carry cancellations, inputs, outputs, chunks, failures to start."""

# ruff: noqa: N802 - methods are named as the RPCs

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from infra.local.calls import Call, Input, Result
from infra.local.containers import Container
from infra.local.plane import Plane
from infra.local.server import Caller

HEARTBEAT_S = 14.9  # the client beats every 15 s and gives one up after 15.1; held any shorter, cancels would wait
INPUTS_S = 55.0  # one wait for inputs


class ContainerRpcs:
    """Only a container's own socket reaches these with a container."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._calls = plane.calls

    async def ContainerHello(self, request: Empty, caller: Caller) -> Empty:
        self._plane.containers.hello(_container(caller))
        return Empty()

    async def ContainerHeartbeat(
        self, request: api_pb2.ContainerHeartbeatRequest, caller: Caller
    ) -> api_pb2.ContainerHeartbeatResponse:
        """Hold the beat for its whole interval, and answer at once when there is something to cancel."""
        container = _container(caller)
        container.seen = self._plane.clock()
        deadline = container.seen + HEARTBEAT_S
        while not (inputs := container.to_cancel(self._plane.clock())):
            left = deadline - self._plane.clock()
            if left <= 0 or not await container.bell.wait(left):
                return api_pb2.ContainerHeartbeatResponse()
        return api_pb2.ContainerHeartbeatResponse(cancel_input_event=api_pb2.CancelInputEvent(input_ids=inputs))

    async def FunctionGetInputs(
        self, request: api_pb2.FunctionGetInputsRequest, caller: Caller
    ) -> api_pb2.FunctionGetInputsResponse:
        container = _container(caller)
        container.seen = self._plane.clock()
        self._plane.containers.booted(container)
        taken = await self._plane.autoscaler.next_inputs(container, max(request.batch_max_size, 1), INPUTS_S)
        if taken and request.batch_max_size > 1:
            await self._linger(container, taken, request.batch_max_size, request.batch_linger_ms / 1_000)
        if taken is None:
            return api_pb2.FunctionGetInputsResponse(inputs=[api_pb2.FunctionGetInputsItem(kill_switch=True)])
        return api_pb2.FunctionGetInputsResponse(inputs=self._hand_out(container, taken))

    async def FunctionPutOutputs(self, request: api_pb2.FunctionPutOutputsRequest, caller: Caller) -> Empty:
        container = _container(caller)
        container.seen = self._plane.clock()
        for item in request.outputs:
            entry = self._calls.inputs.get(item.input_id)
            # Late answers, of a container that was given up or of an earlier try, count for nothing.
            if entry is not None and entry.container == container.id and entry.retry_count == item.retry_count:
                container.cancels.pop(entry.id, None)
                if item.result.status == Result.GENERIC_STATUS_TERMINATED and not entry.cancelled:
                    self._plane.autoscaler.returned(container, entry)  # the container was interrupted, not the call
                else:
                    self._calls.answer(entry, item)
        return Empty()

    async def FunctionCallPutDataOut(self, request: api_pb2.FunctionCallPutDataRequest, caller: Caller) -> Empty:
        call = self._calls.find(request.function_call_id)
        if _runs(call, _container(caller)):
            call.data_out.put(request.data_chunks)
        return Empty()

    async def FunctionGetDynamicConcurrency(
        self, request: api_pb2.FunctionGetDynamicConcurrencyRequest, caller: Caller
    ) -> api_pb2.FunctionGetDynamicConcurrencyResponse:
        """`target_inputs` at a time, and up to `max_inputs` while there can be no more containers."""
        return api_pb2.FunctionGetDynamicConcurrencyResponse(
            concurrency=self._plane.autoscaler.concurrency(_container(caller))
        )

    async def TaskResult(self, request: api_pb2.TaskResultRequest, caller: Caller) -> Empty:
        """The app's code could not be imported, or a hook raised."""
        _container(caller).result = request.result
        return Empty()

    async def ContainerStop(
        self, request: api_pb2.ContainerStopRequest, caller: Caller
    ) -> api_pb2.ContainerStopResponse:
        container = self._plane.containers.by_id.get(request.task_id)
        if container is not None:
            self._plane.containers.end(container, "stopped by a client")
        return api_pb2.ContainerStopResponse()

    async def TaskList(self, request: api_pb2.TaskListRequest, caller: Caller) -> api_pb2.TaskListResponse:
        reply = api_pb2.TaskListResponse()
        for container in self._plane.containers.by_id.values():
            if request.app_id in ("", container.function.app_id):
                app = self._plane.apps.by_id[container.function.app_id]
                reply.tasks.add(
                    task_id=container.id, app_id=app.id, app_description=app.name,
                    started_at=container.started, enqueued_at=container.started,
                )  # fmt: skip
        return reply

    async def _linger(self, container: Container, taken: list[str], size: int, seconds: float) -> None:
        """Let a batch fill up for a while; the pool prefers a container that has begun one."""
        deadline = self._plane.clock() + seconds
        while len(taken) < size and (left := deadline - self._plane.clock()) > 0:
            more = await self._plane.autoscaler.next_inputs(container, size - len(taken), left)
            if not more:
                return
            taken += more

    def _hand_out(self, container: Container, taken: list[str]) -> list[api_pb2.FunctionGetInputsItem]:
        items = []
        for input_id in taken:
            entry = self._calls.inputs[input_id]
            if entry.cancelled:  # while its batch filled up
                self._calls.fail(entry, Result.GENERIC_STATUS_TERMINATED, "the call was cancelled")
                continue
            self._plane.containers.begin(container, entry)
            items.append(_item(entry))
        return items


def _item(entry: Input) -> api_pb2.FunctionGetInputsItem:
    return api_pb2.FunctionGetInputsItem(
        input_id=entry.id,
        input=entry.payload,
        function_call_id=entry.call.id,
        function_call_invocation_type=entry.call.invocation,
        retry_count=entry.retry_count,
        function_map_idx=entry.index,
    )


def _runs(call: Call, container: Container) -> bool:
    return any(entry.container == container.id for entry in call.inputs.values())


def _container(caller: Caller) -> Container:
    if caller.container is None:
        raise GRPCError(Status.PERMISSION_DENIED, "only containers may ask this")
    return caller.container


GROUPS = (ContainerRpcs,)
