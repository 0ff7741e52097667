"""What the parts of long attachments mean: made beside everything else, held for a while, lost without harm."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from domain.errors import Unavailable
from domain.filing import meanings as module
from domain.filing.meanings import Meanings
from domain.filing.model import Attachment
from domain.filing.passages import Part, parts_of
from domain.ports import Vector
from domain.usage import TURN
from tests.fakes_meanings import Thesaurus

pytestmark = pytest.mark.anyio
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
ABOUT = ("The storm came from the west. ", "A loaf of bread costs two coins. ", "The lamp stands on a rock. ")
LONG = "\n\n".join(about * 12 for about in ABOUT)


def attached(id_: str = "a", text: str = LONG) -> Attachment:
    return Attachment(
        id=id_, owner="anna", chat_id="c", kind="pdf", name="a.pdf", text=text, created_at=NOON, moved_at=NOON
    )


def parts(one: Attachment) -> dict[str, tuple[Part, ...]]:
    return {one.id: parts_of(one.id, one.name, one.text, 600)}


class Desk:
    def __init__(self) -> None:
        self.encoder = Thesaurus()
        self.meanings = Meanings(self.encoder, 600, 2)

    async def nearest(self, question: str, one: Attachment) -> str:
        """Return the text of the part nearest to it, "" where nothing is known."""
        vector = await self.meanings.asked(question)
        found = self.meanings.near(vector, parts(one)) if vector is not None else {}
        cosines = found.get(one.id, [])
        return parts(one)[one.id][cosines.index(max(cosines))].text if cosines else ""


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AWAY_S", 0.0)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    yield desk
    await desk.meanings.close()


async def test_once_made_they_tell_which_part_a_question_in_another_language_is_near_to(desk: Desk) -> None:
    one = attached()
    desk.meanings.make(one)
    assert not desk.meanings.has(["a"]), "it returned at once"
    await desk.meanings.idle()
    assert desk.meanings.has(["a", "b"]) and not desk.meanings.has(["b"])
    assert "lamp" in await desk.nearest("灯在哪里？", one)
    assert "bread" in await desk.nearest("面包多少钱？", one)
    asked = [texts for kind, texts, _ in desk.encoder.asked if kind == "passage"]
    assert {len(texts) for texts in asked} <= {1, 2} and sum(map(len, asked)) == len(parts(one)["a"])


async def test_nobody_makes_them_twice_nor_for_a_text_that_is_shown_whole(desk: Desk) -> None:
    for _ in range(3):
        desk.meanings.make(attached())
    await desk.meanings.idle()
    made = len(desk.encoder.asked)
    desk.meanings.make(attached())
    desk.meanings.make(attached("short", "The lamp."))
    await desk.meanings.idle()
    assert len(desk.encoder.asked) == made
    assert len(desk.encoder.texts("passage")) == len(parts(attached())["a"])


async def test_a_list_of_very_many_parts_goes_by_its_words(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PARTS", 2)
    desk.meanings.make(attached())
    await desk.meanings.idle()
    assert desk.encoder.asked == [] and not desk.meanings.has(["a"])


@pytest.mark.parametrize("error", [Unavailable("embed_failed"), ValueError("a bug of ours")])
async def test_what_failed_is_made_when_it_is_asked_for_again(desk: Desk, error: Exception) -> None:
    desk.encoder.error = error
    desk.meanings.make(attached())
    await desk.meanings.idle()
    assert not desk.meanings.has(["a"])
    desk.encoder.error = None
    desk.meanings.make(attached())
    await desk.meanings.idle()
    assert desk.meanings.has(["a"])


async def test_of_an_encoder_that_is_late_once_what_was_made_before_is_kept(desk: Desk) -> None:
    answers = desk.encoder.embed

    async def embed(texts: list[str], kind: str) -> list[Vector]:
        if len(desk.encoder.asked) == 1 and not late:
            late.append(texts)
            raise Unavailable("engine_late")
        return await answers(texts, kind)  # type: ignore[arg-type]

    late: list[list[str]] = []
    desk.encoder.embed = embed  # type: ignore[method-assign,assignment]
    desk.meanings.make(attached())
    await desk.meanings.idle()
    assert desk.meanings.has(["a"]) and late
    assert desk.encoder.texts("passage") == [part.meant for part in parts(attached())["a"]], "each of them once"


async def test_a_question_without_a_vector_is_no_error(desk: Desk) -> None:
    desk.encoder.error = Unavailable("engine_late")
    assert await desk.meanings.asked("Where is the lamp?") is None


async def test_what_is_gone_is_forgotten_made_or_not(desk: Desk) -> None:
    desk.meanings.make(attached())
    await desk.meanings.idle()
    desk.encoder.hold = asyncio.Event()
    desk.encoder.came.clear()
    desk.meanings.make(attached("b"))
    await desk.encoder.came.wait()
    desk.meanings.forget(["a", "b", "never-there"])
    desk.encoder.hold.set()
    await desk.meanings.idle()
    assert not desk.meanings.has(["a", "b"])
    assert await desk.nearest("灯在哪里？", attached()) == ""


async def test_so_many_are_held_those_that_are_asked_for_the_longest(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KNOWN", 2)
    for id_ in ("a", "b"):
        desk.meanings.make(attached(id_))
        await desk.meanings.idle()
    assert desk.meanings.has(["a"])
    desk.meanings.make(attached("c"))
    await desk.meanings.idle()
    assert [id_ for id_ in "abc" if desk.meanings.has([id_])] == ["a", "c"]


async def test_what_nobody_asks_about_for_a_day_is_forgotten(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(module, "_now", lambda: now)
    for id_ in "ab":
        desk.meanings.make(attached(id_))
        await desk.meanings.idle()
    now = module.KEEP_S
    assert desk.meanings.has(["a"])
    now += 1
    desk.meanings.tidy()
    assert [id_ for id_ in "ab" if desk.meanings.has([id_])] == ["a"]


async def test_vectors_of_another_text_or_encoder_tell_nothing(desk: Desk) -> None:
    desk.meanings.make(attached())
    await desk.meanings.idle()
    assert desk.meanings.near([1.0, 0.0], parts(attached())) == {}
    vector = await desk.meanings.asked("Where is the lamp?")
    assert vector is not None
    assert desk.meanings.near(vector, {"a": parts(attached())["a"][:1]}) == {}


async def test_they_wait_until_nobody_is_being_answered_and_are_no_turns() -> None:
    encoder, free = Thesaurus(), asyncio.Event()
    waits = asyncio.Event()

    async def idle() -> None:
        waits.set()
        await free.wait()

    meanings = Meanings(encoder, 600, 2, idle=idle)
    before = TURN.set("a-turn")
    meanings.make(attached())
    TURN.reset(before)
    await waits.wait()
    assert encoder.asked == []
    free.set()
    await meanings.idle()
    assert {turn for _, _, turn in encoder.asked} == {""}
    await meanings.close()


async def test_somebody_who_is_always_answered_holds_them_up_for_a_while_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.filing.transcribing.PATIENCE_S", 0.0)
    meanings = Meanings(Thesaurus(), 600, idle=asyncio.Event().wait)  # type: ignore[arg-type]
    meanings.make(attached())
    await meanings.idle()
    assert meanings.has(["a"])


async def test_who_closes_waits_for_nothing(desk: Desk) -> None:
    desk.encoder.hold = asyncio.Event()
    for id_ in "abc":
        desk.meanings.make(attached(id_))
    await desk.encoder.came.wait()
    await desk.meanings.close()
    assert not desk.meanings.has(list("abc"))
