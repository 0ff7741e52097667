"""Function calls, their inputs and outputs. State only: who runs what is the autoscaler's business."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modal_proto import api_pb2

from infra.local.bell import Bell
from infra.local.channel import Channel

if TYPE_CHECKING:
    from infra.local.plane import Plane


@dataclass(eq=False)
class Input:
    """One input of a call, from arrival to its one output."""

    id: str
    call: "Call"
    index: int
    payload: api_pb2.FunctionInput
    retry_count: int = 0  # tries that user code failed; the client asks for another
    losses: int = 0  # times a container died under it; those the plane repeats itself
    container: str | None = None  # the one that has it now
    cancelled: bool = False
    output: api_pb2.FunctionGetOutputsItem | None = None


@dataclass(eq=False)
class Call:
    """One function call id: a single call, a generator's, or a whole map."""

    id: str
    function_id: str
    kind: int = api_pb2.FUNCTION_CALL_TYPE_UNARY
    invocation: int = api_pb2.FUNCTION_CALL_INVOCATION_TYPE_SYNC
    inputs: dict[str, Input] = field(default_factory=dict)
    outputs: list[api_pb2.FunctionGetOutputsItem] = field(default_factory=list)  # in order of finishing
    bell: Bell = field(default_factory=Bell)  # rung at every output
    data_in: Channel = field(default_factory=Channel)
    data_out: Channel = field(default_factory=Channel)

    @property
    def unfinished(self) -> int:
        """How many inputs have no output yet."""
        return sum(entry.output is None for entry in self.inputs.values())

    async def result(self) -> api_pb2.FunctionGetOutputsItem:
        """Wait for the first output and return it."""
        while not self.outputs:
            await self.bell.wait()
        return self.outputs[0]


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
        invocation: int = api_pb2.FUNCTION_CALL_INVOCATION_TYPE_SYNC,
    ) -> Call:
        """Begin a call without inputs. Raises GRPCError NOT_FOUND for an unknown function."""
        raise NotImplementedError

    def put(self, call: Call, payload: api_pb2.FunctionInput, index: int = 0) -> Input:
        """Queue an input; its output will be in `call.outputs`."""
        raise NotImplementedError

    def cancel(self, call: Call) -> None:
        """Cancel what is queued, and tell the containers about what runs."""
        raise NotImplementedError


