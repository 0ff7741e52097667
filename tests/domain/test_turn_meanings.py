"""A question in one language about a long attachment in the other: what a turn quotes, and that it waits for nobody."""

import asyncio

import pytest

from domain import looking_up
from domain import turn as turn_module
from domain.errors import Unavailable
from domain.events import Cited, Done, Event, Said
from domain.filing.looking import Attached, Looking
from domain.filing.meanings import Meanings
from domain.knowledge.library import Found
from domain.knowledge.model import Citation
from domain.looking_up import LookUps
from domain.turn import Turn
from domain.turns import Turns
from tests.domain.filing.test_meanings import LONG
from tests.domain.test_turn import SPEECH, follow
from tests.domain.test_turn_attachments import Pictures, one
from tests.domain.test_turn_attachments import Room as Plain
from tests.fakes import GUEST, Bookcase, Mind, Mouth
from tests.fakes_meanings import Thesaurus

pytestmark = pytest.mark.anyio
FOG = Citation(1, "Fog", "coast.example", "https://coast.example/f", "A horn sounds twice a minute.")
ASKED = "灯立在哪里？"


class Room(Plain):
    """Long attachments in English, and an encoder. `look_up_s` is the wait that a test wants to see the end of."""

    def __init__(self, mind: Mind | None = None, *, library: Bookcase | None = None, look_up_s: float = 30.0) -> None:
        super().__init__(mind)
        self.ear.text = ASKED
        self.encoder = Thesaurus()
        self.meanings = Meanings(self.encoder, 600)
        looking = self.looking = Looking(self.store, Pictures(), 600, meanings=self.meanings)
        self.turns = Turns(
            self.ear, self.mind, Mouth(), self.chats, self.personas, self.clock, library=library, look_up_s=look_up_s,
            looking=looking,
        )  # fmt: skip

    async def known(self, id_: str = "coast", **fields: object) -> None:
        """Put an attachment whose meaning is known already."""
        self.meanings.make(self.put(id_, LONG, **fields))
        await self.meanings.idle()

    def quoted(self) -> str:
        """Name what most of that which the LLM read is about."""
        return max(("storm", "bread", "lamp"), key=self.read.count)


async def test_the_part_that_means_it_is_quoted_and_cited_though_no_word_of_it_is_in_the_question() -> None:
    room = Room()
    await room.known()
    events = await room.turn("coast", text=ASKED)
    cited = one(events, Cited)
    assert isinstance(cited, Cited)
    assert room.quoted() == "lamp"
    assert any("lamp" in citation.text for citation in cited.sources.citations)
    await room.turn(text="面包多少钱？")
    assert room.quoted() == "bread"


async def test_what_has_no_meaning_yet_goes_by_its_words_and_has_one_for_the_next_question() -> None:
    room = Room()
    room.put("coast", LONG)
    await room.turn("coast", text=ASKED)
    assert room.quoted() == "storm", "which stands at the beginning"
    await room.meanings.idle()
    await room.turn(text="文件里的灯呢？")
    assert room.quoted() == "lamp"


async def test_an_encoder_that_does_not_answer_is_not_waited_for() -> None:
    room = Room(look_up_s=0.02)
    await room.known()
    room.encoder.hold = asyncio.Event()
    done = one(await asyncio.wait_for(room.turn("coast", text=ASKED), 60), Done)
    assert isinstance(done, Done) and done.text
    assert room.quoted() == "storm"


@pytest.mark.parametrize("error", [Unavailable("engine_late"), ValueError("a bug of ours")])
async def test_one_that_fails_costs_nothing_but_the_choice(error: Exception) -> None:
    room = Room()
    await room.known()
    room.encoder.error = error
    done = one(await room.turn("coast", text=ASKED), Done)
    assert isinstance(done, Done) and done.text
    assert room.quoted() == "storm"


async def test_sources_that_are_there_in_time_are_told_though_the_meaning_is_late() -> None:
    room = Room(library=Bookcase(Found(True, (FOG,))), look_up_s=0.02)
    room.put("short", "The lamp.")
    await room.known()
    room.encoder.hold = asyncio.Event()
    cited = one(await asyncio.wait_for(room.turn("short", "coast", text=ASKED), 60), Cited)
    assert isinstance(cited, Cited) and not cited.sources.missed
    assert {c.attachment_id for c in cited.sources.citations} >= {"short", "coast"}


async def test_sources_that_are_late_take_the_meaning_from_nobody() -> None:
    room = Room()
    await room.known(turn_id="turn-1")
    attached = room.looking.read(GUEST, room.chat.id, ["coast"])
    shown = await room.looking.show(ASKED, Attached(attached.all, ("coast",)), ())
    look_ups = LookUps(Bookcase(Found(True, (FOG,)), delay_s=30))
    look_up = look_ups.start(room.chat, ASKED, (), shown)
    assert look_up is not None and look_up._choosing is not None
    await look_up._choosing
    assert await look_ups.found(room.chat, look_up, 0) is None
    late = look_ups.missed(room.chat, look_up)
    assert late.sources.missed and late.preface.count("lamp") > late.preface.count("storm")
    look_ups.end(look_up)


async def test_a_meaning_that_is_late_has_while_the_opening_sounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn_module, "BEHIND_S", 60.0)  # the machine may be busy
    mind = Mind(" on a rock.")
    mind.continues = True
    room = Room(mind, look_up_s=0.0)
    await room.known()
    room.encoder.hold = asyncio.Event()
    turn = await room.begin("coast", text=ASKED)
    events: list[Event] = []
    async for _, event in turn.events():
        events.append(event)
        if isinstance(event, Said):  # the opening is said, and what follows it waits
            assert mind.prompts == [] or room.encoder.hold.is_set()
            room.encoder.hold.set()
    assert isinstance(one(events, Done), Done)
    assert room.quoted() == "lamp" and mind.prompts[-1].opening == "In the file,"


async def test_at_a_pause_it_is_asked_once_for_the_turn_that_it_becomes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking_up, "PAUSE_S", 60.0)
    room = Room()
    await room.known()
    await room.turns.segment(GUEST, room.chat.id, "utterance-1", 0, SPEECH, pause=True)
    for task in list(room.turns._between._chores.values()):
        await task
    ahead = room.mind.prepared[-1]
    turn = await room.begin("coast", speech=SPEECH, utterance="utterance-1")
    assert isinstance(turn, Turn)
    await follow(turn)
    assert room.quoted() == "lamp"
    assert room.mind.prompts[-1].lines == ahead.lines, "to the letter, or the engine's cache would not hold it"
    assert [who for kind, _, who in room.encoder.asked if kind == "query"] == [turn.id], "who pays for it"


async def test_where_nothing_long_is_shown_nobody_is_asked() -> None:
    room = Room()
    await room.known()
    room.put("short", "The lamp stands on a rock.")
    await room.turn("short", text=ASKED)
    await room.turn(text="What is courage, then?")
    assert room.encoder.texts("query") == []


async def test_a_picture_that_comes_with_it_is_seen_still() -> None:
    room = Room()
    room.mind.sees = True
    looking = Looking(room.store, Pictures(), 600, True, room.meanings)
    room.turns = Turns(
        room.ear, room.mind, Mouth(), room.chats, room.personas, room.clock, look_up_s=30, looking=looking
    )
    await room.known()
    room.put("sign", "", kind="image", name="sign.jpg", image_id="image-1")
    await room.turn("coast", "sign", text=ASKED)
    assert room.quoted() == "lamp" and room.mind.prompts[-1].images
    assert "(the picture is before you)" in room.read
