"""The stream itself: what stays open, what closes, and what one bad event may break."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime

import pytest

import web.sse
from domain.audio import Audio
from domain.chat import Message, Receipt, Sourced
from domain.events import Began, Cited, Done, Event, Failed, Heard, Said, Sound
from domain.knowledge.model import Citation
from tests.web.events import parse
from web.assets import Assets
from web.render import Pages, Ui
from web.sse import Encoder, messages

pytestmark = pytest.mark.anyio
GUEST = "guest"


class Log:
    """A turn whose events come when the test says so; counts who follows it."""

    id = "turn-1"

    def __init__(self) -> None:
        self.events_so_far: list[Event] = []
        self.following = self.joined = 0
        self._more = asyncio.Event()

    def add(self, *events: Event) -> None:
        self.events_so_far += events
        self._more.set()
        self._more = asyncio.Event()

    async def events(self, after: int = 0) -> AsyncGenerator[tuple[int, Event], None]:
        self.following += 1
        self.joined += 1
        try:
            while True:
                while after < len(self.events_so_far):
                    after += 1
                    yield after, self.events_so_far[after - 1]
                if self.events_so_far and isinstance(self.events_so_far[-1], Done | Failed):
                    return
                await self._more.wait()
        finally:
            self.following -= 1


class Tally:
    def __init__(self) -> None:
        self.open = self.cut = 0
        self.ends: list[Done | Failed] = []

    def opened(self) -> None:
        self.open += 1

    def closed(self, *, whole: bool) -> None:
        self.open -= 1
        self.cut += not whole

    def ended(self, event: Done | Failed, turn_id: str, guest: str) -> None:
        self.ends.append(event)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    assets = Assets()
    return Encoder(Pages(assets), Ui("en", "auto", "/", assets))


DONE = Done("turn-1", None, "", False, 0, Receipt())
SOUND = Sound(0, Audio(b"\x00\x80\xff\x7f", 24_000))


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)


async def test_a_pause_is_bridged_by_comments_and_nothing_is_lost(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web.sse, "HEARTBEAT_S", 0.02)
    log, tally = Log(), Tally()
    log.add(Began("turn-1"))
    stream = messages(log, 0, encoder, tally, GUEST)
    got = [await anext(stream) for _ in range(4)]
    assert got[0].startswith(b"event: turn")
    assert [line[:1] for line in got[1:]] == [b":", b":", b":"]
    assert log.following <= 1
    log.add(SOUND, DONE)
    rest = [chunk async for chunk in stream if chunk[:1] != b":"]
    assert [message.name for message in parse(b"".join([got[0], *rest]).decode())] == ["turn", "audio", "done"]
    assert (log.following, tally.open) == (0, 0)


async def test_a_reader_who_leaves_only_detaches(encoder: Encoder) -> None:
    log, tally = Log(), Tally()
    log.add(Began("turn-1"))
    got: list[bytes] = []

    async def read() -> None:
        async for chunk in messages(log, 0, encoder, tally, GUEST):
            got.append(chunk)  # noqa: PERF401 - a comprehension would lose what came before the cut

    reader = asyncio.create_task(read())
    await until(lambda: bool(got))
    assert (log.following, tally.open) == (1, 1)
    reader.cancel()
    await asyncio.wait([reader])
    await until(lambda: (log.following, tally.open) == (0, 0))
    log.add(SOUND, DONE)
    rest = [chunk async for chunk in messages(log, 1, encoder, tally, GUEST)]
    assert [message.name for message in parse(b"".join(rest).decode())] == ["audio", "done"]
    assert (tally.ends, tally.cut) == ([DONE], 1)


async def test_a_reader_who_leaves_while_we_write_is_let_go_too(encoder: Encoder) -> None:
    log, tally = Log(), Tally()
    log.add(Began("turn-1"), SOUND, SOUND)
    stream = messages(log, 0, encoder, tally, GUEST)
    await anext(stream)
    await stream.aclose()
    await until(lambda: (log.following, tally.open) == (0, 0))


def test_sound_is_base64_of_little_endian_pcm(encoder: Encoder) -> None:
    [message] = parse(encoder.encode(3, SOUND).decode())
    assert (message.name, message.id, message.pcm) == ("audio", "3", b"\x00\x80\xff\x7f")


@pytest.mark.parametrize(
    "text", ["a\nb", "a\r\nb", "a\rb", "\n\n", "event: done\ndata: {}\n\n", ": comment", "\u2028\x85", "\ud800"]
)
def test_no_text_can_break_out_of_its_message(encoder: Encoder, text: str) -> None:
    message = Message("m1", "c1", "t1", 1, "user", text, datetime(2026, 1, 1, tzinfo=UTC))
    sources = Sourced((Citation(1, text, text, text, text), Citation(2, text, text, "https://example.org/", text)))
    for event in (Heard(message), Cited("t1", sources), Said(0, text.encode("utf-8", "replace").decode(), 0)):
        wire = encoder.encode(7, event).decode()
        assert wire.count("\n\n") == 1
        assert wire.endswith("id: 7\n\n")
        assert "\r" not in wire
        assert len(parse(wire)) == 1


def test_an_event_that_cannot_be_written_does_not_end_the_sound(encoder: Encoder) -> None:
    broken = Heard(None)  # type: ignore[arg-type]
    assert encoder.encode(2, broken) == b": event 2 is missing\n\n"
    last = Done("turn-1", object(), "", False, 0, Receipt())  # type: ignore[arg-type]
    [message] = parse(encoder.encode(3, last).decode())
    assert (message.name, message.json["code"]) == ("fail", "turn_failed")


def test_sources_go_under_the_captions_with_a_link_that_can_be_trusted(encoder: Encoder) -> None:
    cited = (
        Citation(1, "Lighthouses", "coast.example", "https://coast.example/l?a=1&b=2", "It is 40 metres high."),
        Citation(2, "Lighthouses", "coast.example", "https://coast.example/l?a=1&b=2", "It turns."),
        Citation(3, "<img src=x>", "evil.example", "javascript:alert(1)", "<script>alert(1)</script>"),
    )
    [message] = parse(encoder.encode(3, Cited("turn-1", Sourced(cited))).decode())
    assert (message.name, message.id) == ("", "3")
    assert 'hx-target="#sources"' in message.data
    assert message.data.count('class="source"') == 2  # one chip a page
    assert message.data.count("<blockquote") == 3
    assert 'href="https://coast.example/l?a=1&amp;b=2"' in message.data
    assert 'rel="noopener noreferrer nofollow"' in message.data
    assert "Read on at coast.example" in message.data
    assert message.data.count("href=") - message.data.count("icons") == 1
    assert "javascript:" not in message.data and "<img" not in message.data and "<script" not in message.data


def test_a_reply_without_its_sources_says_so(encoder: Encoder) -> None:
    [message] = parse(encoder.encode(3, Cited("turn-1", Sourced(missed=True))).decode())
    assert "Answered without sources" in message.data
    assert "<button" not in message.data
