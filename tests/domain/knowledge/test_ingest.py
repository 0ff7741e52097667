"""One visit: what is new is kept and found, what is not costs as little as can be."""


import pytest

from domain.errors import BadInput, NotFound, Unavailable
from domain.knowledge.model import Shelf
from tests.domain.knowledge_house import SITE, KnowledgeHouse

pytestmark = pytest.mark.anyio
BOATS = "The ferry leaves the old harbour at seven and returns after dark, except on the day of the regatta."
BREAD = "Rye bread keeps for a week in a linen bag, and a second week when it is sliced and toasted over the fire."
URL = f"{SITE}ferry"


async def test_a_new_page_is_found_by_its_words_before_it_has_any_vector(home: KnowledgeHouse) -> None:
    source = home.source()
    home.web.say(URL, BOATS, title="Ferries")
    assert (await home.ingest.visit(source, URL)).outcome == "changed"
    assert home.find("ferry harbour") == [BOATS]
    assert home.numbers.asked == []
    page = home.page(URL)
    assert (page.rev, page.live, page.embedded, page.status) == (1, 1, 0, 200)


async def test_a_page_that_has_not_changed_is_neither_read_nor_written_again(home: KnowledgeHouse) -> None:
    source = home.source()
    home.web.say(URL, BOATS)
    await home.ingest.visit(source, URL)
    assert (await home.ingest.visit(source, URL)).outcome == "unchanged"
    assert home.web.unchanged[URL] == 1
    assert home.reader.read == 1
    assert home.page(URL).rev == 1


async def test_the_same_bytes_from_a_server_without_etags_are_not_read_again(home: KnowledgeHouse) -> None:
    source = home.source()
    home.web.say(URL, BOATS)
    await home.ingest.visit(source, URL)
    fetch = home.web.fetch

    async def forgetful(url: str, **more: object) -> object:
        return await fetch(url)

    home.web.fetch = forgetful  # type: ignore[method-assign, assignment]
    assert (await home.ingest.visit(source, URL)).outcome == "unchanged"
    assert home.reader.read == 1


async def test_other_advertisements_around_the_same_text_are_no_news(home: KnowledgeHouse) -> None:
    source = home.source()
    home.web.say(URL, BOATS, frame="soap")
    await home.ingest.visit(source, URL)
    home.web.say(URL, BOATS, frame="shoes")
    assert (await home.ingest.visit(source, URL)).outcome == "unchanged"
    assert home.reader.read == 2
    assert home.page(URL).rev == 1
    assert (await home.ingest.visit(source, URL)).outcome == "unchanged"
    assert home.web.unchanged[URL] == 1, "the new bytes are known by now"


async def test_a_page_that_says_something_else_is_found_by_its_new_words_only(home: KnowledgeHouse) -> None:
    source = home.source()
    home.web.say(URL, BOATS)
    await home.ingest.visit(source, URL)
    home.web.say(URL, BREAD)
    assert (await home.ingest.visit(source, URL)).outcome == "changed"
    assert home.find("ferry harbour") == []
    assert home.find("rye bread") == [BREAD]
    assert {point.rev for point in home.memory.points.values()} == {2}
    assert home.pages.version(home.page(URL).id, 1) is None, "what was replaced is erased"


async def test_a_page_that_says_what_another_says_is_found_once(home: KnowledgeHouse) -> None:
    source = home.source()
    home.web.say(URL, BOATS)
    home.web.say(f"{URL}?print=1", BOATS, title="Ferries, to print")
    await home.ingest.visit(source, URL)
    assert (await home.ingest.visit(source, f"{URL}?print=1")).outcome == "duplicate"
    assert home.find("ferry harbour") == [BOATS]
    assert home.page(f"{URL}?print=1").duplicate_of == home.page(URL).id
    assert home.reconciler.verify().equal


async def test_a_duplicate_is_on_its_own_again_when_the_other_page_changes(home: KnowledgeHouse) -> None:
    source = home.source()
    home.web.say(URL, BOATS)
    home.web.say(f"{URL}?print=1", BOATS)
    await home.ingest.visit(source, URL)
    await home.ingest.visit(source, f"{URL}?print=1")
    home.web.say(URL, BREAD)
    await home.ingest.visit(source, URL)
    assert home.find("ferry harbour") == []
    await home.ingest.visit(source, f"{URL}?print=1")
    assert home.find("ferry harbour") == [BOATS]
    assert home.find("rye bread") == [BREAD]


async def test_a_duplicate_that_changes_is_a_page_like_any_other(home: KnowledgeHouse) -> None:
    source = home.source()
    home.web.say(URL, BOATS)
    home.web.say(f"{URL}?print=1", BOATS)
    await home.ingest.visit(source, URL)
    await home.ingest.visit(source, f"{URL}?print=1")
    home.web.say(f"{URL}?print=1", BREAD)
    assert (await home.ingest.visit(source, f"{URL}?print=1")).outcome == "changed"
    assert home.find("rye bread") == [BREAD]


async def test_the_same_text_on_another_shelf_is_no_duplicate(home: KnowledgeHouse) -> None:
    mine = Shelf("anna", "")
    first, second = home.source(), home.source(shelf=mine, id="source-2")
    home.web.say(URL, BOATS)
    await home.ingest.visit(first, URL)
    assert (await home.ingest.visit(second, URL)).outcome == "changed"
    assert home.find("ferry", mine) == [BOATS]
    assert home.find("ferry") == [BOATS]


