"""What a pool's containers have and do, and the inputs that wait: the books that infra/local/pool.py decides by.

Some figures could be derived from the containers. They are kept, for a big simulation asks for them at every event.
"""

from collections import OrderedDict
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """Times in seconds. `max_containers` wins over the minimum and the buffer; 0 lets the pool run dry."""

    min_containers: int = 0
    max_containers: int = 1
    buffer_containers: int = 0
    scaledown_window: float = 60.0
    concurrency: int = 1

    def __post_init__(self) -> None:
        if min(self.min_containers, self.max_containers, self.buffer_containers, self.scaledown_window) < 0:
            raise ValueError("a pool's limits are not negative")
        if self.concurrency < 1:
            raise ValueError("a container works on at least one input at a time")


class Start(msgspec.Struct, frozen=True):
    container: str


class Stop(msgspec.Struct, frozen=True):
    container: str


Action = Start | Stop


class Container(msgspec.Struct):
    """For reading only. `since`: when its state last changed or it last became idle or busy."""

    state: Literal["starting", "ready", "stopping"]
    since: float
    inputs: list[str]
    booted_at: float | None = None


class Roster:
    """Every input is in the queue or with one container, until it is released."""

    def __init__(self, limits: Limits, name: str) -> None:
        self.limits = limits
        self.name = name
        self.started = 0  # containers ever: how many cold starts there were
        self._containers: dict[str, Container] = {}
        self._queue: OrderedDict[str, None] = OrderedDict()
        self._where: dict[str, str] = {}  # the container of each running input
        self._starting: dict[str, None] = {}
        self._idle: OrderedDict[str, None] = OrderedDict()  # ready without inputs, idle for longest first
        self._roomy: OrderedDict[str, None] = OrderedDict()  # ready with inputs, and room for more
        self._busy = 0
        self._room = 0  # of the roomy ones together, in inputs

    @property
    def queue(self) -> tuple[str, ...]:
        """The inputs that wait, next one first. Costs a copy: `waiting` is cheaper where the number is enough."""
        return tuple(self._queue)

    @property
    def waiting(self) -> int:
        return len(self._queue)

    @property
    def running(self) -> int:
        return len(self._where)

    @property
    def containers(self) -> Mapping[str, Container]:
        return MappingProxyType(self._containers)

    @property
    def active(self) -> bool:
        return bool(self._queue or self._where)

    def _start(self, now: float, number: int) -> list[Action]:
        actions: list[Action] = []
        for _ in range(number):
            self.started += 1
            name = f"{self.name}-{self.started}"
            self._containers[name] = Container("starting", now, [])
            self._starting[name] = None
            actions.append(Start(name))
        return actions

    def _stop(self, now: float, container: str) -> Action:
        held = self._containers[container]
        self._unfile(container, held)
        held.state, held.since = "stopping", now
        return Stop(container)

    def _release(self, now: float, input_id: str) -> None:
        name = self._where.pop(input_id)
        held = self._containers[name]
        self._unfile(name, held)
        held.inputs.remove(input_id)
        if not held.inputs:
            held.since = now
        self._file(name, held)

    def _forget(self, container: str, held: Container) -> None:
        """Its inputs go to the front, in their order."""
        self._unfile(container, held)
        del self._containers[container]
        for input_id in reversed(held.inputs):
            del self._where[input_id]
            self._queue[input_id] = None
            self._queue.move_to_end(input_id, last=False)

    def _is_idle(self, held: Container) -> bool:
        return held.state == "ready" and not held.inputs

    def _since(self, container: str) -> float:
        return self._containers[container].since

    def _unfile(self, name: str, held: Container) -> None:
        """Take a container out of the derived figures, before it changes."""
        if held.state == "starting":
            self._starting.pop(name, None)
        elif held.state == "ready" and not held.inputs:
            self._idle.pop(name, None)
        elif held.state == "ready":
            self._busy -= 1
            if name in self._roomy:
                del self._roomy[name]
                self._room -= self.limits.concurrency - len(held.inputs)

    def _file(self, name: str, held: Container) -> None:
        """Put it back, as it is now."""
        if held.state == "starting":
            self._starting[name] = None
        elif held.state == "ready" and not held.inputs:
            self._idle[name] = None
        elif held.state == "ready":
            self._busy += 1
            room = self.limits.concurrency - len(held.inputs)
            if room > 0:
                self._roomy[name] = None
                self._room += room

    def _refile(self) -> None:
        """Reckon every derived figure anew."""
        idle = sorted((name for name, held in self._containers.items() if self._is_idle(held)), key=self._since)
        for figures in (self._starting, self._idle, self._roomy):
            figures.clear()
        self._busy = self._room = 0
        for name in idle:
            self._file(name, self._containers[name])
        for name, held in self._containers.items():
            if not self._is_idle(held):
                self._file(name, held)
