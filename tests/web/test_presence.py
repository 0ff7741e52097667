"""A stream whose reader is signed out ends at once and says so; nobody else's does."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import web.sse
from domain.endings import Ended, Endings
from domain.errors import Unavailable
from domain.events import Began, Failed, Said
from domain.people import Session
from tests.web.test_sse import DONE, GUEST, SOUND, Log, Tally, encoder
from web.presence import FIRST_LOOK_S, LOOK_S, Presence
from web.sse import Encoder, messages

pytestmark = pytest.mark.anyio
_ = encoder  # the fixture
NOW = datetime(2026, 1, 1, tzinfo=UTC)
HERE = Session(
    id="here", user_id="anna", device="", address="", created_at=NOW, seen_at=NOW, proved_at=NOW,
    expires_at=NOW + timedelta(days=1), refresh="r", before="", rotated_at=NOW,
)  # fmt: skip
GONE = Failed("signed_out", {}, False)


class Doorman:
    """Knows which sessions live; counts how often it is asked."""

    def __init__(self) -> None:
        self.alive, self.away, self.asked = True, False, 0

    def lives(self, session_id: str) -> bool:
        assert session_id == "here"
        self.asked += 1
        if self.away:
            raise Unavailable("store_unavailable")
        return self.alive


class Scene:
    def __init__(self, encoder: Encoder) -> None:
        self.endings, self.doorman, self.log, self.tally, self.now = Endings(), Doorman(), Log(), Tally(), 0.0
        here: Any = self.doorman
        self.presence = Presence(self.endings, here, HERE, lambda: self.now)
        self.stream = messages(self.log, 0, encoder, self.tally, GUEST, self.presence)

    def told(self, ended: Ended) -> None:
        """As a store tells it: from a thread."""
        thread = threading.Thread(target=self.endings.told, args=(ended,))
        thread.start()
        thread.join()


@pytest.fixture
def scene(encoder: Encoder) -> Scene:
    return Scene(encoder)


@pytest.mark.parametrize(
    "ended", [Ended("here"), Ended(user="anna"), Ended(user="anna", but="there")], ids=["itself", "all", "all others"]
)
async def test_a_stream_that_waits_ends_with_an_error_as_soon_as_its_session_has_ended(
    scene: Scene, ended: Ended
) -> None:
    scene.log.add(Began("turn-1"))
    assert b"event: turn" in await anext(scene.stream)
    waiting = asyncio.ensure_future(anext(scene.stream))
    await asyncio.sleep(0)
    scene.told(ended)
    last = await waiting  # without this the next comment would come after ten seconds
    assert b"event: fail" in last and b'"signed_out"' in last and b'"retry":false' in last
    assert last.endswith(b"id: 2\n\n")  # after what it has had: a reader takes it for news
    with pytest.raises(StopAsyncIteration):
        await anext(scene.stream)
    assert (scene.tally.open, scene.tally.cut, scene.tally.ends) == (0, 0, [GONE])


async def test_nothing_that_was_still_to_come_is_passed_on(scene: Scene) -> None:
    scene.log.add(Began("turn-1"), Said(0, "Well now.", 0), SOUND, DONE)
    await anext(scene.stream)
    scene.told(Ended("here"))
    assert [b"signed_out" in message async for message in scene.stream] == [True]


async def test_who_begins_to_read_when_it_is_over_already_reads_nothing(scene: Scene) -> None:
    scene.log.add(Began("turn-1"))
    scene.presence.over = True
    assert [b"signed_out" in message async for message in scene.stream] == [True]


@pytest.mark.parametrize("ended", [Ended("there"), Ended(user="bert"), Ended(user="anna", but="here")])
async def test_what_ends_for_others_disturbs_no_stream(scene: Scene, ended: Ended) -> None:
    scene.log.add(Began("turn-1"))
    await anext(scene.stream)
    scene.told(ended)
    scene.log.add(SOUND, DONE)
    assert [b"event: done" in message async for message in scene.stream] == [False, True]


async def test_a_session_that_another_process_ended_is_found_by_looking_now_and_then(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web.sse, "HEARTBEAT_S", 0.01)
    scene.log.add(Began("turn-1"))
    await anext(scene.stream)
    for _ in range(3):
        assert await anext(scene.stream) == b": still here\n\n"
    assert scene.doorman.asked == 0  # not with every step
    heard: list[Ended] = []
    scene.endings.listen(heard.append)
    scene.now, scene.doorman.away = FIRST_LOOK_S, True
    assert await anext(scene.stream) == b": still here\n\n"
    assert await anext(scene.stream) == b": still here\n\n"  # that the store is away ends nothing
    assert scene.doorman.asked == 1
    scene.now, scene.doorman.away, scene.doorman.alive = FIRST_LOOK_S + LOOK_S, False, False
    assert [message async for message in scene.stream if b"signed_out" in message]
    assert heard == [Ended("here")]  # so that its turn is stopped too


async def test_a_reader_who_leaves_is_told_nothing_more(scene: Scene) -> None:
    scene.log.add(Began("turn-1"))
    await anext(scene.stream)
    await scene.stream.aclose()
    scene.told(Ended("here"))
    assert not scene.presence.over
