"""RPCs of callers: start a call, put inputs, wait for outputs and chunks, retry, cancel."""

# ruff: noqa: N802 - methods are named as the RPCs

import asyncio
from collections.abc import AsyncIterator

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from infra.local.calls import READ_S, Call, Input
from infra.local.plane import Plane
from infra.local.server import Caller

MOST_OUTSTANDING = 1_000  # inputs of one map at a time, Modal's own figure
MOST_BYTES = 16 * 2**20  # of outputs in one reply


class CallRpcs:
    """`remote`, `spawn`, `map` and what follows them."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._calls = plane.calls

    async def FunctionMap(self, request: api_pb2.FunctionMapRequest, caller: Caller) -> api_pb2.FunctionMapResponse:
        call = self._calls.open(request.function_id, request.function_call_type, request.function_call_invocation_type)
        reply = api_pb2.FunctionMapResponse(
            function_call_id=call.id,
            function_call_jwt=call.id,
            retry_policy=call.function.definition.retry_policy,
            max_inputs_outstanding=MOST_OUTSTANDING,
        )
        for item in request.pipelined_inputs:
            reply.pipelined_inputs.append(self._put(call, item))
        reply.sync_client_retries_enabled = not call.retries_here
        return reply

    async def FunctionPutInputs(
        self, request: api_pb2.FunctionPutInputsRequest, caller: Caller
    ) -> api_pb2.FunctionPutInputsResponse:
        call = self._calls.find(request.function_call_id)
        return api_pb2.FunctionPutInputsResponse(inputs=[self._put(call, item) for item in request.inputs])

    async def FunctionFinishInputs(self, request: api_pb2.FunctionFinishInputsRequest, caller: Caller) -> Empty:
        self._calls.find(request.function_call_id)
        return Empty()

    async def FunctionRetryInputs(
        self, request: api_pb2.FunctionRetryInputsRequest, caller: Caller
    ) -> api_pb2.FunctionRetryInputsResponse:
        for item in request.inputs:
            entry = self._calls.inputs.get(item.input_jwt)
            if entry is not None:
                self._calls.again(entry, item.retry_count)
        return api_pb2.FunctionRetryInputsResponse(input_jwts=[item.input_jwt for item in request.inputs])

    async def FunctionGetOutputs(
        self, request: api_pb2.FunctionGetOutputsRequest, caller: Caller
    ) -> api_pb2.FunctionGetOutputsResponse:
        """Answer at once when there is something, else wait as long as asked."""
        call = self._calls.find(request.function_call_id)
        deadline = self._plane.clock() + request.timeout
        while not (outputs := _outputs(call, request)):
            left = deadline - self._plane.clock()
            if left <= 0 or not await call.bell.wait(left):
                break
        if call.finished and request.clear_on_success:
            call.forget_at = self._plane.clock() + READ_S
        reply = api_pb2.FunctionGetOutputsResponse(num_unfinished_inputs=call.unfinished)
        reply.outputs.extend(outputs)
        reply.idxs.extend(output.idx for output in outputs)
        reply.last_entry_id = f"{_position(request) + len(outputs)}-0"
        return reply

    async def FunctionCallGetDataOut(
        self, request: api_pb2.FunctionCallGetDataRequest, caller: Caller
    ) -> AsyncIterator[api_pb2.DataChunk]:
        call = self._calls.find(request.function_call_id)
        async for chunk in call.data_out.read(request.last_index):
            yield chunk
        # The client asks again at once when a stream ends, until it has the call's output: let it wait here.
        await asyncio.sleep(READ_S)

    async def FunctionCallGetDataIn(
        self, request: api_pb2.FunctionCallGetDataRequest, caller: Caller
    ) -> AsyncIterator[api_pb2.DataChunk]:
        call = self._calls.find(request.function_call_id)
        async for chunk in call.data_in.read(request.last_index):
            yield chunk
        await asyncio.sleep(READ_S)

    async def FunctionCallFromId(
        self, request: api_pb2.FunctionCallFromIdRequest, caller: Caller
    ) -> api_pb2.FunctionCallFromIdResponse:
        call = self._calls.find(request.function_call_id)
        metadata = api_pb2.FunctionCallHandleMetadata(app_id=call.function.app_id, function_id=call.function.id)
        return api_pb2.FunctionCallFromIdResponse(
            function_call_id=call.id, num_inputs=len(call.inputs), metadata=metadata
        )

    async def FunctionCallCancel(self, request: api_pb2.FunctionCallCancelRequest, caller: Caller) -> Empty:
        self._calls.cancel(self._calls.find(request.function_call_id), request.terminate_containers)
        return Empty()

    def _put(self, call: Call, item: api_pb2.FunctionPutInputsItem) -> api_pb2.FunctionPutInputsResponseItem:
        entry: Input = self._calls.put(call, item.input, item.idx)
        return api_pb2.FunctionPutInputsResponseItem(idx=item.idx, input_id=entry.id, input_jwt=entry.id)


def _position(request: api_pb2.FunctionGetOutputsRequest) -> int:
    return int(request.last_entry_id.partition("-")[0] or 0)


def _outputs(call: Call, request: api_pb2.FunctionGetOutputsRequest) -> list[api_pb2.FunctionGetOutputsItem]:
    """Return what is there: by index when the request names a range, else what came since the position it names."""
    if request.HasField("start_idx") and request.HasField("end_idx"):
        entries = [call.by_index.get(index) for index in range(request.start_idx, request.end_idx + 1)]
        found = [entry.output for entry in entries if entry is not None and entry.output is not None]
    else:
        found = call.outputs[_position(request) :]
    most = request.max_values if request.max_values > 0 else len(found)
    size = 0
    for count, output in enumerate(found[:most]):
        size += output.ByteSize()
        if count and size > MOST_BYTES:
            return found[:count]
    return found[:most]


GROUPS = (CallRpcs,)
