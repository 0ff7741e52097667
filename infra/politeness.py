"""Taking turns at a host, with all other processes (domain.knowledge.ports.Hosts)."""

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from domain.errors import TooMany
from domain.knowledge.ports import Hosts
from domain.ports import Clock

GAP = timedelta(seconds=1)
Sleep = Callable[[float], Awaitable[None]]


class Visit:
    """One fetch and its time: `deadline` is moved by what is waited for turns, as long as there is patience."""

    def __init__(self, deadline: asyncio.Timeout, patience_s: float) -> None:
        self._deadline, self._patience_s = deadline, patience_s

    def grant(self, wait_s: float) -> bool:
        """Return whether there is time to wait that long, and take it: first of the patience, then of the deadline."""
        free = min(wait_s, self._patience_s)
        end = self._deadline.when() or math.inf
        if wait_s - free >= end - asyncio.get_running_loop().time():
            return False
        self._patience_s -= free
        self._deadline.reschedule(end + free)
        return True


class Place:
    """What one has while one asks a host. `pause_s`: how long it wants to be left alone afterwards."""

    pause_s = 0


class Politeness:
    def __init__(self, hosts: Hosts, clock: Clock, sleep: Sleep = asyncio.sleep) -> None:
        self._hosts, self._clock, self._sleep = hosts, clock, sleep

    @asynccontextmanager
    async def turn(self, host: str, gap: timedelta, visit: Visit) -> AsyncGenerator[Place, None]:
        """Wait for a place at the host and give it back. Raises TooMany("host_busy", seconds=...) for a long wait."""
        while wait_s := await asyncio.to_thread(self._hosts.turn, host, self._clock.now(), gap):
            if not visit.grant(wait_s):
                raise TooMany("host_busy", seconds=math.ceil(wait_s))
            await self._sleep(wait_s)
        place = Place()
        try:
            yield place
        finally:
            pause = timedelta(seconds=place.pause_s)
            await asyncio.to_thread(self._hosts.leave, host, self._clock.now(), pause)
