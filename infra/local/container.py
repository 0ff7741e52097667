"""One container: a process, its socket, and what it has to be told."""

import asyncio
import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from modal_proto import api_pb2

from infra.local.apps import Function
from infra.local.bell import Bell
from infra.local.pool import PoolState

AGAIN_S = 1.0  # the client looks for cancellations no sooner than this after one


@dataclass(eq=False)
class Container:
    """One process and its socket. `id` is Modal's task id, and the pool's name for it."""

    id: str
    function: Function
    definition: api_pb2.Function  # as it was when this one started
    pool: PoolState
    log: Path
    bell: Bell = field(default_factory=Bell)  # rung when there is something to cancel
    cancels: dict[str, float | None] = field(default_factory=dict)  # input -> when the container was last told
    process: asyncio.subprocess.Process | None = None
    result: api_pb2.GenericResult | None = None  # why it could not start
    started: float = 0.0
    seen: float = 0.0
    booted: bool = False
    leaving: bool = False  # gets no more inputs
    why: str = ""
    timers: list[asyncio.TimerHandle] = field(default_factory=list)

    def to_cancel(self, now: float) -> list[str]:
        """Return the inputs to tell of. Told again until they end: the first word may come before the input does."""
        due = [name for name, told in self.cancels.items() if told is None or now - told >= AGAIN_S]
        self.cancels.update(dict.fromkeys(due, now))
        return due

    def signal(self, number: int) -> None:
        """Send a signal to the container and what it started."""
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def tail(self, size: int = 4_000) -> str:
        """Return the end of what it printed."""
        try:
            return self.log.read_bytes()[-size:].decode(errors="replace")
        except FileNotFoundError:
            return ""
