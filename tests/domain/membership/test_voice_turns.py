"""Turns whose voice is counted: however a turn ends, the count is right and nothing stays held."""

import asyncio
import gc
import threading
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest

from db.connect import connect, disconnect
from db.meters import SqlMeters
from db.migrate import upgrade
from domain.audio import HEARD_RATE, Audio
from domain.errors import BadInput, NeedsMembership
from domain.events import Done, Event, Failed, Heard, Said, Sound, Spent, Unheard
from domain.membership.model import Hold
from domain.membership.ports import Meters
from domain.membership.spoken_on import IN_A_ROW
from domain.turn import Ask, Stopped, Turn
from domain.turns import Turns
from infra.clock import SystemClock
from tests.domain.test_turn import SPEECH, over, until
from tests.fakes import GUEST, SOCRATES, Ear, Mind, Mouth
from tests.fakes_meters import MemoryMeters
from tests.fakes_stores import MemoryChats, MemoryPersonas
from tests.metered import Gives, Metered, settled

pytestmark = pytest.mark.anyio
LONG = "One two three four five six seven eight nine ten. "  # 1.0 s of sound by the fake mouth


def spoken(seconds: float) -> bytes:
    return Audio.of([0.3] * int(seconds * HEARD_RATE), HEARD_RATE).wav()  # type: ignore[arg-type]


class Room:
    def __init__(
        self, seconds: int = 60, ear: Ear | None = None, mind: Mind | None = None, mouth: Mouth | None = None,
        meters: Meters | None = None,
    ) -> None:  # fmt: skip
        self.chats, self.personas, self.clock = MemoryChats(), MemoryPersonas(), SystemClock()
        self.personas.seed([SOCRATES])
        self.ear, self.mouth, self.mind = ear or Ear(), mouth or Mouth(), mind or Mind("Well now, ", "what is it? ")
        self.metered = Metered(self.clock, Gives(seconds), self.ear, self.mouth, meters)
        self.turns = Turns(
            self.metered.asr, self.mind, self.metered.tts, self.chats, self.personas, self.clock,
            metering=self.metered.metering,
        )  # fmt: skip
        self.chat = self.chats.create(GUEST, "socrates", "en", "", self.clock.now())

    async def begin(self, number: int = 1, chat_id: str = "", network: str = "", **ask: object) -> Turn:
        sent = ask or {"speech": SPEECH}
        asked = Ask(f"key-{number:08}", self.clock.monotonic(), network=network, **sent)  # type: ignore[arg-type]
        turn = await self.turns.begin(GUEST, chat_id or self.chat.id, asked)
        assert isinstance(turn, Turn)
        return turn

    async def between(self) -> None:
        """Wait until what is done between turns is done."""
        async with asyncio.timeout(60):
            while self.turns.busy:  # noqa: ASYNC110 - nobody tells when it is done
                await asyncio.sleep(0.001)

    async def used(self) -> int:
        return await settled(self.metered, GUEST)

    def spend(self, ms: int) -> None:
        self.metered.meters.meters[GUEST, "voice_seconds", "2026-01-01"].used += ms  # type: ignore[attr-defined]


async def follow(turn: Turn) -> list[Event]:
    return [event async for _, event in turn.events()]


async def test_what_was_heard_and_spoken_counts_and_the_end_tells_what_is_left() -> None:
    room = Room(seconds=60)
    turn = await room.begin()
    assert room.metered.used(GUEST) == (0, 16_000)  # the recording and the beginning of a reply
    done = (await follow(turn))[-1]
    assert isinstance(done, Done) and done.ms == 500
    assert done.left == 58
    assert await room.used() == 1_000 + 500
    assert room.metered.book.voiced(turn.id) == [("asr", 1_000), ("tts", 200), ("tts", 300)]


async def test_typed_words_cost_only_the_voice_that_answers_them() -> None:
    room = Room()
    await follow(await room.begin(text="What is virtue?"))
    assert await room.used() == 500


async def test_when_nothing_was_heard_the_turn_costs_nothing() -> None:
    room = Room(ear=Ear(""))
    events = await follow(await room.begin())
    assert any(isinstance(event, Unheard) for event in events) and any(isinstance(event, Sound) for event in events)
    assert events[-1].left == 60  # type: ignore[union-attr]
    assert await room.used() == 0


