"""The rules of the warm pool, kept through any story: arrivals, cancels, deaths, new limits, late and early ticks.

Hypothesis writes the stories; the machine keeps its own simple books and compares. The profile is fixed, so that every
run of the same code reads the same stories.
"""

from collections.abc import Callable, Iterable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from infra.local.pool import Action, Container, Limits, PoolState, Start, Stop

LIMITS = st.builds(
    Limits,
    min_containers=st.integers(0, 3),
    max_containers=st.sampled_from([5, 3, 2, 1, 0]),
    buffer_containers=st.integers(0, 2),
    scaledown_window=st.sampled_from([10.0, 2.0, 0.0]),
    concurrency=st.integers(1, 3),
)
PICK = st.integers(0, 99)  # which of those there are; a number, so that a story shrinks well


class PoolMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.arrivals = 0
        self.queue: list[str] = []  # what must wait, in order
        self.held: dict[str, list[str]] = {}  # what each container must hold
        self.ready_since: dict[str, float] = {}  # of containers without inputs, when their window began
        self.owing = False  # somebody took since the pool could last say what it starts

    @initialize(limits=LIMITS)
    def create(self, limits: Limits) -> None:
        self.pool = PoolState(limits, "asr")
        self.heed(lambda: self.pool.tick(self.now))

    def heed(self, tell: Callable[[], list[Action]], maximum: int | None = None) -> list[Action]:
        """Tell the pool what happened and check what it answers. Only above `maximum` may idle ones go early."""
        above = len(self.up()) - (self.pool.limits.max_containers if maximum is None else maximum)
        actions, limits = tell(), self.pool.limits
        self.owing = False
        early = 0
        for action in actions:
            if isinstance(action, Start):
                assert action.container not in self.held, "a name is used once"
                self.held[action.container] = []
            else:
                assert self.held[action.container] == [], "never a busy one"
                began = self.ready_since.pop(action.container, None)
                early += began is None or self.now - began < limits.scaledown_window
        assert early <= max(above, 0), "idle for the whole window before it stops"
        if any(isinstance(action, Start) for action in actions):
            assert len(self.pool.containers) <= limits.max_containers, "never above the maximum"
        return actions

    def up(self) -> dict[str, Container]:
        return {name: held for name, held in self.pool.containers.items() if held.state != "stopping"}

    def some(self, *states: str) -> list[str]:
        return sorted(name for name, held in self.pool.containers.items() if held.state in states)

    def rest(self, emptied: str | None = None) -> None:
        """An input has left: a window begins for its container, and for the buffer if it was the last one."""
        if emptied is not None and not self.held[emptied]:
            self.ready_since[emptied] = self.now
        if not self.queue and not any(self.held.values()) and (buffer := self.pool.limits.buffer_containers):
            window = self.pool.limits.scaledown_window
            old = [name for name in self.ready_since if self.ready_since[name] + window <= self.now]
            for name in sorted(old, key=lambda name: self.ready_since[name])[-buffer:]:
                self.ready_since[name] = self.now

    # -- stories -----------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.5, 1.5, 2.0, 9.5, 20.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def tick_early_or_late(self) -> None:
        self.heed(lambda: self.pool.tick(self.now))
        due = self.pool.next_tick()
        assert due is None or due > self.now, "a tick leaves nothing that is due"

    @precondition(lambda self: self.pool.next_tick() is not None)
    @rule()
    def tick_when_due(self) -> None:
        due = self.pool.next_tick()
        assert due is not None
        self.now = max(self.now, due)
        assert self.heed(lambda: self.pool.tick(self.now)), "a due tick has something to do"

    @rule(number=st.integers(1, 7))
    def arrive(self, number: int) -> None:
        for _ in range(number):
            self.arrivals += 1
            name = f"in-{self.arrivals}"
            self.queue.append(name)
            self.heed(lambda name=name: self.pool.arrived(self.now, name))  # type: ignore[misc]

    @precondition(lambda self: self.pool.offer())
    @rule(at_most=st.integers(1, 4))
    def the_offered_one_takes(self, at_most: int) -> None:
        container = self.pool.offer()
        assert container is not None
        assert self.take(container, at_most), "what is offered can take"

    @precondition(lambda self: self.pool.containers)
    @rule(pick=PICK, at_most=st.integers(0, 4))
    def any_one_takes(self, pick: int, at_most: int) -> None:
        names = self.some("starting", "ready", "stopping")
        self.take(names[pick % len(names)], at_most)

    def take(self, container: str, at_most: int) -> list[str]:
        taken = self.pool.take(self.now, container, at_most)
        assert taken == self.queue[: len(taken)], "first come, first served"
        assert not taken or self.pool.containers[container].state == "ready"
        assert len(taken) <= at_most
        assert not taken or len(self.held[container]) + len(taken) <= self.pool.limits.concurrency
        if taken:
            self.ready_since.pop(container, None)
            self.owing = True
        del self.queue[: len(taken)]
        self.held[container] += taken
        return taken

    @precondition(lambda self: self.some("starting"))
    @rule(pick=PICK)
    def boot_one(self, pick: int) -> None:
        names = self.some("starting")
        self.boot(names[pick % len(names)])

    def boot(self, name: str) -> None:
        self.ready_since[name] = self.now
        self.heed(lambda: self.pool.booted(self.now, name))

    @rule()
    def boot_and_serve_all(self) -> None:
        while names := self.some("starting"):
            self.boot(names[0])
        while (container := self.pool.offer()) is not None:
            self.take(container, 9)

    @rule(work=st.sampled_from([12.0, 1.0, 0.0, 12.0]), pause=st.sampled_from([0.0, 1.5, 2.0, 9.5, 10.0]))
    def turns_and_a_pause(self, work: float, pause: float) -> None:
        self.arrive(2)
        self.boot_and_serve_all()
        self.want()
        self.now += work
        self.finish_all()
        self.now += pause
        self.tick_early_or_late()

    @rule(number=st.integers(1, 7))
    def die_at_work(self, number: int) -> None:
        self.arrive(number)
        self.boot_and_serve_all()
        self.arrive(1)
        for name in [name for name, inputs in sorted(self.held.items()) if inputs][:2]:
            self.lose_one(name)

    @rule()
    def finish_all(self) -> None:
        for name, inputs in sorted(self.held.items()):
            for input_id in [*inputs]:
                self.end(name, input_id)

    @precondition(lambda self: any(self.held.values()))
    @rule(pick=PICK)
    def finish(self, pick: int) -> None:
        running = sorted((name, input_id) for name, inputs in self.held.items() for input_id in inputs)
        self.end(*running[pick % len(running)])

    def end(self, name: str, input_id: str) -> None:
        self.held[name].remove(input_id)
        self.rest(name)
        self.heed(lambda: self.pool.finished(self.now, name, input_id))

    @precondition(lambda self: self.queue or any(self.held.values()))
    @rule(pick=PICK)
    def cancel(self, pick: int) -> None:
        everything = sorted(self.queue + [one for inputs in self.held.values() for one in inputs])
        input_id = everything[pick % len(everything)]
        holder = next((name for name, inputs in self.held.items() if input_id in inputs), None)
        (self.queue if holder is None else self.held[holder]).remove(input_id)
        self.rest(holder)
        self.heed(lambda: self.pool.cancelled(self.now, input_id))

    @precondition(lambda self: self.pool.containers)
    @rule(pick=PICK)
    def lose(self, pick: int) -> None:
        names = self.some("starting", "ready", "stopping")
        self.lose_one(names[pick % len(names)])

    def lose_one(self, name: str) -> None:
        self.queue = self.held.pop(name) + self.queue
        self.ready_since.pop(name, None)
        self.heed(lambda: self.pool.lost(self.now, name))

    @precondition(lambda self: self.some("stopping"))
    @rule(pick=PICK)
    def go(self, pick: int) -> None:
        names = self.some("stopping")
        name = names[pick % len(names)]
        assert self.held.pop(name) == []
        self.heed(lambda: self.pool.gone(self.now, name))

    @rule()
    def want(self) -> None:
        before = len(self.pool.containers)
        actions = self.heed(lambda: self.pool.wanted(self.now))
        assert len(actions) <= 1 and not any(isinstance(action, Stop) for action in actions)
        for name, held in self.pool.containers.items():
            if name in self.ready_since and held.since == self.now:
                self.ready_since[name] = self.now  # warmed again
        if not self.queue and before < self.pool.limits.max_containers:
            concurrency = self.pool.limits.concurrency
            assert any(len(held.inputs) < concurrency for held in self.up().values()), "room for the one that comes"

    @rule(limits=LIMITS)
    def relimit(self, limits: Limits) -> None:
        self.heed(lambda: self.pool.relimit(self.now, limits), limits.max_containers)

    @precondition(lambda self: not self.queue and not any(self.held.values()))
    @rule()
    def a_long_silence(self) -> None:
        for name in self.some("starting"):
            self.ready_since[name] = self.now
            self.heed(lambda name=name: self.pool.booted(self.now, name))  # type: ignore[misc]
        while (due := self.pool.next_tick()) is not None:
            self.now = max(self.now, due)
            self.heed(lambda: self.pool.tick(self.now))
        limits = self.pool.limits
        floor = min(limits.min_containers, limits.max_containers)
        room = limits.max_containers - len(self.some("stopping"))
        assert min(floor, room) <= len(self.up()) <= floor or self.some("starting"), "no buffer without work"

    # -- rules -------------------------------------------------------------------------------------

    @invariant()
    def every_input_is_in_one_place(self) -> None:
        assert list(self.pool.queue) == self.queue and self.pool.waiting == len(self.queue)
        assert {name: held.inputs for name, held in self.pool.containers.items()} == self.held
        assert self.pool.running == sum(map(len, self.held.values()))

    @invariant()
    def the_minimum_is_up(self) -> None:
        limits = self.pool.limits
        room = limits.max_containers - len(self.some("stopping"))
        assert len(self.up()) >= min(limits.min_containers, room)

    def room(self, up: Iterable[Container]) -> int:
        """In containers that work; one that holds more than a concurrency lowered since has none, and owes none."""
        return sum(max(0, self.pool.limits.concurrency - len(held.inputs)) for held in up if held.inputs)

    @invariant()
    def enough_is_up_or_on_its_way(self) -> None:
        """For the queue and, while there is work, the buffer; or the pool is full, or the next tick will say so."""
        limits = self.pool.limits
        if len(self.pool.containers) >= limits.max_containers:
            return
        due = self.pool.next_tick()
        if self.owing and due is not None and due <= self.now:
            return
        up = self.up().values()
        beyond = len(self.queue) - self.room(up)
        needed = max(0, -(-beyond // limits.concurrency))
        buffer = limits.buffer_containers if self.pool.active else 0
        assert sum(not held.inputs for held in up) >= needed + buffer

    @invariant()
    def the_next_tick_is_when_the_oldest_window_ends(self) -> None:
        if self.owing:
            return
        limits, up = self.pool.limits, self.up().values()
        floor = min(limits.min_containers, limits.max_containers)
        beyond = len(self.queue) - self.room(up)
        needed = max(0, -(-beyond // limits.concurrency)) if self.queue else 0
        buffer = limits.buffer_containers if self.pool.active else 0
        spare = sum(not held.inputs for held in up) - needed - buffer
        may_stop = self.ready_since and spare > 0 and len(up) > floor
        due = min(self.ready_since.values()) + limits.scaledown_window if may_stop else None
        assert self.pool.next_tick() == due

    @invariant()
    def work_that_can_be_taken_is_offered(self) -> None:
        up, limits = self.up(), self.pool.limits
        if self.queue and len(up) <= limits.max_containers:
            able = {n for n, held in up.items() if held.state == "ready" and len(held.inputs) < limits.concurrency}
            assert bool(able) == bool(self.pool.offer())


PoolMachine.TestCase.settings = settings(derandomize=True, max_examples=160, stateful_step_count=40, deadline=None)
TestPool = PoolMachine.TestCase
