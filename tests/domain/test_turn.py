import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime

import msgspec
import numpy as np
import pytest

from domain.audio import HEARD_RATE, Audio
from domain.chat import Chat, Message, Reply
from domain.errors import BadInput, NotFound, ParleyError, TooLong
from domain.events import Began, Done, Event, Failed, Heard, Said, Sound, Unheard
from domain.ports import Clock, Llm, Prompt, Speaker, Transcriber
from domain.turn import Ask, Stopped, Turn
from domain.turns import Turns
from infra.clock import SystemClock
from tests.fakes import GUEST, SOCRATES, Ear, HandClock, Mind, Mouth
from tests.fakes_stores import MemoryChats, MemoryPersonas

pytestmark = pytest.mark.anyio
_T = np.arange(HEARD_RATE) / HEARD_RATE
SPEECH = Audio.of((0.3 * np.sin(2 * np.pi * 200 * _T)).astype(np.float32), HEARD_RATE).wav()
KEY = "key-00000001"


class Room:
    """A chat with Socrates, its store and its turns."""

    def __init__(
        self, ear: Transcriber | None = None, mind: Llm | None = None, mouth: Speaker | None = None,
        clock: Clock | None = None, chats: MemoryChats | None = None,
    ) -> None:  # fmt: skip
        self.chats = chats or MemoryChats()
        self.personas = MemoryPersonas()
        self.personas.seed([SOCRATES])
        self.clock = clock or SystemClock()
        self.mind = mind or Mind("Well now, ", "what is it ", "that you mean? ", "Tell me.")
        self.turns = Turns(ear or Ear(), self.mind, mouth or Mouth(), self.chats, self.personas, self.clock)
        self.chat: Chat = self.chats.create(GUEST, "socrates", "en", "", self.clock.now())

    async def begin(self, key: str = KEY, **ask: object) -> Turn:
        sent = ask or {"speech": SPEECH}
        turn = await self.turns.begin(GUEST, self.chat.id, Ask(key, self.clock.monotonic(), **sent))  # type: ignore[arg-type]
        assert isinstance(turn, Turn)
        return turn

    async def between(self) -> None:
        """Wait until what is done between turns is done."""
        async with asyncio.timeout(60):
            while self.turns.busy:  # noqa: ASYNC110 - nobody tells when it is done
                await asyncio.sleep(0.001)

    def said(self) -> list[tuple[str, str, bool]]:
        return [(m.role, m.text, m.interrupted) for m in self.chats.messages(GUEST, self.chat.id)]


async def follow(turn: Turn, after: int = 0) -> list[Event]:
    return [event async for _, event in turn.events(after)]


async def until(turn: Turn, kind: type[Event]) -> None:
    """Follow a turn up to its first event of a kind, and leave."""
    async with asyncio.timeout(60), aclosing(turn.events()) as events:
        async for _, event in events:
            if isinstance(event, kind):
                return
    raise AssertionError(f"it never came to {kind.__name__}")


async def over(turn: Turn) -> None:
    """Wait until a turn has ended, without following it."""
    async with asyncio.timeout(60):
        while not turn.ended:  # noqa: ASYNC110 - who does not follow is told nothing
            await asyncio.sleep(0.001)


async def test_a_turn_is_heard_then_said_piece_by_piece_then_done() -> None:
    room = Room()
    events = await follow(await room.begin())
    kinds = [type(e).__name__ for e in events]
    assert kinds == [
        "Began",
        "Heard",
        "Said",
        "Sound",
        "Sound",
        "Said",
        *["Sound"] * 6,
        "Said",
        "Sound",
        "Sound",
        "Done",
    ]
    assert isinstance(events[1], Heard) and events[1].message.text == "Go on"
    assert [e.text for e in events if isinstance(e, Said)] == ["Well now,", " what is it that you mean?", " Tell me."]
    assert [e.start_ms for e in events if isinstance(e, Said)] == [0, 200, 800]
    done = events[-1]
    assert isinstance(done, Done) and done.message is not None and done.ms == 1000
    assert room.said() == [
        ("user", "Go on", False),
        ("assistant", "Well now, what is it that you mean? Tell me.", False),
    ]


