"""The library of a turn: which shelves it asks, what it costs who has none, and what it does when the search fails."""

import asyncio
from collections.abc import Sequence

import pytest

from domain.chat import Line
from domain.errors import Unavailable
from domain.knowledge.consult import KNOWN_S, LATES, REST_S, Consult
from domain.knowledge.library import Found
from domain.knowledge.model import Citation, Passage, Shelf
from tests.domain.knowledge.fakes_search import Counts, WordSearch, all_of, as_it_is, passage
from tests.fakes import HandClock

pytestmark = pytest.mark.anyio
PUBLIC, ANNAS, ANNAS_WITH_HIM = Shelf("", "socrates"), Shelf("anna", ""), Shelf("anna", "socrates")
BOBS, OTHER = Shelf("bob", ""), Shelf("", "tutor")
LAMP = passage("The lamp stands forty metres high.", PUBLIC, "Lighthouses", "https://coast.example/l")


class Library:
    def __init__(self, search: WordSearch, *filled: Shelf) -> None:
        self.search, self.counts, self.clock = search, Counts(*filled), HandClock()
        self.consult = Consult(search, self.counts, self.clock, all_of, as_it_is)

    async def ask(self, owner: str = "anna", question: str = "How high is the lamp?") -> Found:
        return await self.consult.consult(owner, "socrates", question, ())

    async def begin(self) -> asyncio.Task[Found]:
        """Ask, and return when the search is on its way."""
        self.search.begun.clear()
        task = asyncio.create_task(self.ask())
        await self.search.begun.wait()
        return task


async def test_what_is_found_comes_back_as_citations_with_their_passage() -> None:
    found = await Library(WordSearch(LAMP), PUBLIC).ask()
    assert found == Found(
        True, (Citation(1, "Lighthouses", "example.org", LAMP.url, LAMP.text, LAMP.page_id, LAMP.heading),)
    )


async def test_only_the_shelves_of_this_owner_and_this_character_are_asked() -> None:
    everything = [passage("The lamp.", shelf) for shelf in (PUBLIC, ANNAS, ANNAS_WITH_HIM, BOBS, OTHER)]
    library = Library(WordSearch(*everything), PUBLIC, ANNAS, ANNAS_WITH_HIM, BOBS, OTHER)
    await library.ask("anna")
    await library.ask("bob")
    await library.ask("a-guest")
    shelves = [set(only.shelves) for _, only, _ in library.search.asked]
    assert shelves == [{PUBLIC, ANNAS, ANNAS_WITH_HIM}, {PUBLIC, BOBS}, {PUBLIC}]


async def test_who_has_no_pages_is_searched_for_nothing_and_counted_once_in_a_while() -> None:
    library = Library(WordSearch(LAMP))
    for _ in range(20):
        assert await library.ask() == Found()
    assert library.search.asked == []
    assert len(library.counts.asked) == 3
    library.counts.filled.add(PUBLIC)
    library.clock.seconds += KNOWN_S
    assert (await library.ask()).citations


async def test_pages_that_say_nothing_on_it_are_sources_all_the_same() -> None:
    assert await Library(WordSearch(LAMP), PUBLIC).ask(question="Who baked this bread?") == Found(True)


async def test_only_what_is_worth_quoting_is_cited() -> None:
    def best(passages: Sequence[Passage]) -> Sequence[Passage]:
        return passages[:1]

    search = WordSearch(LAMP, passage("A lamp too.", PUBLIC, url="https://coast.example/m"))
    library = Consult(search, Counts(PUBLIC), HandClock(), best, as_it_is)
    assert len((await library.consult("anna", "socrates", "The lamp?", ())).citations) == 1


async def test_a_question_that_leans_on_the_talk_is_asked_in_full_as_well() -> None:
    async def in_full(question: str, history: Sequence[Line]) -> str:
        return f"{question} {history[-1].text}"

    search = WordSearch(LAMP)
    library = Consult(search, Counts(PUBLIC), HandClock(), all_of, in_full)
    said = (Line("user", "Tell me of the lamp."),)
    assert (await library.consult("anna", "socrates", "And how high?", said)).citations
    [(question, _, also)] = search.asked
    assert (question, also) == ("And how high?", ("And how high? Tell me of the lamp.",))


async def test_only_who_has_time_asks_the_slower_rewriting() -> None:
    async def slowly(question: str, history: Sequence[Line]) -> str:
        return "lamp"

    search = WordSearch(LAMP)
    library = Consult(search, Counts(PUBLIC), HandClock(), all_of, as_it_is, slowly)
    assert (await library.consult("anna", "socrates", "What about it?", ())).citations == ()
    assert (await library.consult("anna", "socrates", "What about it?", (), patient=True)).citations
    assert [also for _, _, also in search.asked] == [(), ("lamp",)]


@pytest.mark.parametrize("error", [Unavailable("index_unavailable"), OSError("no route")])
async def test_an_index_that_is_down_is_named_and_then_left_alone_for_a_while(error: Exception) -> None:
    library = Library(WordSearch(LAMP, error=error), PUBLIC)
    for _ in range(10):
        with pytest.raises(Unavailable):
            await library.ask()
    assert len(library.search.asked) == LATES
    library.clock.seconds += REST_S
    for _ in range(10):
        with pytest.raises(Unavailable):
            await library.ask()
    assert len(library.search.asked) == LATES + 1  # the first finds out for all
    library.search.error = None
    library.clock.seconds += REST_S
    assert (await library.ask()).citations
    assert (await library.ask()).citations


async def test_while_the_index_is_down_who_has_no_pages_misses_nothing() -> None:
    library = Library(WordSearch(LAMP, error=Unavailable("index_unavailable")), ANNAS)
    for _ in range(LATES):
        with pytest.raises(Unavailable):
            await library.ask("anna")
    assert await library.ask("a-guest") == Found()


async def test_searches_that_were_given_up_because_they_were_late_count_as_failures() -> None:
    library = Library(WordSearch(LAMP, delay_s=30), PUBLIC)
    for _ in range(LATES):
        task = await library.begin()
        library.clock.seconds += 0.15
        task.cancel()
        await asyncio.wait([task])
    with pytest.raises(Unavailable):
        await library.ask()
    assert len(library.search.asked) == LATES


async def test_a_question_that_was_dropped_at_once_is_no_failure() -> None:
    library = Library(WordSearch(LAMP, delay_s=30), PUBLIC)
    for _ in range(LATES + 1):
        task = await library.begin()
        task.cancel()
        await asyncio.wait([task])
    library.search.delay_s = 0.0
    assert (await library.ask()).citations


async def test_a_store_that_is_down_is_told() -> None:
    library = Library(WordSearch(LAMP), PUBLIC)
    library.counts.down = True
    with pytest.raises(Unavailable):
        await library.ask()
