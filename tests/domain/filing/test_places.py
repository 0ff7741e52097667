"""Places for uploads: nobody keeps all of them, and who hardly sends gives way to who waits."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from domain.errors import BadInput, Unavailable
from domain.filing import places as module
from domain.filing.places import PATIENT_S, STEADY_RATE, Place, Places
from tests.fakes import HandClock

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.005)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)


class Street:
    """Four places. Each upload goes on until it is told to stop, or has to give way."""

    def __init__(self, wait_s: float = 5.0) -> None:
        self.clock = HandClock()
        self.places = Places(self.clock, wait_s, at_once=4, of_one=3)
        self.running: dict[str, asyncio.Task[None]] = {}
        self.taken: Counter[str] = Counter()  # how often each has sent something

    async def begin(self, name: str, owner: str, rate: float) -> None:
        """Have somebody come, and wait until they have a place or wait for one."""
        self.running[name] = asyncio.create_task(self._upload(name, owner, rate))
        await until(lambda: bool(self.taken[name] or self.places._waiting))

    async def _upload(self, name: str, owner: str, rate: float) -> None:
        async with self.places.take(owner) as place:
            while True:
                place.take(bytes(int(max(0, rate * (self.clock.monotonic() - place.since) - place.came))))
                self.taken[name] += 1
                await asyncio.sleep(0.005)

    async def later(self, seconds: float) -> None:
        """Time passes, and what came meanwhile is taken."""
        self.clock.seconds += seconds
        before = self.taken.copy()
        await until(lambda: all(self.running[name].done() or self.taken[name] > before[name] for name in before))

    async def gave_way(self, so_many: int) -> list[str]:
        """Return who gave way: wait until they are so many, and a moment for others who would."""
        await until(lambda: len(self._gave_way()) >= so_many)
        await asyncio.sleep(0.05)
        return self._gave_way()

    def _gave_way(self) -> list[str]:
        return [name for name, task in self.running.items() if task.done() and isinstance(task.exception(), BadInput)]

    async def close(self) -> None:
        for task in self.running.values():
            task.cancel()
        await asyncio.gather(*self.running.values(), return_exceptions=True)
        assert not self.places._owners and not self.places._held


async def test_of_those_who_hardly_send_the_one_with_most_places_gives_way_to_one_who_waits() -> None:
    street = Street()
    for name, owner, rate in (("a", "ann", 16_000), ("b", "bob", 90_000), ("c", "bob", 20_000), ("d", "cid", 9e6)):
        await street.begin(name, owner, rate)
    await street.later(PATIENT_S + 1)
    assert await street.gave_way(0) == [], "nobody waits"
    await street.begin("e", "eve", 9e6)
    assert await street.gave_way(1) == ["c"], "of Bob's two the slower one"
    await until(lambda: street.taken["e"] > 0)
    assert not street.running["e"].done(), "it is being written"
    await street.begin("f", "fay", 9e6)
    assert await street.gave_way(2) == ["a", "c"]
    await street.close()


async def test_who_sends_steadily_keeps_the_place() -> None:
    street = Street(wait_s=0.3)
    for name in "abcd":
        await street.begin(name, f"owner {name}", STEADY_RATE * 1.1)
    await street.later(10 * PATIENT_S)
    await street.begin("e", "eve", 1)
    await asyncio.wait({street.running["e"]})
    assert isinstance(street.running["e"].exception(), Unavailable)
    assert await street.gave_way(0) == []
    await street.close()


async def test_who_has_just_come_is_given_time_and_who_waits_goes_on_looking() -> None:
    street = Street()
    for name in "abcd":
        await street.begin(name, f"owner {name}", 1)
    await street.begin("e", "eve", 1)
    assert await street.gave_way(0) == []
    await street.later(PATIENT_S + 1)
    assert len(await street.gave_way(1)) == 1
    await street.close()


async def test_one_owner_has_so_many_and_no_more() -> None:
    places = Places(HandClock(), wait_s=0.02, at_once=4, of_one=3)
    async with AsyncExitStack() as stack:
        held = [await stack.enter_async_context(places.take("ann")) for _ in range(3)]
        assert all(isinstance(place, Place) for place in held)
        with pytest.raises(Unavailable, match="files_busy"):
            await stack.enter_async_context(places.take("ann"))
        await stack.enter_async_context(places.take("bob"))
    async with places.take("ann"):
        pass