async def test_the_receipt_names_every_phase_in_order() -> None:
    events = await follow(await Room(ear=Ear(delay_s=0.01)).begin())
    done = events[-1]
    assert isinstance(done, Done)
    r = done.receipt
    assert 0 <= r.upload <= r.asr <= r.first_token <= r.first_clause <= r.first_sound <= r.total
    assert done.message is not None and done.message.receipt == r


async def test_the_first_sound_comes_before_the_last_word_is_written() -> None:
    sounded = asyncio.Event()
    written: list[str] = []

    class Watched(Mind):
        async def reply(self, prompt):  # type: ignore[no-untyped-def]
            for delta in ("Ah, my friend,", " the rest", " comes later."):
                written.append(delta)
                yield delta
            await sounded.wait()
            written.append(" And more.")
            yield written[-1]

    turn = await Room(mind=Watched()).begin()
    await until(turn, Sound)
    assert len(written) < 4
    sounded.set()
    assert isinstance((await follow(turn))[-1], Done)
    assert len(written) == 4


async def test_typed_words_take_the_same_road_without_the_ear() -> None:
    ear = Ear()
    room = Room(ear=ear)
    events = await follow(await room.begin(text=" What is virtue? "))
    assert not ear.calls
    assert room.said()[0] == ("user", "What is virtue?", False)
    assert isinstance(events[-1], Done)


@pytest.mark.parametrize("ear", [Ear(""), Ear("  ")])
async def test_silence_gets_a_kind_line_and_leaves_no_trace(ear: Ear) -> None:
    room = Room(ear=ear)
    events = await follow(await room.begin())
    assert [type(e).__name__ for e in events] == ["Began", "Unheard", "Said", *["Sound"] * 3, "Done"]
    assert events[1] == Unheard("Say that again?")
    done = events[-1]
    assert isinstance(done, Done) and done.message is None
    assert room.said() == []


async def test_a_tap_too_short_to_be_speech_is_not_transcribed() -> None:
    ear = Ear()
    room = Room(ear=ear)
    events = await follow(await room.begin(speech=Audio(bytes(2000), HEARD_RATE).wav()))
    assert isinstance(events[1], Unheard) and not ear.calls


async def test_interrupting_keeps_exactly_what_was_heard() -> None:
    room = Room(mind=Mind("One two, ", "three four five six. ", "Seven eight nine ten.", " Eleven.", pause_s=0.01))
    turn = await room.begin()
    async with aclosing(turn.events()) as events:
        async for _, event in events:
            if isinstance(event, Said) and event.piece == 2:
                break
    await room.turns.stop(GUEST, room.chat.id, turn.id, 410, superseded=False)
    assert room.said() == [("user", "Go on", False), ("assistant", "One two, three four", True)]
    assert room.mind.stopped == 1  # type: ignore[attr-defined]


async def test_interrupting_a_reply_that_is_already_written_cuts_it_to_what_was_heard() -> None:
    room = Room()
    turn = await room.begin()
    await follow(turn)
    await room.turns.stop(GUEST, room.chat.id, turn.id, 500, superseded=False)
    assert room.said()[1] == ("assistant", "Well now, what is it", True)
    await room.turns.stop(GUEST, room.chat.id, turn.id, 9_000, superseded=False)
    assert room.said()[1] == ("assistant", "Well now, what is it", True)


async def test_speaking_on_before_the_first_sound_forgets_the_turn() -> None:
    room = Room(mind=Mind("Late.", pause_s=60))
    turn = await room.begin()
    await until(turn, Heard)
    await room.turns.stop(GUEST, room.chat.id, turn.id, 0, superseded=True)
    assert room.said() == []
    assert isinstance((await follow(turn))[-1], Done)


async def test_a_stop_before_anything_sounded_keeps_the_question_only() -> None:
    room = Room(mind=Mind("Late.", pause_s=60))
    turn = await room.begin()
    await until(turn, Heard)
    await room.turns.stop(GUEST, room.chat.id, turn.id, 0, superseded=False)
    assert room.said() == [("user", "Go on", False)]


async def test_twenty_posts_of_one_key_are_one_turn() -> None:
    room = Room()
    turns = await asyncio.gather(*[room.begin() for _ in range(20)])
    assert len({turn.id for turn in turns}) == 1
    logs = await asyncio.gather(*[follow(turn) for turn in turns])
    assert all(log == logs[0] for log in logs)
    assert [role for role, _, _ in room.said()] == ["user", "assistant"]


