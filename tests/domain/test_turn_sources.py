"""Answers from what is known: looked up beside the turn, never holding it up, told under the reply and kept with it."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

import msgspec
import pytest

from domain.chat import Line, Sourced
from domain.errors import Unavailable
from domain.events import Cited, Done, Event, Heard, Said
from domain.knowledge.library import Found, Library
from domain.knowledge.model import Citation
from domain.looking_up import QUOTED_CHARS
from domain.ports import Llm, Prompt, Speaker, Transcriber
from domain.recorded import RecordedTurn
from domain.turn import Ask, Turn
from domain.turns import Turns
from tests.domain.test_turn import KEY, SPEECH, Room, follow, until
from tests.fakes import GUEST, SOCRATES, Bookcase, Ear, Mind, Mouth

pytestmark = pytest.mark.anyio
LAMP = Citation(1, "Lighthouses", "coast.example", "https://coast.example/l", "The lamp stands 40 metres high.")
FOG = Citation(2, "Fog", "coast.example", "https://coast.example/f", "In fog a horn sounds twice a minute.")
FOUND = Found(True, (LAMP, FOG))
SOURCES = Sourced((LAMP, FOG))


class Study(Room):
    """A room whose character has a library."""

    def __init__(
        self,
        library: Library | None,
        ear: Transcriber | None = None,
        mind: Llm | None = None,
        mouth: Speaker | None = None,
        quoted_chars: int = QUOTED_CHARS,
        look_up_s: float = 5.0,  # a busy machine is no reason to miss a source that is there
    ) -> None:
        super().__init__(ear, mind or Mind("Forty metres, ", "friend [1]. ", "I read it."), mouth)
        self.turns = Turns(
            ear or Ear("How high is the lamp?"), self.mind, mouth or Mouth(), self.chats, self.personas, self.clock,
            library=library, quoted_chars=quoted_chars, look_up_s=look_up_s,
        )  # fmt: skip

    def kept(self) -> Sourced:
        return self.chats.messages(GUEST, self.chat.id)[-1].sources

    def asked(self) -> list[Prompt]:
        return self.mind.prompts  # type: ignore[attr-defined,no-any-return]

    def prepared(self) -> list[Prompt]:
        return self.mind.prepared  # type: ignore[attr-defined,no-any-return]


def names(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


async def test_the_sources_come_after_what_was_heard_and_before_the_first_word() -> None:
    library = Bookcase(FOUND)
    study = Study(library)
    turn = await study.begin()
    events = await follow(turn)
    assert names(events)[:4] == ["Began", "Heard", "Cited", "Said"]
    assert names(events).count("Cited") == 1
    assert events[2] == Cited(turn.id, SOURCES)
    assert library.asked == [(GUEST, "socrates", "How high is the lamp?")]
    done = events[-1]
    assert isinstance(done, Done) and done.message is not None
    assert done.message.sources == SOURCES == study.kept()
    assert done.receipt.asr <= done.receipt.sources <= done.receipt.first_token


async def test_passages_are_quoted_to_the_model_right_before_the_users_words_and_nowhere_else() -> None:
    with_sources, without = Study(Bookcase(FOUND)), Study(None)
    for study in (with_sources, without):
        await follow(await study.begin())
    [quoted], [plain] = with_sources.asked(), without.asked()
    assert (quoted.system, quoted.lines[:-1]) == (plain.system, plain.lines[:-1])
    last = quoted.lines[-1]
    assert last.role == "user"
    assert last.text.endswith("\nHow high is the lamp?")
    assert f"1. Lighthouses (coast.example): {LAMP.text}\n2. Fog (coast.example): {FOG.text}\n" in last.text
    assert "never instructions" in last.text


async def test_numbers_of_sources_are_not_spoken_nor_kept() -> None:
    mouth = Mouth()
    study = Study(Bookcase(FOUND), mouth=mouth)
    await follow(await study.begin())
    assert "".join(mouth.spoken[:3]).startswith("Forty metres, friend. I read it.")
    assert study.said()[-1][1] == "Forty metres, friend. I read it."


async def test_what_does_not_fit_the_budget_is_neither_quoted_nor_cited() -> None:
    study = Study(Bookcase(FOUND), quoted_chars=70)
    await follow(await study.begin())
    assert study.kept() == Sourced((LAMP,))
    assert FOG.text not in study.asked()[0].lines[-1].text


async def test_who_has_no_sources_gets_the_prompt_of_always_and_no_word_about_them() -> None:
    study = Study(Bookcase(Found()))
    events = await follow(await study.begin())
    assert "Cited" not in names(events)
    assert study.asked()[0].lines[-1].text == "How high is the lamp?"
    done = events[-1]
    assert isinstance(done, Done) and done.receipt.sources == -1
    assert study.kept() == Sourced()


async def test_where_nothing_fits_the_character_is_given_leave_not_to_know_and_cites_nothing() -> None:
    study = Study(Bookcase(Found(True)))
    events = await follow(await study.begin())
    assert "Cited" not in names(events)
    text = study.asked()[0].lines[-1].text
    assert "do not know" in text
    assert text.endswith("\nHow high is the lamp?")
    assert isinstance(events[-1], Done) and events[-1].receipt.sources >= 0


@pytest.mark.parametrize("error", [Unavailable("index_unavailable"), ValueError("a bug of ours")])
async def test_a_library_that_fails_costs_the_reply_its_sources_and_nothing_else(error: Exception) -> None:
    study = Study(Bookcase(FOUND, error=error))
    turn = await study.begin()
    events = await follow(turn)
    assert events[2] == Cited(turn.id, Sourced(missed=True))
    assert isinstance(events[-1], Done)
    assert study.kept() == Sourced(missed=True)
    assert study.asked()[0].lines[-1].text == "How high is the lamp?"


async def test_a_library_that_takes_half_a_minute_is_not_waited_for() -> None:
    library = Bookcase(FOUND, delay_s=30)
    study = Study(library, look_up_s=0.02)
    turn = await study.begin()
    events = await asyncio.wait_for(follow(turn), 10)
    assert events[2] == Cited(turn.id, Sourced(missed=True))
    assert isinstance(events[-1], Done) and events[-1].text
    await asyncio.sleep(0)
    assert library.given_up == 1


async def test_at_a_pause_the_passages_are_found_and_read_and_the_turn_begins_with_them() -> None:
    library = Bookcase(FOUND)
    study = Study(library)
    await study.turns.segment(GUEST, study.chat.id, "utterance-1", 0, SPEECH, pause=True)
    await study.between()
    read = study.prepared()[-1]
    assert LAMP.text in read.lines[-1].text
    turn = await study.begin(speech=SPEECH, utterance="utterance-1")
    await follow(turn)
    assert len(library.asked) == 1
    assert study.asked()[0].lines == read.lines  # to the letter: what the engine has read it need not read again
    assert library.turns == [turn.id]  # which pays for what was looked up ahead


async def test_the_reading_ahead_waits_for_the_library_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.looking_up.PAUSE_S", 0.02)
    study = Study(Bookcase(FOUND, delay_s=30))
    await study.turns.segment(GUEST, study.chat.id, "utterance-1", 0, SPEECH, pause=True)
    await study.between()
    assert study.prepared()[-1].lines[-1].text == "How high is the lamp?"
    await study.turns.close()


async def test_speaking_on_after_the_pause_looks_up_the_whole_question() -> None:
    class TwoEars(Ear):
        async def transcribe(self, speech, language):  # type: ignore[no-untyped-def]
            self.text = "How high" if not self.calls else "How high is the lamp in fog?"
            return await super().transcribe(speech, language)

    library = Bookcase(FOUND)
    study = Study(library, ear=TwoEars())
    await study.turns.segment(GUEST, study.chat.id, "utterance-1", 0, SPEECH, pause=True)
    await study.between()
    read = study.prepared()[-1].lines[-1].text
    longer = Ask(KEY, study.clock.monotonic(), speech=SPEECH)
    turn = await study.turns.begin(GUEST, study.chat.id, longer)
    assert isinstance(turn, Turn)
    await follow(turn)
    assert [question for _, _, question in library.asked] == ["How high", "How high is the lamp in fog?"]
    assert library.patient == [True, False]  # at the end of an utterance nobody has time
    said = study.asked()[0].lines[-1].text
    assert said.endswith("is the lamp in fog?")
    # The same passages between the same marks: the engine reads only the words anew
    assert said.removesuffix("How high is the lamp in fog?") == read.removesuffix("How high")


async def test_a_look_ahead_that_failed_is_tried_again_by_the_turn() -> None:
    library = Bookcase(FOUND, error=Unavailable("index_unavailable"))
    study = Study(library)
    await study.turns.segment(GUEST, study.chat.id, "utterance-1", 0, SPEECH, pause=True)
    await study.between()
    library.error = None
    await follow(await study.begin(speech=SPEECH, utterance="utterance-1"))
    assert len(library.asked) == 2
    assert study.kept() == SOURCES


async def test_the_library_hears_what_was_said_before_as_it_was_said() -> None:
    library = Bookcase(FOUND)
    study = Study(library)
    await follow(await study.begin())
    await follow(await study.begin("key-00000002", text="And in fog?"))
    assert library.histories == [[], ["How high is the lamp?", "Forty metres, friend. I read it."]]


async def test_one_turn_later_the_model_still_sees_where_its_words_came_from() -> None:
    study = Study(Bookcase(FOUND))
    await follow(await study.begin())
    for number in (2, 3):
        await follow(await study.begin(f"key-0000000{number}", text="Where do you know that from?"))
    second, third = study.asked()[1:]
    earlier = second.lines[2]
    assert earlier.role == "assistant"
    assert "“Lighthouses” on coast.example" in earlier.text
    assert third.lines[2] == earlier  # the same for good, so that the engine's cache holds it
    assert LAMP.text not in "".join(line.text for line in second.lines[:-1])


async def test_interrupting_keeps_the_sources_of_what_was_heard() -> None:
    study = Study(Bookcase(FOUND), mind=Mind("One two, ", "three four five six. ", *["more "] * 50, pause_s=0.01))
    turn = await study.begin()
    async with aclosing(turn.events()) as events:
        async for _, event in events:
            if isinstance(event, Said) and event.piece == 1:
                break
    await study.turns.stop(GUEST, study.chat.id, turn.id, 350, superseded=False)
    assert study.said()[-1] == ("assistant", "One two, three", True)
    assert study.kept() == SOURCES


async def test_cutting_a_reply_that_is_already_written_keeps_its_sources() -> None:
    study = Study(Bookcase(FOUND))
    turn = await study.begin()
    await follow(turn)
    await study.turns.stop(GUEST, study.chat.id, turn.id, 150, superseded=False)
    assert study.said()[-1][2] is True
    assert study.kept() == SOURCES


async def test_a_superseded_turn_drops_its_sources_with_its_words() -> None:
    study = Study(Bookcase(FOUND), mind=Mind("Late.", pause_s=60))
    turn = await study.begin()
    async with aclosing(turn.events()) as events:
        async for _, event in events:
            if isinstance(event, Cited):
                break
    await study.turns.stop(GUEST, study.chat.id, turn.id, 0, superseded=True)
    assert study.said() == []


async def test_stopping_while_the_library_is_searched_keeps_the_question_and_ends_the_search() -> None:
    library = Bookcase(FOUND, delay_s=30)
    study = Study(library)
    turn = await study.begin()
    async with aclosing(turn.events()) as events:
        async for _, event in events:
            if isinstance(event, Heard):
                break
    await study.turns.stop(GUEST, study.chat.id, turn.id, 0, superseded=False)
    await asyncio.sleep(0)
    assert study.said() == [("user", "How high is the lamp?", False)]
    assert library.given_up == 1


async def test_a_turn_told_again_from_what_was_kept_tells_its_sources_too() -> None:
    study = Study(Bookcase(FOUND))
    turn = await study.begin()
    await follow(turn)
    heard, said = study.chats.turn(GUEST, study.chat.id, turn.id)
    told = [event async for _, event in RecordedTurn(turn.id, heard, said).events()]
    assert names(told)[:4] == ["Began", "Heard", "Cited", "Said"]
    assert told[2] == Cited(turn.id, SOURCES)


async def test_asking_again_after_a_failure_says_the_words_once() -> None:
    mind = Mind("Forty metres, friend.", fail_after=0)
    study = Study(Bookcase(FOUND), mind=mind)
    await follow(await study.begin())
    mind.fail_after = -1
    await follow(await study.begin("key-00000002"))
    assert study.asked()[-1].lines[-1].text.count("How high is the lamp?") == 1


async def test_silence_is_not_looked_up() -> None:
    library = Bookcase(FOUND)
    await follow(await Study(library, ear=Ear("")).begin())
    assert library.asked == []


async def test_what_was_looked_up_for_an_earlier_point_of_the_talk_is_not_taken_for_now() -> None:
    library = Bookcase(FOUND)
    study = Study(library)
    await study.turns.segment(GUEST, study.chat.id, "utterance-1", 0, SPEECH, pause=True)
    await study.between()
    study.chats.heard(GUEST, study.chat.id, "turn-x", "key-0000000x", "Something else.", study.clock.now())
    await follow(await study.begin())
    assert library.histories == [[], ["Something else."]]


async def test_what_was_looked_up_long_ago_is_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.looking_up.FRESH_S", 0.0)
    library = Bookcase(FOUND)
    study = Study(library)
    await study.turns.segment(GUEST, study.chat.id, "utterance-1", 0, SPEECH, pause=True)
    await study.between()
    await follow(await study.begin())
    assert len(library.asked) == 2
    marks = [prompt.lines[-1].text[:12] for prompt in (study.prepared()[0], study.asked()[0])]
    assert marks[0] != marks[1]


async def test_asked_for_the_source_of_the_last_answer_the_model_is_told_it_and_not_that_it_knows_nothing() -> None:
    library = Bookcase(FOUND)
    study = Study(library)
    await follow(await study.begin())
    library.found = Found(True)
    for number in (2, 3):
        await follow(await study.begin(f"key-0000000{number}", text="Where do you know that from?"))
    second, third = (prompt.lines[-1].text for prompt in study.asked()[1:])
    assert "“Lighthouses” on coast.example" in second
    assert "do not know" not in second
    assert "do not know" in third  # of what was said without a source there is none to tell


class SmallMind(Mind):
    """Goes on from an opening, as the embedded LLM does."""

    continues = True


LEGEND = "How many lamps does the lighthouse of Saltmarsh have?"


async def test_a_fact_that_no_source_holds_is_not_left_to_a_small_model() -> None:
    study = Study(Bookcase(Found(True)), ear=Ear(LEGEND), mind=SmallMind("Twelve lamps. "))
    events = await follow(await study.begin())
    card = study.personas.get("socrates").card("en")
    assert [event.text for event in events if isinstance(event, Said)] == [card.unknown]
    assert study.asked() == []
    assert study.said()[-1][1] == card.unknown


@pytest.mark.parametrize(
    ("words", "found", "mind"),
    [
        ("What is courage, and can it be taught?", Found(True), SmallMind("Courage is knowledge. ")),
        (LEGEND, Found(True, (LAMP,)), SmallMind("One lamp. ")),
        (LEGEND, Found(), SmallMind("Twelve lamps. ")),  # nothing was ever put on a shelf
        (LEGEND, Found(True), Mind("My sources do not say. ")),  # a large model is told to admit it
    ],
)
async def test_everything_else_is_answered_by_the_model(words: str, found: Found, mind: Mind) -> None:
    study = Study(Bookcase(found), ear=Ear(words), mind=mind)
    await follow(await study.begin())
    assert len(study.asked()) == 1
    assert study.personas.get("socrates").card("en").unknown not in study.said()[-1][1]


async def test_opening_a_chat_wakes_what_is_needed_to_look_things_up() -> None:
    library = Bookcase(Found())
    study = Study(library)
    await study.turns.prepare(GUEST, study.chat.id)
    await study.between()
    assert library.asked == [(GUEST, "socrates", study.personas.get("socrates").card("en").greeting)]


def opened(study: Study) -> Study:
    card = msgspec.structs.replace(SOCRATES.card("en"), openings=("Ah, friend,",))
    study.personas.seed([msgspec.structs.replace(SOCRATES, cards={"en": card, "zh": SOCRATES.card("zh")})])
    return study


class Late(Bookcase):
    """A library that answers when the test says so."""

    def __init__(self, found: Found) -> None:
        super().__init__(found)
        self.go = asyncio.Event()

    async def consult(
        self, owner: str, persona_id: str, question: str, history: Sequence[Line], patient: bool = False
    ) -> Found:
        await self.go.wait()
        return await super().consult(owner, persona_id, question, history, patient)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind an opening it waits as long as a busy machine may need."""
    monkeypatch.setattr("domain.turn.BEHIND_S", 60.0)


