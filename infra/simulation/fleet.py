"""Discrete events: visitors, turns and containers against the warm-pool policy of infra/local/pool.py.

One heap of (time, number, what, whom). A visitor has one thing going on at a time, so the visitor is the job: it asks
a pool, waits, is served, and goes on to the next step.
"""

import heapq
from array import array
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from infra.local.pool import Action, PoolState, Start
from infra.simulation.policies import Policy, Setup
from infra.simulation.traffic import Step, Turn, Visit
from infra.simulation.work import ENDING, SLOWDOWN

Progress = Callable[[float, int], None]  # simulated seconds, events so far
OFTEN = 250_000  # events between two reports of progress


class Life(msgspec.Struct, frozen=True):
    """One container, from its start to its end."""

    pool: str
    began: float
    ended: float


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy made of a trace. Times in seconds."""

    turns: int
    waits: NDArray[np.float64]  # for containers, of each turn in the order of their ends
    cold_starts: int
    most: int  # containers at once, stopping ones included
    alive: float  # all containers together
    busy: float  # of that, with at least one input
    usd: Decimal
    events: int
    lives: tuple[Life, ...]


class _Visitor:
    __slots__ = ("asked", "key", "next_step", "steps", "todo", "turn", "waited")

    def __init__(self, key: str, visit: Visit) -> None:
        self.key = key
        self.todo: Iterator[Turn] = iter(visit.turns)
        self.turn: Turn = ((), 0.0)
        self.steps: tuple[Step, ...] = ()
        self.next_step = 0
        self.asked = 0.0
        self.waited = 0.0


class _Pool:
    def __init__(self, setup: Setup, keep_lives: bool) -> None:
        self.setup = setup
        self.state = PoolState(setup.limits, setup.name)
        self.containers = self.state.containers
        self.began: dict[str, float] = {}
        self.working_since: dict[str, float] = {}
        self.alive = 0.0
        self.busy = 0.0
        self.tick_at = float("inf")
        self.lives: list[Life] | None = [] if keep_lives else None

    def end(self, now: float, container: str) -> None:
        began = self.began.pop(container)
        self.alive += now - began
        if self.lives is not None:
            self.lives.append(Life(self.setup.name, began, now))


class Fleet:
    """One run of one policy. `keep_lives` notes every container, for the tests and for small traces."""

    def __init__(
        self,
        policy: Policy,
        *,
        ending: float = ENDING,
        slowdown: float = SLOWDOWN,
        keep_lives: bool = False,
        progress: Progress | None = None,
    ) -> None:
        self._prewarm = policy.prewarm
        self._pools = [_Pool(setup, keep_lives) for setup in policy.setups]
        self._by_engine = {engine: pool for pool in self._pools for engine in pool.setup.engines}
        self._ending = ending
        self._slowdown = slowdown
        self._progress = progress
        self._heap: list[tuple[float, int, Callable[[float, Any], None], Any]] = []
        self._number = 0
        self._visitors: dict[str, _Visitor] = {}
        self._coming: Iterator[Visit] = iter(())
        self._waits = array("d")  # a list would take four times the memory
        self._up = self._most = 0
        self._last_turn = 0.0

    def run(self, visits: Iterable[Visit], until: float = 0.0) -> Outcome:
        """Serve visits, which come ordered by `opened`, to the last turn of the last one.

        Containers that never go are counted to the last turn or to `until`, whichever is later.
        """
        self._coming = iter(visits)
        self._expect()
        for pool in self._pools:
            self._do(0.0, pool, pool.state.tick(0.0))
            self._mind(0.0, pool)
        heap, events, now = self._heap, 0, 0.0
        while heap:
            now, _, happen, whom = heapq.heappop(heap)
            happen(now, whom)
            events += 1
            if self._progress is not None and not events % OFTEN:
                self._progress(now, events)
        end = max(self._last_turn, until)
        for pool in self._pools:
            for container in list(pool.began):
                pool.end(max(end, pool.began[container]), container)
        return self._outcome(events)

    def _outcome(self, events: int) -> Outcome:
        return Outcome(
            turns=len(self._waits),
            waits=np.array(self._waits),
            cold_starts=sum(pool.state.started for pool in self._pools),
            most=self._most,
            alive=sum(pool.alive for pool in self._pools),
            busy=sum(pool.busy for pool in self._pools),
            usd=sum((Decimal(pool.alive) * pool.setup.usd_per_second for pool in self._pools), Decimal()),
            events=events,
            lives=tuple(life for pool in self._pools for life in pool.lives or ()),
        )

    # -- visitors ----------------------------------------------------------------------------------

    def _at(self, when: float, happen: Callable[[float, Any], None], whom: Any) -> None:
        self._number += 1
        heapq.heappush(self._heap, (when, self._number, happen, whom))

    def _expect(self) -> None:
        for visit in self._coming:
            self._at(visit.opened, self._opens, visit)
            return

    def _opens(self, now: float, visit: Visit) -> None:
        self._expect()
        if self._prewarm:
            for pool in self._pools:
                self._do(now, pool, pool.state.wanted(now))
                self._mind(now, pool)
        if visit.turns:
            self._at(visit.begins, self._speaks, _Visitor(str(self._number), visit))

    def _speaks(self, now: float, visitor: _Visitor) -> None:
        for turn in visitor.todo:
            visitor.turn = turn
            visitor.steps = turn[0]
            visitor.next_step = 0
            visitor.waited = 0.0
            self._goes_on(now, visitor)
            return

    def _goes_on(self, now: float, visitor: _Visitor) -> None:
        if visitor.next_step == len(visitor.steps):
            self._waits.append(visitor.waited)
            self._last_turn = now
            self._at(now + visitor.turn[1], self._speaks, visitor)
            return
        engine, seconds = visitor.steps[visitor.next_step]
        if not engine:
            visitor.next_step += 1
            self._at(now + seconds, self._goes_on, visitor)
            return
        pool = self._by_engine[engine]
        visitor.asked = now
        self._visitors[visitor.key] = visitor
        self._do(now, pool, pool.state.arrived(now, visitor.key))
        self._hand_out(now, pool)

    def _served(self, now: float, whom: tuple[_Pool, str, _Visitor]) -> None:
        pool, container, visitor = whom
        self._do(now, pool, pool.state.finished(now, container, visitor.key))
        held = pool.containers[container]
        if not held.inputs:
            pool.busy += now - pool.working_since.pop(container)
        self._hand_out(now, pool)
        visitor.next_step += 1
        self._goes_on(now, visitor)

    # -- containers --------------------------------------------------------------------------------

    def _hand_out(self, now: float, pool: _Pool) -> None:
        state = pool.state
        while state.waiting and (container := state.offer()) is not None:
            for key in state.take(now, container, 1):
                visitor = self._visitors.pop(key)
                visitor.waited += now - visitor.asked
                others = len(pool.containers[container].inputs) - 1
                if not others:
                    pool.working_since[container] = now
                seconds = visitor.steps[visitor.next_step][1] * (1 + self._slowdown * others)
                self._at(now + seconds, self._served, (pool, container, visitor))
        self._mind(now, pool)

    def _do(self, now: float, pool: _Pool, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Start):
                pool.began[action.container] = now
                self._up += 1
                self._most = max(self._most, self._up)
                self._at(now + pool.setup.boot, self._booted, (pool, action.container))
            else:
                self._at(now + self._ending, self._gone, (pool, action.container))

    def _booted(self, now: float, whom: tuple[_Pool, str]) -> None:
        pool, container = whom
        self._do(now, pool, pool.state.booted(now, container))
        self._hand_out(now, pool)

    def _gone(self, now: float, whom: tuple[_Pool, str]) -> None:
        pool, container = whom
        pool.end(now, container)
        self._up -= 1
        self._do(now, pool, pool.state.gone(now, container))
        self._mind(now, pool)

    def _mind(self, now: float, pool: _Pool) -> None:
        """See to it that a tick comes when the pool asks for one; an earlier one stays and looks again."""
        due = pool.state.next_tick()
        if due is not None and due < pool.tick_at:
            pool.tick_at = max(due, now)
            self._at(pool.tick_at, self._tick, pool)

    def _tick(self, now: float, pool: _Pool) -> None:
        if now < pool.tick_at:  # a later promise was replaced by an earlier one
            return
        pool.tick_at = float("inf")
        self._do(now, pool, pool.state.tick(now))
        self._mind(now, pool)