async def test_the_same_key_in_another_guests_hands_opens_nothing() -> None:
    room = Room()
    await follow(await room.begin())
    with pytest.raises(NotFound):
        await room.turns.begin("guest-2", room.chat.id, Ask(KEY, 0.0, text="Hello"))


async def test_a_key_used_before_a_restart_tells_the_turn_again() -> None:
    room = Room()
    await follow(await room.begin())
    again = Turns(Ear(), room.mind, Mouth(), room.chats, room.personas, room.clock)
    turn = await again.begin(GUEST, room.chat.id, Ask(KEY, 0.0, speech=SPEECH))
    events = [event async for _, event in turn.events()]
    assert [type(e).__name__ for e in events] == ["Began", "Heard", "Said", "Said", "Said", "Done"]
    assert [role for role, _, _ in room.said()] == ["user", "assistant"]


async def test_a_reader_who_comes_back_misses_nothing_and_gets_nothing_twice() -> None:
    room = Room(mouth=Mouth(pause_s=0.005))
    turn = await room.begin()
    seen: list[tuple[int, Event]] = []
    while not seen or not isinstance(seen[-1][1], Done):
        async with aclosing(turn.events(len(seen))) as events:
            async for item in events:
                seen.append(item)
                if len(seen) % 3 == 0:
                    break
    assert [number for number, _ in seen] == list(range(1, len(seen) + 1))
    assert [event for _, event in seen] == await follow(turn)


async def test_a_turn_nobody_follows_is_stopped_after_the_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.turn_log.GRACE_S", 0.02)
    room = Room(mind=Mind(*["word "] * 500, pause_s=0.01))
    turn = await room.begin()
    await until(turn, Heard)
    await over(turn)
    assert room.mind.stopped == 1  # type: ignore[attr-defined]


class Held(Mind):
    """Says nothing until the test says so."""

    def __init__(self, *deltas: str) -> None:
        super().__init__(*deltas)
        self.go = asyncio.Event()

    async def reply(self, prompt: Prompt) -> AsyncGenerator[str, None]:
        await self.go.wait()
        async with aclosing(super().reply(prompt)) as deltas:
            async for delta in deltas:
                yield delta


def graced(turn: Turn) -> bool:
    return turn._log._grace is not None


async def test_a_reader_who_returns_within_the_grace_finds_the_turn_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.turn_log.GRACE_S", 60.0)
    mind = Held("One two, ", "three four.")
    turn = await Room(mind=mind).begin()
    await until(turn, Began)
    assert graced(turn) and not turn.ended
    again = asyncio.create_task(follow(turn, after=1))
    async with asyncio.timeout(60):
        while graced(turn):  # noqa: ASYNC110 - the return ends it, and tells nobody
            await asyncio.sleep(0.001)
    mind.go.set()
    last = (await again)[-1]
    assert isinstance(last, Done) and not last.interrupted


async def test_speaking_in_a_chat_stops_the_turn_that_still_runs_there() -> None:
    room = Room(mind=Mind("One two, ", "three.", pause_s=0.05))
    first = await room.begin()
    second = await room.begin("key-00000002", text="Wait")
    assert first.ended
    assert isinstance((await follow(second))[-1], Done)


