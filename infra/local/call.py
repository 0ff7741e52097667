"""One function call and its inputs, from arrival to the output."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modal_proto import api_pb2

from infra.local.bell import Bell
from infra.local.channel import Channel
from infra.local.definitions import is_generator

if TYPE_CHECKING:
    from infra.local.apps import Function


@dataclass(eq=False)
class Input:
    """One input of a call, from arrival to its output."""

    id: str
    call: "Call"
    index: int
    payload: api_pb2.FunctionInput
    retry_count: int = 0  # which try this is; outputs of an earlier one are ignored
    losses: int = 0  # times a container died under it
    container: str | None = None  # the one that has it now
    started: float = 0.0
    cancelled: bool = False
    timer: asyncio.TimerHandle | None = None  # of its time limit
    output: api_pb2.FunctionGetOutputsItem | None = None

    @property
    def streamed(self) -> bool:
        """Whether some of its results are out already: a second run would be spliced onto the first."""
        return bool(self.call.data_out.chunks)

    def release(self) -> None:
        """No container has it any more."""
        self.container = None
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


@dataclass(eq=False)
class Call:
    """One function call id: a single call, a generator's, or a whole map."""

    id: str
    function: "Function"
    kind: int = api_pb2.FUNCTION_CALL_TYPE_UNARY
    invocation: "api_pb2.FunctionCallInvocationType.ValueType" = api_pb2.FUNCTION_CALL_INVOCATION_TYPE_SYNC
    inputs: dict[str, Input] = field(default_factory=dict)
    by_index: dict[int, Input] = field(default_factory=dict)
    outputs: list[api_pb2.FunctionGetOutputsItem] = field(default_factory=list)  # as they came, for maps
    unfinished: int = 0
    bell: Bell = field(default_factory=Bell)  # rung at every output
    data_in: Channel = field(default_factory=Channel)
    data_out: Channel = field(default_factory=Channel)
    forget_at: float | None = None

    @property
    def finished(self) -> bool:
        return bool(self.inputs) and not self.unfinished

    @property
    def retries_here(self) -> bool:
        """Whether the plane repeats failures. For plain calls the waiting client does, as it is told to."""
        return self.invocation != api_pb2.FUNCTION_CALL_INVOCATION_TYPE_SYNC or self.streams

    @property
    def streams(self) -> bool:
        method = next(iter(self.inputs.values())).payload.method_name if self.inputs else ""
        return is_generator(self.function.definition, method)

    async def result(self) -> api_pb2.FunctionGetOutputsItem:
        """Wait for the last output of the first input."""
        while not self.finished:
            await self.bell.wait()
        return self.outputs[-1]
