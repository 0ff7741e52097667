"""From a page that is crawled to an answer with its source: everything of ours but the web and the models is real."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.chat import Sourced
from domain.events import Cited, Event
from domain.knowledge.consult import KNOWN_S, Consult
from domain.knowledge.model import Shelf
from domain.knowledge.search import Search
from tests.domain.knowledge_house import MODEL, SITE, KnowledgeHouse, house
from tests.domain.test_turn import follow
from tests.domain.test_turn_sources import Study
from tests.fakes import GUEST, HandClock

pytestmark = pytest.mark.anyio
LAMP = "The lamp of the lighthouse stands forty metres above the sea, and turns once in nine seconds."
BREAD = "The baker of the village bakes rye bread on Fridays, and sells it from the back of a cart."


@pytest.fixture
def known(tmp_path: Path) -> Iterator[KnowledgeHouse]:
    known = house(tmp_path)
    known.web.say(SITE, LAMP, title="Lighthouses", links=["/bread"])
    known.web.say(SITE + "bread", BREAD, title="Bread")
    yield known
    known.close()


class Talk:
    def __init__(self, known: KnowledgeHouse) -> None:
        self.clock = HandClock()
        self.study = Study(Consult(Search(known.numbers, known.index, known.pages, MODEL), known.pages, self.clock))
        self.turns = 0

    async def ask(self, question: str) -> list[Event]:
        self.turns += 1
        self.clock.seconds += KNOWN_S
        return await follow(await self.study.begin(f"key-{self.turns:08}", text=question))


def cited(events: list[Event]) -> list[str]:
    return [one.title for event in events if isinstance(event, Cited) for one in event.sources.citations]


async def test_a_character_answers_from_a_page_as_soon_as_its_words_are_indexed(known: KnowledgeHouse) -> None:
    talk = Talk(known)
    assert cited(await talk.ask("How many metres above the sea stands the lamp?")) == []
    assert talk.study.kept() == Sourced()
    await known.crawl(known.source())
    assert cited(await talk.ask("How many metres above the sea stands the lamp?")) == ["Lighthouses"]
    assert LAMP in talk.study.asked()[-1].lines[-1].text
    await known.embed_all()
    assert cited(await talk.ask("Who bakes rye bread on Fridays in the village?")) == ["Bread"]


async def test_a_page_that_is_gone_is_cited_no_more_but_stays_where_it_was_cited(known: KnowledgeHouse) -> None:
    talk = Talk(known)
    source = known.source()
    await known.crawl(source)
    await talk.ask("How many metres above the sea stands the lamp?")
    known.sources.remove(source.id, known.clock.now())
    assert cited(await talk.ask("How many metres above the sea stands the lamp?")) == []
    kept = talk.study.chats.messages(GUEST, talk.study.chat.id)
    assert [len(message.sources.citations) for message in kept] == [0, 1, 0, 0]


async def test_what_the_pages_do_not_say_is_not_made_up_from_them(known: KnowledgeHouse) -> None:
    talk = Talk(known)
    await known.crawl(known.source())
    assert cited(await talk.ask("Which emperor founded the university of Naples?")) == []
    assert "answer only that you do not know" in talk.study.asked()[-1].lines[-1].text


async def test_the_shelf_of_another_user_is_not_there(known: KnowledgeHouse) -> None:
    talk = Talk(known)
    await known.crawl(known.source(shelf=Shelf("bob", "")))
    assert cited(await talk.ask("How many metres above the sea stands the lamp?")) == []
    assert talk.study.asked()[-1].lines[-1].text == "How many metres above the sea stands the lamp?"
    await known.crawl(known.source(id="source-2", shelf=Shelf(GUEST, "")))
    assert cited(await talk.ask("How many metres above the sea stands the lamp?")) == ["Lighthouses"]