async def test_what_is_made_between_turns_costs_nothing() -> None:
    room = Room()
    await follow(await room.begin(text="What is virtue?"))
    before = await room.used()
    await room.turns.prepare(GUEST, room.chat.id)
    await room.between()
    assert await room.used() == before


async def test_a_recording_that_was_read_ahead_twice_counts_once() -> None:
    room = Room()
    wav = spoken(2.0)
    await room.turns.segment(GUEST, room.chat.id, "utterance-1", 0, wav[: 44 + HEARD_RATE * 2], pause=True)
    await room.between()
    await room.turns.segment(GUEST, room.chat.id, "utterance-1", 1, wav[44 + HEARD_RATE * 2 :], pause=True)
    await room.between()
    turn = await room.begin(speech=wav, utterance="utterance-1")
    await follow(turn)
    heard = [row for row in room.metered.book.rows if row.kind == "asr"]
    assert len(heard) == 2 and {row.turn_id for row in heard} == {turn.id}
    assert await room.used() == 2_000 + 500


async def test_speaking_over_the_reply_counts_what_had_been_made() -> None:
    room = Room(mind=Mind("One two, ", "three four five six. ", *["Seven eight nine. "] * 99, pause_s=0.02))
    turn = await room.begin()
    async with aclosing(turn.events()) as events:
        async for _, event in events:
            if isinstance(event, Said) and event.piece == 2:
                break
    await room.turns.stop(GUEST, room.chat.id, turn.id, 410, superseded=False)
    assert await room.used() == sum(ms for _, ms in room.metered.book.voiced(turn.id))
    assert 1_600 <= await room.used() < 10_000  # of 31,300: how much was made by then is the machine's


async def test_who_speaks_on_is_not_charged_twice_for_the_recording() -> None:
    room = Room(mind=Mind("Late.", pause_s=60))
    turn = await room.begin()
    await until(turn, Heard)
    await room.turns.stop(GUEST, room.chat.id, turn.id, 0, superseded=True)
    assert await room.used() == 0


async def spoken_on(room: Room, number: int, seconds: float) -> None:
    """Begin a turn whose user speaks on before anything sounds."""
    turn = await room.begin(number, speech=spoken(seconds))
    await until(turn, Heard)
    await room.turns.stop(GUEST, room.chat.id, turn.id, 0, superseded=True)


async def test_what_was_spoken_on_counts_once_with_the_recording_that_holds_it() -> None:
    room = Room(mind=Mind("Late.", pause_s=60))
    for number, seconds in enumerate((2.0, 3.0, 4.0)):
        await spoken_on(room, number, seconds)
    room.mind.pause_s = 0
    await follow(await room.begin(9, speech=spoken(5.0)))
    assert await room.used() == sum(ms for _, ms in room.metered.book.voiced(room.metered.book.rows[-1].turn_id))
    assert 5_000 < await room.used() < 6_000


async def test_a_recording_that_no_next_one_holds_counts_when_that_begins() -> None:
    room = Room(mind=Mind("Late.", pause_s=60))
    await spoken_on(room, 1, 4.0)
    await spoken_on(room, 2, 1.0)  # what was said before is not in it
    assert await room.used() == 4_000
    await spoken_on(room, 3, 1.0)
    room.mind.pause_s = 0
    await follow(await room.begin(4, text="And now in writing"))
    assert 5_000 < await room.used() < 6_000


async def test_who_never_lets_a_turn_come_to_its_end_pays_for_what_was_heard() -> None:
    room = Room(seconds=600, mind=Mind("Late.", pause_s=60))
    for number in range(IN_A_ROW):
        await spoken_on(room, number, 2.0)
    assert await room.used() == 0
    await spoken_on(room, IN_A_ROW, 2.0)
    assert await room.used() == 2_000


async def test_a_reply_that_had_sounded_is_not_free_by_saying_that_it_was_spoken_over() -> None:
    room = Room(mind=Mind(LONG, LONG, "Late.", pause_s=0.02))
    turn = await room.begin(text="Hello")
    async with aclosing(turn.events()) as events:
        async for _, event in events:
            if isinstance(event, Said) and event.piece == 1:
                break
    await room.turns.stop(GUEST, room.chat.id, turn.id, 0, superseded=True)
    assert await room.used() == sum(ms for _, ms in room.metered.book.voiced(turn.id)) >= 1_000


