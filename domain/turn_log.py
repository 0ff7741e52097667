"""What happens in a turn, as an append-only log of events.

Whoever follows it may come, go and come back. The turn goes on without them for a short grace and is then forsaken, so
that nobody pays for a voice that nobody hears.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable

from domain.events import LAST, Event
from domain.ports import Clock

GRACE_S = 10.0


class TurnLog:
    def __init__(self, clock: Clock, forsaken: Callable[[], None]) -> None:
        """`forsaken` is called in the loop when nobody has followed for the grace and the last event has not come."""
        self.ended = 0.0  # the clock's time of the last event, 0.0 before it
        self._clock, self._forsaken = clock, forsaken
        self._events: list[Event] = []
        self._changed = asyncio.Event()
        self._followers = 0
        self._grace: asyncio.TimerHandle | None = None

    def write(self, event: Event) -> None:
        self._events.append(event)
        if isinstance(event, LAST):
            self.ended = self._clock.monotonic()
            self.watch()
        self._changed.set()
        self._changed = asyncio.Event()

    def has(self, kind: type[Event]) -> bool:
        return any(isinstance(event, kind) for event in self._events)

    async def follow(self, after: int = 0) -> AsyncGenerator[tuple[int, Event], None]:
        """Yield (number, event) from event `after` + 1 on, until the last one. Numbers count from 1."""
        self._followers += 1
        self.watch()
        try:
            while True:
                while after < len(self._events):
                    after += 1
                    yield after, self._events[after - 1]
                if self.ended:
                    return
                await self._changed.wait()
        finally:
            self._followers -= 1
            self.watch()

    def watch(self) -> None:
        """Start the grace when nobody follows, end it when somebody does."""
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None
        if not self._followers and not self.ended:
            self._grace = asyncio.get_running_loop().call_later(GRACE_S, self._forsaken)