async def test_one_404_is_a_miss_and_a_second_the_end(home: KnowledgeHouse) -> None:
    source = home.source()
    home.web.say(URL, BOATS)
    await home.ingest.visit(source, URL)
    del home.web.pages[URL]
    assert (await home.ingest.visit(source, URL)).outcome == "missed"
    assert home.find("ferry") == [BOATS], "an editor may be at work"
    assert (await home.ingest.visit(source, URL)).outcome == "gone"
    assert home.find("ferry") == []
    assert home.memory.count() == 0
    assert home.pages.find(source.id, URL) is None


async def test_a_page_that_answers_again_has_missed_nothing(home: KnowledgeHouse) -> None:
    source = home.source()
    home.web.say(URL, BOATS)
    await home.ingest.visit(source, URL)
    body = home.web.pages.pop(URL)
    await home.ingest.visit(source, URL)
    home.web.pages[URL] = body
    await home.ingest.visit(source, URL)
    assert home.page(URL).misses == 0
    assert home.page(URL).error == ""


async def test_an_address_that_was_never_there_is_an_error_and_no_page(home: KnowledgeHouse) -> None:
    source = home.source()
    with pytest.raises(NotFound, match="page_missing"):
        await home.ingest.visit(source, URL)
    assert home.pages.count(source.id) == 0


async def test_a_page_that_only_scripts_would_fill_is_told_and_not_kept(home: KnowledgeHouse) -> None:
    source = home.source()
    home.web.say(URL, "", needs_script=True)
    with pytest.raises(BadInput, match="page_needs_script"):
        await home.ingest.visit(source, URL)
    assert home.pages.count(source.id) == 0


async def test_what_a_known_page_failed_with_stands_with_it_and_its_text_stays(home: KnowledgeHouse) -> None:
    source = home.source()
    home.web.say(URL, BOATS)
    await home.ingest.visit(source, URL)
    home.web.wrong[URL] = Unavailable("page_late")
    with pytest.raises(Unavailable, match="page_late"):
        await home.ingest.visit(source, URL)
    assert home.page(URL).error == "page_late"
    assert home.find("ferry") == [BOATS]


async def test_a_page_that_moved_within_its_source_is_known_by_its_new_address(home: KnowledgeHouse) -> None:
    source = home.source()
    home.web.say(URL, BOATS)
    await home.ingest.visit(source, URL)
    home.web.say(f"{SITE}boats", BOATS)
    home.web.moved[URL] = f"{SITE}boats"
    await home.ingest.visit(source, URL)
    assert home.find("ferry") == [BOATS], "once: the two say the same"
    await home.ingest.visit(source, URL)
    home.publisher.waiting()
    assert home.urls() == [f"{SITE}boats"]
    assert home.find("ferry") == [BOATS]


@pytest.mark.parametrize("where", [f"{SITE}back-soon", "https://login.example/"])
async def test_a_site_whose_pages_lead_to_a_notice_for_a_day_loses_none_of_them(
    home: KnowledgeHouse, where: str
) -> None:
    source = home.source()
    home.web.say(URL, BOATS)
    home.web.say(where, "We are moving our servers tonight, come back in the morning, and bring some patience along.")
    await home.ingest.visit(source, URL)
    home.web.moved[URL] = where
    await home.ingest.visit(source, URL)
    assert (home.page(URL).misses, home.find("ferry harbour")) == (1, [BOATS])
    del home.web.moved[URL]
    await home.ingest.visit(source, URL)
    assert (home.page(URL).misses, home.page(URL).error) == (0, "")
    for _ in range(2):
        home.web.moved[URL] = where
        await home.ingest.visit(source, URL)
    assert URL not in home.urls()
    assert home.find("ferry harbour") == []


async def test_a_redirect_out_of_the_source_takes_nothing_in(home: KnowledgeHouse) -> None:
    source = home.source()
    home.web.say("https://elsewhere.example/", BOATS)
    home.web.moved[URL] = "https://elsewhere.example/"
    with pytest.raises(BadInput, match="page_elsewhere"):
        await home.ingest.visit(source, URL)
    assert home.pages.count(source.id) == 0


async def test_a_single_page_may_be_wherever_its_address_leads(home: KnowledgeHouse) -> None:
    source = home.source("page", URL)
    home.web.say("https://www.site.example/ferry", BOATS)
    home.web.moved[URL] = "https://www.site.example/ferry"
    assert (await home.ingest.visit(source, URL)).outcome == "changed"
    assert home.urls() == [URL], "it is cited by the address that it was given"


async def test_with_the_index_away_a_page_is_kept_and_waits(home: KnowledgeHouse) -> None:
    source = home.source()
    home.web.say(URL, BOATS)
    home.memory.down = True
    visit = await home.ingest.visit(source, URL)
    assert (visit.outcome, visit.code) == ("changed", "index_unavailable")
    home.memory.down = False
    assert home.find("ferry") == []
    assert home.publisher.waiting() == 1
    assert home.find("ferry") == [BOATS]


async def test_a_parser_that_breaks_is_a_page_that_cannot_be_read(home: KnowledgeHouse) -> None:
    source = home.source()
    home.web.say(URL, BOATS)

    async def broken(fetched: object) -> object:
        raise RuntimeError

    home.reader.page = broken  # type: ignore[method-assign, assignment]
    with pytest.raises(BadInput, match="page_unreadable"):
        await home.ingest.visit(source, URL)
