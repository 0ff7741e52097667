import asyncio

import pytest

from domain.sounds import Sounds
from tests.fakes import SOCRATES, Mouth
from tests.fakes_stores import MemoryChats, MemoryPersonas

pytestmark = pytest.mark.anyio


class Shelf:
    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def get(self, name: str) -> bytes | None:
        return self.kept.get(name)

    def put(self, name: str, data: bytes) -> None:
        self.kept[name] = data


def sounds(mouth: Mouth, shelf: Shelf) -> Sounds:
    return Sounds(mouth, MemoryChats(), MemoryPersonas(), shelf)


async def test_a_greeting_is_made_once_however_many_ask() -> None:
    mouth = Mouth(pause_s=0.01)
    made = sounds(mouth, Shelf())
    first, *others = await asyncio.gather(*[made.greeting(SOCRATES, "en") for _ in range(10)])
    assert all(other == first for other in others)
    assert first.ms == 400
    assert len(mouth.spoken) == len(set(mouth.spoken))


async def test_greetings_made_ahead_are_not_made_again_after_a_restart() -> None:
    shelf = Shelf()
    await sounds(Mouth(), shelf).make_ahead([SOCRATES], lambda: False)
    assert len(shelf.kept) == 2
    again = Mouth()
    await sounds(again, shelf).make_ahead([SOCRATES], lambda: False)
    await sounds(again, shelf).greeting(SOCRATES, "zh")
    assert again.spoken == []


async def test_greetings_wait_while_somebody_talks_and_are_made_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.sounds.QUIET_S", 0.01)
    monkeypatch.setattr("domain.sounds.LOOK_S", 0.01)
    talking = False
    shelf, mouth = Shelf(), Mouth(pause_s=0.05)
    busy = 0  # looks at whether somebody talks, while somebody does

    def looked() -> bool:
        nonlocal busy
        busy += talking
        return talking

    ahead = asyncio.create_task(sounds(mouth, shelf).make_ahead([SOCRATES], looked))
    while not mouth.spoken:  # noqa: ASYNC110 - the mouth tells nobody
        await asyncio.sleep(0)
    talking = True
    async with asyncio.timeout(60):
        while busy < 5:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
    assert len(mouth.spoken) == 1
    assert not shelf.kept
    talking = False
    await asyncio.wait_for(ahead, 60)
    assert len(shelf.kept) == 2