class SlowStore(MemoryChats):
    """Takes its time for a reply, in its thread: until the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.go = threading.Event(), threading.Event()

    def said(self, guest: str, chat_id: str, turn_id: str, reply: Reply, now: datetime) -> Message:
        self.asked.set()
        assert self.go.wait(60)
        return super().said(guest, chat_id, turn_id, reply, now)


@pytest.mark.parametrize(
    ("how", "kept"),
    [
        (Stopped(500), [("user", "Go on", False), ("assistant", "Well now, what is it", True)]),
        (Stopped(), [("user", "Go on", False), ("assistant", "Well now, what is it that you mean? Tell me.", False)]),
        (Stopped(0, superseded=True), [("user", "Go on", False), ("assistant", "", True)]),
    ],
    ids=["heard in part", "nobody knows", "superseded"],
)
async def test_who_speaks_over_a_reply_while_it_is_written_down_finds_the_turn_ended(
    how: Stopped, kept: list[tuple[str, str, bool]]
) -> None:
    store = SlowStore()
    room = Room(chats=store)
    turn = await room.begin()
    assert await asyncio.to_thread(store.asked.wait, 60)
    stopping = asyncio.create_task(turn.stop(how))
    for _ in range(5):  # turns of the loop: it is at the turn
        await asyncio.sleep(0)
    store.go.set()
    async with asyncio.timeout(60):
        await stopping
        last = (await follow(turn))[-1]
    assert isinstance(last, Done) and not room.turns.running
    assert room.said() == kept


@pytest.mark.parametrize(
    ("room", "code"),
    [
        (Room(ear=Ear(error="asr_failed")), "asr_failed"),
        (Room(mind=Mind("One two, ", "three.", fail_after=0)), "llm_failed"),
        (Room(mouth=Mouth(error="tts_failed")), "tts_failed"),
    ],
)
async def test_an_engine_that_fails_ends_the_turn_with_an_event(room: Room, code: str) -> None:
    events = await follow(await room.begin())
    assert events[-1] == Failed(code, {}, True)
    assert not room.turns.running


async def test_a_reply_with_nothing_to_speak_is_a_failure_not_a_silence() -> None:
    events = await follow(await Room(mind=Mind("*smiles*")).begin())
    assert events[-1] == Failed("llm_failed", {}, True)


async def test_a_reply_that_breaks_off_keeps_what_was_spoken() -> None:
    room = Room(mind=Mind("One two, three four. ", "Five six.", fail_after=1))
    await follow(await room.begin())
    assert room.said()[-1][:2] == ("assistant", "One two, three four.")


@pytest.mark.parametrize(
    ("ask", "error", "code"),
    [
        ({"text": "a\x00b"}, BadInput, "text_unreadable"),
        ({"text": "\ud800"}, BadInput, "text_unreadable"),
        ({"text": " \n "}, BadInput, "text_empty"),
        ({"text": "a" * 1_000_000}, TooLong, "text_too_long"),
        ({"speech": b""}, BadInput, "speech_empty"),
        ({"speech": b"not sound"}, BadInput, "speech_unreadable"),
        ({"speech": Audio(bytes(2 * 61 * 8000), 8000).wav()}, TooLong, "speech_too_long"),
        ({"utterance": "u-1234567"}, BadInput, "nothing_said"),
        ({"key": "short", "text": "hi"}, BadInput, "key_bad"),
    ],
)
async def test_what_cannot_be_a_turn_is_refused_before_it_begins(ask: dict, error: type, code: str) -> None:  # type: ignore[type-arg]
    room = Room()
    with pytest.raises(ParleyError) as refused:
        await room.begin(**ask)
    assert type(refused.value) is error and refused.value.code == code
    assert room.said() == [] and not room.turns.running
    assert isinstance((await follow(await room.begin(text="Hello")))[-1], Done)


async def test_a_character_taken_away_mid_chat_is_missed_politely() -> None:
    room = Room()
    await follow(await room.begin())
    room.personas.remove("socrates", room.clock.now())
    with pytest.raises(NotFound) as missed:
        await room.begin("key-00000002", text="Still there?")
    assert missed.value.code == "character_gone"


async def test_the_prompt_holds_the_greeting_and_what_was_said_before() -> None:
    room = Room()
    await follow(await room.begin())
    await follow(await room.begin("key-00000002", text="And then?"))
    lines = [line.text for line in room.mind.prompts[-1].lines]  # type: ignore[attr-defined]
    assert lines == [
        "Welcome. What brings you?", "Go on", "Well now, what is it that you mean? Tell me.", "And then?"
    ]  # fmt: skip


async def test_the_chat_is_named_after_its_first_words() -> None:
    room = Room()
    await follow(await room.begin(text="What is   courage,\nreally?"))
    await room.between()
    assert room.chats.get(GUEST, room.chat.id).title == "What is courage, really?"


async def test_a_chat_that_was_renamed_meanwhile_keeps_that_name() -> None:
    room = Room()
    turn = await room.begin(text="What is courage?")
    room.chats.rename(GUEST, room.chat.id, "On courage")
    await follow(turn)
    await room.between()
    assert room.chats.get(GUEST, room.chat.id).title == "On courage"


async def test_a_long_chat_is_summed_up_between_turns_not_during_them() -> None:
    room = Room(mind=Mind("word " * 150))
    for number in range(12):
        await follow(await room.begin(f"key-{number:08}", text="many words " * 20))
        await room.between()
    chat = room.chats.get(GUEST, room.chat.id)
    assert chat.summary and chat.summary_upto > 0
    assert any(p.chat_id == "summary" for p in room.mind.prompts)  # type: ignore[attr-defined]
    assert chat.summary in room.mind.prepared[-1].system  # type: ignore[attr-defined]


async def test_opening_a_chat_has_the_prompt_read_ahead() -> None:
    room = Room()
    await room.turns.prepare(GUEST, room.chat.id)
    await room.between()
    assert room.mind.prepared[0].chat_id == room.chat.id  # type: ignore[attr-defined]


async def test_at_a_pause_the_prompt_is_read_up_to_what_was_heard() -> None:
    room = Room(ear=Ear("What is courage?"))
    await room.turns.segment(GUEST, room.chat.id, "utterance-1", 0, SPEECH, pause=True)
    await room.between()
    assert room.mind.prepared[-1].lines[-1].text == "What is courage?"  # type: ignore[attr-defined]


async def test_speaking_does_not_end_the_reading_of_the_prompt() -> None:
    spoken = asyncio.Event()

    class Reader(Mind):
        read = 0

        async def prepare(self, prompt: Prompt) -> None:
            await spoken.wait()
            self.read += 1

    mind = Reader("One two.")
    room = Room(mind=mind)
    await room.turns.prepare(GUEST, room.chat.id)
    assert room.turns.busy
    await room.turns.segment(GUEST, room.chat.id, "utterance-1", 0, SPEECH[:20_000], pause=False)
    assert room.turns.busy and mind.read == 0
    spoken.set()
    await room.between()
    assert mind.read == 1


async def test_after_a_turn_the_prompt_of_the_next_is_read_ahead() -> None:
    room = Room()
    await follow(await room.begin())
    await room.between()
    assert room.mind.prepared[-1].lines[-1].role == "assistant"  # type: ignore[attr-defined]


async def test_lines_that_seldom_sound_are_not_made_anew_after_every_turn() -> None:
    mouth, clock = Mouth(), HandClock()
    clock.seconds = 1.0
    room = Room(mouth=mouth, clock=clock)
    for number in range(3):
        await follow(await room.begin(f"key-{number:08}"))
        await room.between()
    assert mouth.spoken.count("Say that again?") == 1
    clock.seconds += 601  # by now the speaker may have made room for others
    await follow(await room.begin("key-last"))
    await room.between()
    assert mouth.spoken.count("Say that again?") == 2


async def test_closing_keeps_what_was_said() -> None:
    room = Room(mind=Mind("One two, ", "three four. ", *["five "] * 100, pause_s=0.01))
    turn = await room.begin()
    async with aclosing(turn.events()) as events:
        async for _, event in events:
            if isinstance(event, Sound) and event.piece == 1:
                break
    await room.turns.close()
    assert room.said()[0][0] == "user"
    assert turn.ended


async def test_the_events_begin_with_the_turns_name() -> None:
    turn = await Room().begin()
    assert (await follow(turn))[0] == Began(turn.id)


async def test_the_opening_sounds_while_the_model_still_reads_and_the_reply_goes_on_from_it() -> None:
    class Slow(Held):
        continues = True

    opened = msgspec.structs.replace(SOCRATES.card("en"), openings=("Ah, friend,", "Well now,"))
    mind = Slow(" what is", " that?")
    room = Room(mind=mind)
    room.personas.seed([msgspec.structs.replace(SOCRATES, cards={**SOCRATES.cards, "en": opened})])
    turn = await room.begin()
    await until(turn, Sound)
    assert "first_token" not in turn._marks
    mind.go.set()
    await follow(turn)
    await follow(await room.begin("key-00000002", text="And then?"))
    assert [p.opening for p in mind.prompts] == ["Ah, friend,", "Well now,"]
    assert [text for _, text, _ in room.said()][1::2] == ["Ah, friend, what is that?", "Well now, what is that?"]


async def test_an_opening_alone_is_not_kept_when_the_model_fails() -> None:
    class Broken(Mind):
        continues = True

    opened = msgspec.structs.replace(SOCRATES.card("en"), openings=("Ah, friend,",))
    room = Room(mind=Broken("never", fail_after=0))
    room.personas.seed([msgspec.structs.replace(SOCRATES, cards={**SOCRATES.cards, "en": opened})])
    events = await follow(await room.begin())
    assert isinstance(events[-1], Failed)
    assert [role for role, _, _ in room.said()] == ["user"]