@pytest.mark.parametrize(
    "room",
    [
        Room(ear=Ear(error="asr_failed")),
        Room(mind=Mind("One two, ", "three.", fail_after=0)),
        Room(mouth=Mouth(error="tts_failed")),
    ],
)
async def test_a_turn_that_fails_before_it_sounds_costs_nothing(room: Room) -> None:
    events = await follow(await room.begin())
    assert isinstance(events[-1], Failed)
    assert await room.used() == 0


async def test_a_turn_that_fails_later_costs_what_had_sounded() -> None:
    room = Room(mind=Mind("One two, three four. ", "Five six.", fail_after=1))
    events = await follow(await room.begin())
    assert isinstance(events[-1], Failed)
    assert await room.used() == 1_000 + 400


async def test_a_turn_is_not_free_because_its_chat_was_deleted_meanwhile() -> None:
    room = Room(mind=Mind(LONG, LONG, pause_s=0.02))
    turn = await room.begin(text="Hello")
    async with aclosing(turn.events()) as events:
        async for _, event in events:
            if isinstance(event, Sound):
                room.chats.delete(GUEST, room.chat.id, room.clock.now())
                break
    assert isinstance((await follow(turn))[-1], Failed)
    assert await room.used() == 2_000


async def test_an_opening_that_nothing_followed_costs_nothing() -> None:
    class Broken(Mind):
        continues = True

    room = Room(mind=Broken("never", fail_after=0))
    opened = msgspec.structs.replace(SOCRATES.card("en"), openings=("Ah, friend,",))
    room.personas.seed([msgspec.structs.replace(SOCRATES, cards={**SOCRATES.cards, "en": opened})])
    events = await follow(await room.begin())
    assert any(isinstance(event, Sound) for event in events) and isinstance(events[-1], Failed)
    assert await room.used() == 0


async def test_who_goes_away_pays_for_what_was_made_until_the_grace_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.turn_log.GRACE_S", 0.05)
    room = Room(mind=Mind(*[LONG] * 500, pause_s=0.02))
    turn = await room.begin(text="Hello")
    used = await room.used()
    assert used == sum(ms for _, ms in room.metered.book.voiced(turn.id))
    await over(turn)  # what it kept is given back a moment before


async def test_the_same_key_twenty_times_holds_and_counts_once() -> None:
    room = Room(seconds=20)
    turns = await asyncio.gather(*[room.begin() for _ in range(20)])
    assert len({turn.id for turn in turns}) == 1
    await follow(turns[0])
    assert await room.used() == 1_500


async def test_a_turn_that_is_told_again_costs_nothing() -> None:
    room = Room()
    await follow(await room.begin())
    again = Turns(
        room.metered.asr, room.mind, room.metered.tts, room.chats, room.personas, room.clock,
        metering=room.metered.metering,
    )  # fmt: skip
    recorded = await again.begin(GUEST, room.chat.id, Ask("key-00000001", 0.0, speech=SPEECH))
    assert not isinstance(recorded, Turn)
    assert await room.used() == 1_500


async def test_the_turn_that_is_spoken_over_gives_back_what_it_kept_before_the_next_begins() -> None:
    room = Room(seconds=20, mind=Mind("Late.", pause_s=60))
    await until(await room.begin(), Heard)
    second = await room.begin(2)  # 16 of 20 seconds were kept
    await until(second, Heard)
    await room.turns.stop(GUEST, room.chat.id, second.id, 0, superseded=False)
    assert await room.used() == 2_000


async def test_a_turn_that_is_stopped_in_the_moment_it_begins_ends_and_costs_nothing() -> None:
    room = Room()
    turn = await room.begin()
    await turn.stop(Stopped())
    assert turn.ended and isinstance((await follow(turn))[-1], Done)
    assert await room.used() == 0


async def test_a_recording_is_refused_when_too_little_is_left_and_nothing_is_kept_of_it() -> None:
    room = Room(seconds=60)
    await follow(await room.begin())
    room.spend(56_000)
    with pytest.raises(NeedsMembership) as refused:
        await room.begin(2)
    assert refused.value.code == "voice_spent"
    assert refused.value.detail == {
        "feature": "voice_seconds", "better": "basic", "until": room.metered.gives.until, "left": 2,
    }  # fmt: skip
    assert len(room.ear.calls) == 1
    assert [m.role for m in room.chats.messages(GUEST, room.chat.id)] == ["user", "assistant"]
    await room.used()