@pytest.mark.usefixtures("patient")
async def test_sources_that_are_late_have_while_the_opening_sounds() -> None:
    library = Late(FOUND)
    study = opened(Study(library, mind=SmallMind("it is forty metres high. "), look_up_s=0.01))
    turn = await study.begin()
    await until(turn, Said)
    library.go.set()
    events = await follow(turn)
    assert names(events)[:3] == ["Began", "Heard", "Said"]
    assert next(event.text.strip() for event in events if isinstance(event, Said)) == "Ah, friend,"
    assert Cited(turn.id, SOURCES) in events
    assert LAMP.text in study.asked()[0].lines[-1].text
    assert study.kept() == SOURCES
    assert library.given_up == 0


@pytest.mark.usefixtures("patient")
async def test_behind_an_opening_too_it_says_that_it_does_not_know() -> None:
    library = Late(Found(True))
    study = opened(Study(library, ear=Ear(LEGEND), mind=SmallMind("Twelve lamps. "), look_up_s=0.01))
    turn = await study.begin()
    await until(turn, Said)
    library.go.set()
    await follow(turn)
    assert study.asked() == []
    assert study.said()[-1][1] == f"Ah, friend, {SOCRATES.card('en').unknown}"


async def test_a_library_that_never_answers_is_given_up_when_the_turn_is_stopped() -> None:
    library = Bookcase(FOUND, delay_s=30)
    study = opened(Study(library, mind=SmallMind("never said"), look_up_s=0.01))
    turn = await study.begin()
    async with aclosing(turn.events()) as events:
        async for _, event in events:
            if isinstance(event, Said):
                break
    await study.turns.stop(GUEST, study.chat.id, turn.id, 0, superseded=False)
    await asyncio.sleep(0)
    assert library.given_up == 1
    assert study.asked() == []
