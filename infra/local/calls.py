"""All calls. An input has one output; whatever comes after it is ignored."""

import asyncio
from typing import TYPE_CHECKING

from grpclib import GRPCError, Status
from modal_proto import api_pb2

from infra.local.call import Call as Call
from infra.local.call import Input as Input

if TYPE_CHECKING:
    from infra.local.plane import Plane

Result = api_pb2.GenericResult
FINAL = frozenset({Result.GENERIC_STATUS_SUCCESS, Result.GENERIC_STATUS_TERMINATED})
MOST_LOSSES = 8  # times that containers may die under one input: Modal's own limit
KEPT_S = 3_600.0  # a finished call can be asked for its result so long; Modal keeps it for a week
READ_S = 60.0  # ... and so long once its client has said that it has it


class Calls:
    """Every call and input by id."""

    def __init__(self, plane: "Plane") -> None:
        self._plane = plane
        self.by_id: dict[str, Call] = {}
        self.inputs: dict[str, Input] = {}

    def open(
        self,
        function_id: str,
        kind: int = api_pb2.FUNCTION_CALL_TYPE_UNARY,
        invocation: "api_pb2.FunctionCallInvocationType.ValueType" = api_pb2.FUNCTION_CALL_INVOCATION_TYPE_SYNC,
    ) -> Call:
        """Begin a call without inputs. Raises GRPCError NOT_FOUND for an unknown function."""
        function = self._plane.apps.functions.get(function_id)
        if function is None:
            raise GRPCError(Status.NOT_FOUND, f"Function {function_id} not found")
        self._sweep()
        call = Call(self._plane.apps.new_id("fc"), function, kind, invocation)
        self.by_id[call.id] = call
        return call

    def find(self, call_id: str) -> Call:
        """Return the call. Raises GRPCError NOT_FOUND."""
        call = self.by_id.get(call_id)
        if call is None:
            raise GRPCError(Status.NOT_FOUND, f"FunctionCall {call_id} not found")
        return call

    def put(self, call: Call, payload: api_pb2.FunctionInput, index: int = 0) -> Input:
        """Queue an input; its output will be in `call.outputs`. An index that is there already is not put twice."""
        known = call.by_index.get(index)
        if known is not None:
            return known
        entry = Input(self._plane.apps.new_id("in"), call, index, payload)
        call.inputs[entry.id] = call.by_index[index] = self.inputs[entry.id] = entry
        call.unfinished += 1
        self._plane.autoscaler.arrived(entry)
        return entry

    def again(self, entry: Input, retry_count: int = 0) -> None:
        """Queue an input once more, because its client asks for another try."""
        if entry.output is None:
            return
        entry.output = None
        entry.call.unfinished += 1
        entry.call.forget_at = None
        entry.retry_count = max(retry_count, entry.retry_count + 1)
        self._plane.autoscaler.arrived(entry)

    def answer(self, entry: Input, item: api_pb2.FunctionPutOutputsItem) -> None:
        """Take an output from the container that has this input."""
        container = entry.container
        entry.release()
        if container is not None:
            self._plane.autoscaler.finished(container, entry)
        status = item.result.status
        policy = entry.call.function.definition.retry_policy
        if (
            status not in FINAL and not entry.cancelled and not entry.streamed
            and entry.call.retries_here and entry.retry_count < policy.retries
        ):  # fmt: skip
            delay = policy.initial_delay_ms * max(policy.backoff_coefficient, 1.0) ** entry.retry_count
            entry.retry_count += 1
            self._plane.spawn(self._later(entry, min(delay, policy.max_delay_ms or delay) / 1_000), f"retry {entry.id}")
            return
        self._publish(entry, item)

    def fail(self, entry: Input, status: "Result.GenericStatus.ValueType", why: str) -> None:
        """Answer for a container that cannot."""
        result = api_pb2.GenericResult(status=status, exception=why)
        self.answer(entry, api_pb2.FunctionPutOutputsItem(input_id=entry.id, result=result))

    def fail_with(self, entry: Input, result: api_pb2.GenericResult) -> None:
        """Answer with a failure that is no use to try again, such as a container that cannot start."""
        entry.release()
        self._publish(entry, api_pb2.FunctionPutOutputsItem(input_id=entry.id, result=result))

    def lost(self, entry: Input) -> bool:
        """Its container died. Return whether it is to run again: then the pool has it at the front of its queue."""
        entry.losses += 1
        if entry.cancelled:
            self.fail(entry, Result.GENERIC_STATUS_TERMINATED, "the call was cancelled")
        elif entry.streamed:
            self.fail_with(entry, _internal(entry, "the container was lost after the first results were sent"))
        elif entry.losses >= MOST_LOSSES:
            self.fail_with(entry, _internal(entry, f"the container was lost {MOST_LOSSES} times"))
        else:
            entry.release()
            return True
        return False

    def cancel(self, call: Call, terminate: bool = False) -> None:
        """Cancel what is queued, and tell the containers about what runs; `terminate` ends those containers."""
        for entry in list(call.inputs.values()):
            if entry.output is not None or entry.cancelled:
                continue
            entry.cancelled = True
            container = entry.container
            if container is None or terminate:
                if container is None:
                    self._plane.autoscaler.cancelled(entry)
                else:
                    self._plane.containers.kill(container, "terminated by a cancel")
                self.fail(entry, Result.GENERIC_STATUS_TERMINATED, "the call was cancelled")
            else:
                self._plane.containers.cancel(container, entry)

    def _publish(self, entry: Input, item: api_pb2.FunctionPutOutputsItem) -> None:
        call = entry.call
        if entry.output is not None:
            return
        entry.output = api_pb2.FunctionGetOutputsItem(
            result=item.result, idx=entry.index, input_id=entry.id, data_format=item.data_format,
            retry_count=entry.retry_count, input_started_at=item.input_started_at,
            output_created_at=item.output_created_at or self._plane.clock(),
        )  # fmt: skip
        call.outputs.append(entry.output)
        call.unfinished -= 1
        if call.finished:
            call.data_out.close()
            call.forget_at = self._plane.clock() + KEPT_S
        call.bell.ring()

    async def _later(self, entry: Input, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if entry.output is None:
            self._plane.autoscaler.arrived(entry)

    def _sweep(self) -> None:
        """Forget finished calls that are old enough; in order of age, so it looks at few."""
        now = self._plane.clock()
        for call in list(self.by_id.values())[:4]:
            if call.forget_at is not None and call.forget_at < now:
                del self.by_id[call.id]
                for entry in call.inputs.values():
                    del self.inputs[entry.id]
            elif call.forget_at is not None or not call.finished:
                # Young, or still running: to the end of the line, so that one long call does not hold up the rest.
                self.by_id[call.id] = self.by_id.pop(call.id)


def _internal(entry: Input, why: str) -> api_pb2.GenericResult:
    """A waiting client that may retry would repeat an internal failure for ever; those get a plain failure."""
    may_retry = entry.call.function.definition.retry_policy.retries and not entry.call.retries_here
    status = Result.GENERIC_STATUS_FAILURE if may_retry else Result.GENERIC_STATUS_INTERNAL_FAILURE
    return api_pb2.GenericResult(status=status, exception=why)