async def test_the_refused_key_may_be_sent_again_once_there_is_more() -> None:
    room = Room(seconds=1)
    with pytest.raises(NeedsMembership):
        await room.begin()
    room.metered.gives.seconds = 60
    assert isinstance((await follow(await room.begin()))[-1], Done)


async def test_a_plan_without_voice_says_so() -> None:
    with pytest.raises(NeedsMembership) as refused:
        await Room(seconds=0).begin()
    assert refused.value.code == "voice_not_given"


async def test_when_voice_is_spent_typed_words_are_answered_in_text() -> None:
    room = Room(seconds=1)
    events = await follow(await room.begin(text="What is virtue?"))
    assert [type(event).__name__ for event in events] == ["Began", "Spent", "Heard", "Said", "Said", "Done"]
    assert isinstance(events[1], Spent) and events[1].code == "voice_spent"
    assert {event.start_ms for event in events if isinstance(event, Said)} == {0}
    done = events[-1]
    assert isinstance(done, Done) and done.message is not None
    assert (done.text, done.ms, done.left) == ("Well now, what is it?", 0, 0)
    assert done.message.cues == () and not done.message.interrupted
    assert room.mouth.spoken == [] and await room.used() == 0


async def test_a_reply_in_text_that_is_stopped_keeps_what_could_be_read() -> None:
    room = Room(seconds=1, mind=Mind("One two, ", "three four. ", *["five "] * 100, pause_s=0.01))
    turn = await room.begin(text="Hello")
    async with aclosing(turn.events()) as events:
        async for _, event in events:
            if isinstance(event, Said) and event.piece == 1:
                break
    await room.turns.stop(GUEST, room.chat.id, turn.id, 0, superseded=False)
    last = room.chats.messages(GUEST, room.chat.id)[-1]
    assert (last.role, last.interrupted, last.cues) == ("assistant", True, ())
    assert last.text.startswith("One two, three four.")


async def test_a_long_reply_keeps_more_as_it_goes_on() -> None:
    room = Room(seconds=60, mind=Mind(*[LONG] * 24))
    events = await follow(await room.begin(text="Tell me a long story, go on"))
    assert isinstance(events[-1], Done) and not any(isinstance(event, Spent) for event in events)
    assert await room.used() == events[-1].ms > 10_000


async def test_a_reply_ends_with_a_sentence_when_nothing_more_is_left() -> None:
    room = Room(seconds=4, mind=Mind(*[LONG] * 12))
    events = await follow(await room.begin(text="Tell me a long story, go on"))
    assert [type(event).__name__ for event in events[-2:]] == ["Spent", "Done"]
    done = events[-1]
    assert isinstance(done, Done) and not done.interrupted and done.text.endswith("ten.")
    assert done.message is not None and done.message.text == done.text
    assert await room.used() == done.ms == 3_000  # each is estimated by the pace of those before
    assert done.left == 1


async def test_a_sentence_that_has_begun_is_finished_at_the_house_s_cost() -> None:
    room = Room(seconds=3, mind=Mind("One two, three four, five six seven eight, " + "nine " * 30 + "ten. ", "More. "))
    events = await follow(await room.begin(text="Hello"))
    done = events[-1]
    assert isinstance(done, Done) and done.text.endswith("ten.") and done.ms == 3_900
    assert await room.used() == 3_000


async def test_a_first_piece_always_sounds() -> None:
    room = Room(seconds=3, mind=Mind("word " * 39 + "end. ", "More. "))
    events = await follow(await room.begin(text="Hello"))
    assert any(isinstance(event, Sound) for event in events)
    assert await room.used() <= 3_000


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[SqlMeters]:
    upgrade(f"sqlite:///{tmp_path / 'core.db'}")
    engine = connect(f"sqlite:///{tmp_path / 'core.db'}")
    yield SqlMeters(engine)
    disconnect(engine)


@pytest.fixture(params=["memory", "sqlite"])
def meters(request: pytest.FixtureRequest) -> Meters:
    return MemoryMeters() if request.param == "memory" else request.getfixturevalue("sqlite")


