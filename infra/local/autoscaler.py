"""Drives the pools: tells each what happened, does what it says, and hands inputs to containers that wait."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from infra.local.apps import Function
from infra.local.bell import Bell
from infra.local.calls import Input, Result
from infra.local.definitions import limits_of, slots, varied
from infra.local.pool import PoolState, Start, Stop

if TYPE_CHECKING:
    from modal_proto import api_pb2

    from infra.local.containers import Container
    from infra.local.plane import Plane

BOOTS = 2  # failed boots in a row after which those who wait are told why, and no longer kept waiting


class Autoscaler:
    """One pool per function in force (`plane.pools`), and those of earlier versions until they are empty."""

    def __init__(self, plane: "Plane") -> None:
        self._plane = plane
        self._draining: list[PoolState] = []
        self._parked: dict[str, tuple[asyncio.Future[list[str] | None], int]] = {}  # container -> what it waits for
        self._failures: dict[str, int] = {}  # boots that failed in a row, by function
        self._generation: dict[str, int] = {}
        self._bell = Bell()

    # -- pools -------------------------------------------------------------------------------------

    def pool(self, function: Function) -> PoolState:
        """Return the function's pool, made at first need."""
        pool = self._plane.pools.get(function.id)
        if pool is None:
            generation = self._generation[function.id] = self._generation.get(function.id, 0) + 1
            slug = "".join(c if c.isalnum() else "-" for c in function.name.removesuffix(".*")).lower()
            pool = PoolState(limits_of(function), f"ta-{slug}-{int(function.id[3:])}v{generation}")
            self._plane.pools[function.id] = pool
            self._apply(function, pool, pool.tick(self._plane.clock()))
        return pool

    def publish(self, function: Function, version: int) -> None:
        """Put a staged definition in force; containers of the one before finish what they have, then end."""
        if function.staged is not None:
            function.definition, function.staged = function.staged, None
        function.version = version
        function.overrides.Clear()
        self._failures.pop(function.id, None)
        self._renew(function, limits_of(function).min_containers > 0 and not _needs_parameters(function))
        for variant in self._plane.apps.variants_of(function):
            variant.definition = varied(function.definition, variant.options)
            variant.version = version
            self._renew(variant, False)

    def retire(self, function: Function) -> None:
        """Its app was stopped, or a deploy left it out: who waits is told, who runs finishes."""
        for entry in self._waiting(self._plane.pools.get(function.id)):
            entry.cancelled = True
            self._plane.calls.fail(entry, Result.GENERIC_STATUS_TERMINATED, "the app was stopped")
        self._drain(function)
        for variant in self._plane.apps.variants_of(function):
            self.retire(variant)

    def relimit(self, function: Function) -> None:
        """`autoscaler.update` changed the limits."""
        pool = self.pool(function)
        self._apply(function, pool, pool.relimit(self._plane.clock(), limits_of(function)))

    def concurrency(self, container: "Container") -> int:
        """Return how many inputs or batches this container shall work on; its pool follows.

        Above the target only while inputs wait and there may be no more containers. Modal says no more than that.
        """
        definition, pool = container.definition, container.pool
        target, most = slots(definition), max(definition.max_concurrent_inputs, 1)
        batch = definition.batch_max_size or 1
        up = sum(held.state != "stopping" for held in pool.containers.values())
        full = up >= pool.limits.max_containers
        wide = full and (pool.waiting > 0 or pool.running > up * target * batch)
        chosen = most if wide else target
        if pool.limits.concurrency != chosen * batch and pool not in self._draining:
            limits = msgspec.structs.replace(pool.limits, concurrency=chosen * batch)
            self._apply(container.function, pool, pool.relimit(self._plane.clock(), limits))
        return chosen

    def _renew(self, function: Function, warm: bool) -> None:
        waiting = self._waiting(self._plane.pools.get(function.id))
        self._drain(function)
        if warm:
            self.pool(function)
        for entry in waiting:
            self.arrived(entry)

    def _drain(self, function: Function) -> None:
        pool = self._plane.pools.pop(function.id, None)
        if pool is None:
            return
        now = self._plane.clock()
        for input_id in pool.queue:
            pool.cancelled(now, input_id)
        if pool.containers:
            self._draining.append(pool)
        dry = msgspec.structs.replace(pool.limits, min_containers=0, max_containers=0, buffer_containers=0)
        self._apply(function, pool, pool.relimit(now, dry))

    def _waiting(self, pool: PoolState | None) -> list[Input]:
        return [self._plane.calls.inputs[input_id] for input_id in pool.queue] if pool else []

    # -- inputs ------------------------------------------------------------------------------------

    def arrived(self, entry: Input) -> None:
        """An input waits for a container."""
        function = entry.call.function
        pool = self.pool(function)
        self._apply(function, pool, pool.arrived(self._plane.clock(), entry.id))

    def wanted(self, function: Function) -> None:
        """Have a container ready for a call that is likely to come soon."""
        pool = self.pool(function)
        self._apply(function, pool, pool.wanted(self._plane.clock()))

    def cancelled(self, entry: Input) -> None:
        """An input that waited is no longer wanted."""
        function = entry.call.function
        pool = self._plane.pools.get(function.id)
        if pool is not None:
            self._apply(function, pool, pool.cancelled(self._plane.clock(), entry.id))

    def finished(self, container_id: str, entry: Input) -> None:
        """A container has answered."""
        container = self._plane.containers.by_id.get(container_id)
        if container is not None:
            actions = container.pool.finished(self._plane.clock(), container_id, entry.id)
            self._apply(container.function, container.pool, actions)

    def returned(self, container: "Container", entry: Input) -> None:
        """A container that was interrupted gives an input back: it runs elsewhere."""
        if self._plane.calls.lost(entry):
            self.finished(container.id, entry)
            held = container.pool.containers.get(container.id)
            if container.leaving and held is not None and not held.inputs:
                self.ended(container)  # its hooks may still run, but it takes nothing more
            self.arrived(entry)

    async def next_inputs(self, container: "Container", at_most: int, seconds: float) -> list[str] | None:
        """Wait for up to `at_most` inputs; an empty list once the time has passed, None if the container is to end."""
        if container.leaving:
            return None
        taken = self._take(container, at_most)
        if taken:
            return taken
        future: asyncio.Future[list[str] | None] = asyncio.get_running_loop().create_future()
        self._parked[container.id] = (future, at_most)
        try:
            # Not a timeout around the future: it could fire in the very moment that inputs were handed over.
            await asyncio.wait({future}, timeout=seconds)
            return future.result() if future.done() else []
        finally:
            if self._parked.get(container.id, (None,))[0] is future:
                del self._parked[container.id]

    def leave(self, container: "Container") -> None:
        """A container that waits for inputs is told to end."""
        parked = self._parked.pop(container.id, None)
        if parked is not None and not parked[0].done():
            parked[0].set_result(None)

    def _take(self, container: "Container", at_most: int) -> list[str]:
        taken = container.pool.take(self._plane.clock(), container.id, at_most)
        if taken:
            self._bell.ring()
        for input_id in taken:
            self._plane.calls.inputs[input_id].container = container.id
        return taken

    def _dispatch(self, pool: PoolState) -> None:
        while pool.waiting:
            chosen = pool.offer()
            names = [chosen] if chosen in self._parked else [name for name in pool.containers if name in self._parked]
            for name in filter(None, names):
                container = self._plane.containers.by_id.get(name)
                future, at_most = self._parked[name]
                taken = self._take(container, at_most) if container and not container.leaving else []
                if taken:
                    del self._parked[name]
                    future.set_result(taken)
                    break
            else:
                return

    # -- containers --------------------------------------------------------------------------------

    def booted(self, container: "Container") -> None:
        """A container asks for inputs for the first time."""
        self._failures.pop(container.function.id, None)
        actions = container.pool.booted(self._plane.clock(), container.id)
        self._apply(container.function, container.pool, actions)

    def failures(self, function: Function) -> int:
        """How many boots failed in a row."""
        return self._failures.get(function.id, 0)

    def boot_failed(self, container: "Container", result: "api_pb2.GenericResult") -> None:
        """After a few of them, everyone who waits gets the reason."""
        function = container.function
        failures = self._failures[function.id] = self._failures.get(function.id, 0) + 1
        if failures >= BOOTS:
            now = self._plane.clock()
            for entry in self._waiting(container.pool):
                self._apply(function, container.pool, container.pool.cancelled(now, entry.id))
                self._plane.calls.fail_with(entry, result)

    def ended(self, container: "Container") -> None:
        """A container is no more, told to end or not: what it had goes back to the front, unless it cannot."""
        now = self._plane.clock()
        pool = container.pool
        self.leave(container)
        held = pool.containers.get(container.id)
        for input_id in list(held.inputs) if held else []:
            if not self._plane.calls.lost(self._plane.calls.inputs[input_id]):
                pool.finished(now, container.id, input_id)
        actions = pool.lost(now, container.id)
        if pool in self._draining:
            self._hand_over(container.function, pool)
            actions = []
        self._apply(container.function, pool, actions)

    def _hand_over(self, function: Function, pool: PoolState) -> None:
        """What a drained pool's container lost runs in the pool in force."""
        waiting = self._waiting(pool)
        for entry in waiting:
            pool.cancelled(self._plane.clock(), entry.id)
        if not pool.containers:
            self._draining.remove(pool)
        for entry in waiting:
            self.arrived(entry)

    # -- doing it ----------------------------------------------------------------------------------

    def _apply(self, function: Function, pool: PoolState, actions: Iterable[Start | Stop]) -> None:
        for action in actions:
            if isinstance(action, Start):
                self._plane.containers.start(action.container, function, pool)
            else:
                self._plane.containers.stop(action.container)
        self._dispatch(pool)
        self._bell.ring()

    async def run(self) -> None:
        """Tick the pools when they are due."""
        while True:
            now = self._plane.clock()
            due = [pool.next_tick() for pool in self._plane.pools.values()]
            soonest = min((moment for moment in due if moment is not None), default=None)
            # A millisecond late rather than early: two clocks that round differently would make this spin.
            if not await self._bell.wait(None if soonest is None else max(soonest - now, 0.0) + 0.001):
                now = self._plane.clock()
                for function_id, pool in list(self._plane.pools.items()):
                    moment = pool.next_tick()
                    if moment is not None and moment <= now:
                        self._apply(self._plane.apps.functions[function_id], pool, pool.tick(now))


def _needs_parameters(function: Function) -> bool:
    """A class with required parameters has no container of its own, only its variants have."""
    return any(not spec.has_default for spec in function.definition.class_parameter_info.schema)
