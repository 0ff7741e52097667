"""Places for uploads: so many are written side by side, so many of one owner, and none is held by who hardly sends.

An upload may last an hour on a bad line. Where somebody waits for a place, it is to end: or a few accounts that send a
byte now and then would keep everybody else's files out.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from domain.errors import BadInput, Unavailable
from domain.ports import Clock

AT_ONCE = 16  # streams that are written side by side in this process: each has some megabytes in memory
OF_ONE = 4  # and of one owner
WAIT_S = 30.0  # for one of these places
# Where others wait: who has had a place for so long, and has sent less than so many bytes a second, gives way.
PATIENT_S, STEADY_RATE = 15.0, 128 * 1024
LOOK_S = 1.0  # how often whoever waits looks for one


class Place:
    def __init__(self, owner: str, since: float) -> None:
        self.owner, self.since, self.came, self.gives_way = owner, since, 0, False

    def take(self, piece: bytes) -> None:
        """So much more has come. Raises BadInput("upload_slow") where others wait and this one hardly moves."""
        if self.gives_way:
            raise BadInput("upload_slow")
        self.came += len(piece)

    def slow(self, now: float) -> bool:
        held = now - self.since
        return held > PATIENT_S and self.came < STEADY_RATE * held


class Places:
    def __init__(self, clock: Clock, wait_s: float = WAIT_S, at_once: int = AT_ONCE, of_one: int = OF_ONE) -> None:
        self._clock, self._wait_s, self._at_once, self._of_one = clock, wait_s, at_once, of_one
        self._free = asyncio.Semaphore(at_once)
        self._owners: dict[str, tuple[asyncio.Semaphore, int]] = {}  # with how many know it
        self._held: set[Place] = set()
        self._waiting = 0

    @asynccontextmanager
    async def take(self, owner: str) -> AsyncGenerator[Place, None]:
        """Wait for a place. Raises Unavailable("files_busy")."""
        mine, knowing = self._owners.get(owner) or (asyncio.Semaphore(self._of_one), 0)
        self._owners[owner] = mine, knowing + 1
        taken: list[asyncio.Semaphore] = []
        place: Place | None = None
        try:
            try:
                async with asyncio.timeout(self._wait_s):
                    await mine.acquire()
                    taken.append(mine)
                    await self._acquire()
                    taken.append(self._free)
            except TimeoutError:
                raise Unavailable("files_busy") from None
            place = Place(owner, self._clock.monotonic())
            self._held.add(place)
            yield place
        finally:
            if place is not None:
                self._held.discard(place)
            for semaphore in taken:
                semaphore.release()
            mine, knowing = self._owners.pop(owner)
            if knowing > 1:
                self._owners[owner] = mine, knowing - 1

    async def _acquire(self) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        self._waiting += 1
        looking = asyncio.create_task(self._look(), name="looking for a place")
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
            looking.cancel()

    async def _look(self) -> None:
        while True:
            self._make_way()
            await asyncio.sleep(LOOK_S)

    def _make_way(self) -> None:
        """Of the slow ones that one ends whose owner holds most places, and of that owner's the slowest."""
        now = self._clock.monotonic()
        coming = self._at_once - len(self._held) + sum(place.gives_way for place in self._held)
        if coming >= self._waiting:
            return
        of = Counter(place.owner for place in self._held if not place.gives_way)
        slow = [place for place in self._held if not place.gives_way and place.slow(now)]
        if slow:
            max(slow, key=lambda place: (of[place.owner], (now - place.since) / max(place.came, 1))).gives_way = True