async def test_fifty_turns_at_once_with_a_minute_left_never_overspend(meters: Meters) -> None:
    room = Room(seconds=60, mind=Mind(*[LONG] * 3, pause_s=0.01), meters=meters)
    chats = [room.chats.create(GUEST, "socrates", "en", "", room.clock.now()).id for _ in range(50)]
    outcomes = await asyncio.gather(*[room.begin(chat_id=chat) for chat in chats], return_exceptions=True)
    turns = [turn for turn in outcomes if isinstance(turn, Turn)]
    refused = [error for error in outcomes if isinstance(error, NeedsMembership)]
    assert len(turns) + len(refused) == 50 and turns and refused
    await asyncio.gather(*[follow(turn) for turn in turns])
    made = sum(ms for turn in turns for _, ms in room.metered.book.voiced(turn.id))
    used = await room.used()
    assert used <= 60_000 and used <= made
    if made <= 60_000:
        assert used == made


async def test_fifty_turns_by_text_with_a_minute_left_are_all_answered_and_never_overspend(meters: Meters) -> None:
    room = Room(seconds=60, mind=Mind(*[LONG] * 3, pause_s=0.01), meters=meters)
    chats = [room.chats.create(GUEST, "socrates", "en", "", room.clock.now()).id for _ in range(50)]
    turns = await asyncio.gather(*[room.begin(chat_id=chat, text="Hello") for chat in chats])
    ends = [(await follow(turn))[-1] for turn in turns]
    assert all(isinstance(end, Done) and end.message is not None for end in ends)
    assert await room.used() <= 60_000


async def test_guests_of_one_network_share_what_it_has_in_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.membership.networks.TIMES", 2)
    monkeypatch.setattr("domain.membership.networks.FRESH_S", 0.0)
    room = Room(seconds=60)
    await follow(await room.begin(network="203.0.113.7"))
    day = f"{room.clock.now():%Y-%m-%d}"
    assert await room.used() == 1_500
    assert room.metered.meters.used("net-203.0.113.7", "voice_seconds", day) == (1_500, 0)
    room.metered.meters.meters["net-203.0.113.7", "voice_seconds", day].used = 120_000  # type: ignore[attr-defined]
    with pytest.raises(NeedsMembership) as refused:
        await room.begin(2, network="203.0.113.7")
    assert refused.value.code == "voice_spent_here"
    assert isinstance((await follow(await room.begin(3, network="203.0.113.8")))[-1], Done)
    assert isinstance((await follow(await room.begin(4)))[-1], Done)


async def test_a_turn_keeps_its_heard_event_in_order_when_it_is_metered() -> None:
    events = await follow(await Room().begin())
    assert isinstance(events[1], Heard)


async def test_what_was_transcribed_ahead_is_not_free_after_a_request_that_was_refused() -> None:
    room = Room()
    await room.turns.segment(GUEST, room.chat.id, "utterance-1", 0, SPEECH, pause=True)
    await room.between()
    with pytest.raises(BadInput):
        await room.begin(speech=b"not sound", utterance="utterance-1")
    await follow(await room.begin(2, speech=SPEECH, utterance="utterance-1"))
    assert len(room.ear.calls) == 1
    assert await room.used() == 1_000 + 500


class SlowToHold(MemoryMeters):
    def __init__(self) -> None:
        super().__init__()
        self.began, self.go = threading.Event(), threading.Event()

    def hold(self, hold: Hold, limit: int, least: int) -> int:
        self.began.set()
        assert self.go.wait(60)  # in a thread, as a database is waited for
        return super().hold(hold, limit, least)


async def test_a_turn_whose_request_was_over_before_it_began_keeps_nothing_for_good() -> None:
    slow = SlowToHold()
    room = Room(meters=slow)
    beginning = asyncio.create_task(room.begin())
    assert await asyncio.to_thread(slow.began.wait, 60)
    beginning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await beginning
    slow.go.set()
    async with asyncio.timeout(60):
        while not room.metered.used(GUEST)[1]:  # noqa: ASYNC110 - it happens in a thread
            await asyncio.sleep(0.01)
    assert room.metered.used(GUEST) == (0, 16_000)
    del beginning
    gc.collect()
    memory = room.metered.meters
    assert isinstance(memory, MemoryMeters)
    memory.holds = {name: msgspec.structs.replace(hold, expires_at=hold.at) for name, hold in memory.holds.items()}
    assert room.metered.meter.sweep() == 1
    assert room.metered.used(GUEST) == (0, 0)
