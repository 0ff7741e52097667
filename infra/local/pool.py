"""How many containers one function has: the warm-pool policy as a pure state machine.

It does no I/O and has no clock. The local plane tells it what happened and does what it says; infra/simulate.py does
the same with a million turns. What Modal documents is kept (docs/guide/scale): scale from zero by what waits, at most
`max_containers`, at least `min_containers`, `buffer_containers` idle ones beside the busy ones while there is work,
and a container that was idle for the scaledown window goes. Where Modal is silent the choice is told at the place.

Call `tick` once after creating a pool (the minimum starts then) and again at `next_tick()`.
"""

from infra.local.roster import Action, Container, Limits, Roster, Start, Stop

__all__ = ["Action", "Container", "Limits", "PoolState", "Start", "Stop"]


class PoolState(Roster):
    """The containers of one function and the inputs that wait for them."""

    def __init__(self, limits: Limits, name: str) -> None:
        super().__init__(limits, name)
        self._owed: float | None = None  # since when a start is owed that no action could tell

    # -- asking ------------------------------------------------------------------------------------

    def offer(self) -> str | None:
        """Return the container that should take next, if one can.

        One that works already and has room goes first, then the one that was idle for the shortest time: so
        the others grow old and go. Modal does not say how it chooses.
        """
        if self._queue:
            for names in (self._roomy, self._idle):
                for name in reversed(names):
                    if not self._retires(name):
                        return name
        return None

    def next_tick(self) -> float | None:
        """Return when `tick` may have something to do if nothing else happens before."""
        if self._owed is not None:
            return self._owed
        if self._idle and self._up > self._floor and self._spare() > 0:
            return self._expiry(next(iter(self._idle)))
        return None

    # -- what happened -----------------------------------------------------------------------------

    def arrived(self, now: float, input_id: str) -> list[Action]:
        """Queue an input. One that is here already stays where it is."""
        if input_id in self._queue or input_id in self._where:
            return []
        self._queue[input_id] = None
        return self._settle(now)

    def take(self, now: float, container: str, at_most: int) -> list[str]:
        """Hand over the next inputs, up to the container's concurrency; none unless it is ready."""
        held = self._containers.get(container)
        if held is None or held.state != "ready" or not self._queue or self._retires(container):
            return []
        number = min(at_most, self.limits.concurrency - len(held.inputs), len(self._queue))
        if number <= 0:
            return []
        taken = [self._queue.popitem(last=False)[0] for _ in range(number)]
        self._unfile(container, held)
        if not held.inputs:
            held.since = now
        held.inputs += taken
        for input_id in taken:
            self._where[input_id] = container
        self._file(container, held)
        if self.limits.buffer_containers and self._lacking(self._spare(), self._up) > 0:
            self._owed = now  # an idle one took what a working one had room for: the buffer is short
        return taken

    def booted(self, now: float, container: str) -> list[Action]:
        held = self._containers.get(container)
        if held is None or held.state != "starting":
            return []
        self._unfile(container, held)
        held.state, held.since, held.booted_at = "ready", now, now
        self._file(container, held)
        return self._settle(now)

    def finished(self, now: float, container: str, input_id: str) -> list[Action]:
        """Forget an input that this container held; one that it held no longer changes nothing."""
        if self._where.get(input_id) != container:
            return []
        self._release(now, input_id)
        self._rest(now)
        return self._settle(now)

    def cancelled(self, now: float, input_id: str) -> list[Action]:
        """Forget an input, queued or running."""
        if input_id in self._queue:
            del self._queue[input_id]
        elif input_id in self._where:
            self._release(now, input_id)
        else:
            return []
        self._rest(now)
        return self._settle(now)

    def lost(self, now: float, container: str) -> list[Action]:
        """Forget a container that died; its inputs are the next ones, in their order.

        A replacement is started at once if work waits for it, so whoever starts containers must end a
        pool whose containers die while they start.
        """
        held = self._containers.get(container)
        if held is None:
            return []
        self._forget(container, held)
        return self._settle(now)

    def gone(self, now: float, container: str) -> list[Action]:
        """Forget a container that ended, as it was told or by itself."""
        return self.lost(now, container)

    def wanted(self, now: float) -> list[Action]:
        """Have room for one input that will come soon, without queueing any and without a buffer.

        What has room stays: the window of an idle container begins anew.
        """
        if self._room > len(self._queue):
            return []
        if len(self._idle) + len(self._starting) <= self._needed():
            return self._start(now, min(1, self.limits.max_containers - len(self._containers)))
        if self._idle:
            name = next(reversed(self._idle))
            self._containers[name].since = now
        return []

    def relimit(self, now: float, limits: Limits) -> list[Action]:
        """Change the limits. Above a lower maximum, idle and starting containers stop at once, busy ones when done."""
        self.limits = limits
        self._refile()
        return self._settle(now)

    def tick(self, now: float) -> list[Action]:
        """Start and stop what is due."""
        return self._settle(now)

    # -- the policy --------------------------------------------------------------------------------

    @property
    def _up(self) -> int:
        return len(self._starting) + len(self._idle) + self._busy

    @property
    def _floor(self) -> int:
        least, most = self.limits.min_containers, self.limits.max_containers
        return least if least < most else most

    def _needed(self) -> int:
        """Containers without inputs, starting ones included, that the queue is going to fill."""
        if not self._queue:
            return 0
        beyond = len(self._queue) - self._room
        return -(-beyond // self.limits.concurrency) if beyond > 0 else 0

    def _spare(self) -> int:
        """Containers without inputs that neither the queue nor the buffer asks for; negative: so many lack."""
        buffer = self.limits.buffer_containers if self.active else 0
        return len(self._idle) + len(self._starting) - self._needed() - buffer

    def _lacking(self, spare: int, up: int) -> int:
        """How many containers to start now. Stopping ones count: a small machine has no room for both."""
        if spare >= 0 and up >= self._floor:
            return 0
        return min(max(-spare, self._floor - up), self.limits.max_containers - len(self._containers))

    def _settle(self, now: float) -> list[Action]:
        self._owed = None
        actions: list[Action] = []
        up = self._up
        if up > self.limits.max_containers:
            above = [*self._idle, *self._starting][: up - self.limits.max_containers]
            actions.extend(self._stop(now, name) for name in above)
            up -= len(above)
        spare = self._spare()
        lacking = self._lacking(spare, up)
        if lacking > 0:
            return actions + self._start(now, lacking)
        while spare > 0 and self._idle and up > self._floor:
            oldest = next(iter(self._idle))
            if self._expiry(oldest) > now:
                break
            actions.append(self._stop(now, oldest))
            spare, up = spare - 1, up - 1
        return actions

    def _expiry(self, container: str) -> float:
        return self._containers[container].since + self.limits.scaledown_window

    def _retires(self, container: str) -> bool:
        """Whether it takes no more since the maximum was lowered: the youngest of those still up."""
        over = self._up - self.limits.max_containers
        if over <= 0:
            return False
        up = [name for name, held in self._containers.items() if held.state != "stopping"]
        return container in up[-over:]

    def _rest(self, now: float) -> None:
        """The last input has left: what only the buffer held begins its window now, not long ago.

        Else a buffer would end with every turn and start cold with the next one.
        """
        if self.limits.buffer_containers and not self.active:
            held = [name for name in self._idle if self._expiry(name) <= now]
            for name in held[-self.limits.buffer_containers :]:
                self._containers[name].since = now
                self._idle.move_to_end(name)
