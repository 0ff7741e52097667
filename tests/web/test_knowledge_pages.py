"""One source, one page and a search: what is known, and why a passage is where it is."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from litestar.testing import TestClient

from domain.knowledge.model import Shelf
from domain.limits import LIMITS
from tests.web import shelved
from tests.web.house import House
from tests.web.test_knowledge import PUBLIC, URL, beside, sign_in, words
from tests.web.test_templates import Tags
from tests.web.visitors import account

Client = TestClient[Any]
EVIL = "\"><script>alert('x')</script><b onclick=1>{{ 7 * 7 }}\u202e"


def test_a_source_shows_its_pages_each_with_its_state(house: House, client: Client) -> None:
    source = shelved.source(house, PUBLIC, URL)
    live = shelved.page(house, source, f"{URL}a", ["Live. "], "The live one", simhash=1)
    shelved.page(house, source, f"{URL}b", ["No vectors. "], "Without vectors", embedded=False, simhash=1 << 20)
    shelved.page(house, source, f"{URL}c", ["Not live. "], live=False, simhash=1 << 40)
    twin = shelved.page(house, source, f"{URL}d", ["Live! "], live=False)
    house.pages.duplicate(twin.id, live.id)
    text = words(client.get(f"/knowledge/sources/{source.id}").text)
    assert re.search(r"The live one \S+ live ", text)
    assert re.search(r"Without vectors \S+ live, by its words so far", text)
    assert "waiting to be indexed" in text
    assert "same as another" in text


def test_one_page_is_not_asked_how_far_it_goes(house: House, client: Client) -> None:
    anna = account(house, "member")
    sign_in(house, client, anna)
    kinds = {"page": 1, "site": 1}
    for kind, most in kinds.items():
        source = shelved.source(house, Shelf(anna.id, ""), f"{URL}{kind}", kind=kind, max_pages=most, depth=0)
        page = client.get(f"/knowledge/sources/{source.id}")
        assert ('name="max_pages"' in page.text) is (kind == "site")
        assert ("at most 1 page " in words(page.text)) is (kind == "site")
        data = {"title": "Another", "hours": "6", **({"max_pages": "2"} if kind == "site" else {})}
        client.post(f"/knowledge/sources/{source.id}/change", data=data)
        changed = house.sources.get(source.id)
        assert (changed.title, changed.max_pages) == ("Another", 1 if kind == "page" else 2)
        well_formed(page.text)


def test_what_could_not_be_read_is_told_in_words(house: House, client: Client) -> None:
    source = shelved.source(house, PUBLIC, URL)
    run = shelved.begun(house, source.id)
    shelved.trouble(house, run, f"{URL}no", "page_missing")
    shelved.trouble(house, run, f"{URL}private", "page_robots")
    shelved.ended(house, run, failed=2)
    text = words(client.get(f"/knowledge/sources/{source.id}").text)
    assert f"{URL}no The site has no page at this address." in text
    assert f"{URL}private The site asks programs not to read this page" in text


def test_many_pages_come_fifty_at_a_time(house: House, client: Client) -> None:
    source = shelved.source(house, PUBLIC, URL)
    for number in range(51):
        shelved.page(house, source, f"{URL}{number:03}", ["Text. "], f"Page {number:03}", live=False)
    first = client.get(f"/knowledge/sources/{source.id}").text
    assert f"{URL}049" in first
    assert f"{URL}050" not in first
    more = re.search(r'href="([^"]*\?after=[^"]*)"', first)
    assert more
    second = client.get(more[1]).text
    assert f"{URL}050" in second
    assert f"{URL}049" not in second


def test_a_page_shows_what_was_extracted_with_its_passages_marked(house: House, client: Client) -> None:
    source = shelved.source(house, PUBLIC, URL)
    page = shelved.page(house, source, URL, ["Rooms are ten. Dogs are free. ", "Breakfast is at eight. "])
    told = client.get(f"/knowledge/pages/{page.id}").text
    shown = told.partition('class="extract"')[2].partition("</div>")[0]
    assert re.findall(r"extract__begin\">(\d)<", shown) == ["1", "2"]
    assert "<mark>Dogs are free. </mark>" in shown  # the sentence that both passages have
    assert "Rooms and rates" in told
    assert "2026-05-04" in told
    assert "2 passages" in words(told)


def well_formed(page: str) -> None:
    """Elements close in order, no attribute is said twice, no id either."""
    ids = [value for _, name, value in Tags(page).attributes if name == "id"]
    assert len(ids) == len(set(ids)), [one for one in ids if ids.count(one) > 1]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_is_well_formed_in_every_state(house: House, client: Client, language: str) -> None:
    ada = account(house, "admin")
    sign_in(house, client, ada)
    client.headers["accept-language"] = language
    named = ["running", "done", "failed", "waiting", "paused"]
    every = {each: shelved.source(house, PUBLIC, f"{URL}{each}", each) for each in named}
    shelved.begun(house, every["running"].id)
    shelved.ended(house, shelved.begun(house, every["done"].id), failed=1)
    shelved.ended(house, shelved.begun(house, every["failed"].id), "failed", "page_late")
    page = shelved.page(house, every["done"], URL, ["One. Two. ", "Three. "])
    house.librarian.passages = [shelved.passage(page), shelved.passage(page, published=None, heading="", lexical=0.0)]
    client.post(f"/knowledge/sources/{every['paused'].id}/pause", data={"on": "1"})
    for address in ("/knowledge", "/characters/socrates/knowledge", "/characters/tutor/knowledge", "/knowledge/search",
                    "/knowledge/search?character=socrates&q=a", f"/knowledge/pages/{page.id}", "/account",
                    *(f"/knowledge/sources/{each.id}" for each in every.values()),
                    *(f"/knowledge/sources/{each.id}/progress?was=done" for each in every.values())):  # fmt: skip
        answer = client.get(address)
        assert answer.status_code == 200, address
        well_formed(answer.text)
    well_formed(client.post("/knowledge/sources", data={"url": "x:y", "depth": "x"}).text)
    well_formed(client.post(f"/knowledge/sources/{every['done'].id}/change", data={"depth": "9"}).text)


def test_hostile_text_of_a_page_is_text(house: House, client: Client) -> None:
    source = shelved.source(house, PUBLIC, URL, title="Rates <script>alert(1)</script>")
    page = shelved.page(house, source, URL, [EVIL + " It says so. ", "More. "], title=EVIL)
    run = shelved.begun(house, source.id)
    shelved.trouble(house, run, f"{URL}?q=<script>alert(2)</script>", "no_such_code")
    shelved.ended(house, run, "failed", "no_such_code")
    house.librarian.passages = [shelved.passage(page, EVIL, title=EVIL, site=EVIL, heading=EVIL, language='x" y="')]
    for address in (f"/knowledge/pages/{page.id}", f"/knowledge/sources/{source.id}", "/characters/socrates/knowledge",
                    "/knowledge/search?character=socrates&q=<script>alert(3)</script>"):  # fmt: skip
        answer = client.get(address)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text, address
        assert "<b onclick" not in answer.text, address
        assert ' y="' not in answer.text, address
        well_formed(answer.text)
    assert "{{ 7 * 7 }}" in client.get(f"/knowledge/pages/{page.id}").text


def test_a_search_says_when_meaning_could_not_be_compared(house: House, client: Client) -> None:
    page = shelved.page(house, shelved.source(house, PUBLIC, URL), URL, ["A room costs ten. "])
    asked = "/knowledge/search?character=socrates&q=rooms"
    for passages in ([shelved.passage(page, dense=0.0)], []):
        house.librarian.passages, house.librarian.deaf = passages, False
        assert "went by words alone" not in client.get(asked).text
        house.librarian.deaf = True
        assert "went by words alone" in client.get(asked).text
        assert "went by words alone" not in client.get(f"{asked}&mode=lexical").text  # which is what was asked for
    well_formed(client.get(asked).text)


def test_a_long_shelf_is_shown_in_parts(house: House, client: Client) -> None:
    anna = account(house, "member")
    sign_in(house, client, anna)
    for shelf in (PUBLIC, Shelf(anna.id, "socrates")):
        for number in range(61):
            shelved.source(house, shelf, f"{URL}{number}", f"Book {number} {shelf.owner and 'of mine'}.")
    path = "/characters/socrates/knowledge"
    first = client.get(path)
    assert first.text.count('class="source source--') == 100
    assert "Book 49 of mine." in first.text and "Book 50 of mine." not in first.text
    well_formed(first.text)
    assert re.findall(r'href="([^"]*)"[^>]*>More<', first.text) == [
        f"{path}?everybody=50#shelf-1", f"{path}?mine=50#shelf-2",
    ]  # fmt: skip
    rest = client.get(f"{path}?mine=50")
    assert rest.text.count('class="source source--') == 50 + 11
    assert "Book 60 of mine." in rest.text and "Book 49 of mine." not in rest.text
    assert f'href="{path}#shelf-2">From the start<' in rest.text
    beyond = client.get(f"{path}?mine=900&everybody=900")
    assert beyond.text.count("There are no more.") == 2
    well_formed(beyond.text)
    assert client.get(f"{path}?mine=x").status_code == 400
    assert client.get(f"{path}?mine=-5").text.count('class="source source--') == 100


def test_who_adds_to_a_long_shelf_comes_to_where_it_stands(house: House, client: Client) -> None:
    anna = account(house, "member")
    sign_in(house, client, anna)
    for number in range(50):
        shelved.source(house, Shelf(anna.id, ""), f"{URL}{number}", max_pages=1)
    data = {"url": f"{URL}more", "title": "The newest"}
    answer = client.post("/knowledge/sources", data=data, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == "/knowledge?mine=50&done=source-added"
    page = client.get(answer.headers["location"])
    assert "The newest" in page.text and page.text.count('class="source source--') == 1


def test_a_search_says_for_each_passage_why_it_is_there(house: House, client: Client) -> None:
    page = shelved.page(house, shelved.source(house, PUBLIC, URL), URL, ["A room costs ten. "])
    house.librarian.passages = [
        shelved.passage(page),
        shelved.passage(page, score=0.4, lexical=0.0, coverage=0.0, worth=False),
        shelved.passage(page, score=0.2, dense=0.0, coverage=0.25, worth=False),
    ]
    answer = client.get("/knowledge/search?character=socrates&q=What+does+a+room+cost")
    first, second, third = answer.text.split('<li class="place">')[1:]
    assert "would be quoted" in first
    assert "would be quoted" not in second + third
    assert "Score 0.83 Words 7.2 Meaning 0.61 Coverage 75%" in words(first)
    assert re.findall(r'class="why__part" width="(\d+)"', first) == ["830", "1000", "610", "750"]
    assert "both fit: 75% of the words asked for are in it." in words(first)
    assert "Words – Meaning 0.61 Coverage 0%" in words(second)
    assert "None of the words is in it; its meaning is near." in words(second)
    assert "its meaning was not compared" in words(third)
    assert house.librarian.asked[-1][1].shelves == (PUBLIC,)


def test_a_search_leaves_out_what_scored_nothing_unless_a_reply_would_quote_it(house: House, client: Client) -> None:
    page = shelved.page(house, shelved.source(house, PUBLIC, URL), URL, ["A room costs ten. "])
    nothing = shelved.passage(page, "About the lifeboat.", score=0.004, lexical=0.0, coverage=0.0, worth=False)
    quoted = shelved.passage(page, "What dinner costs.", score=0.0, lexical=0.0, coverage=0.0)
    house.librarian.passages = [shelved.passage(page), quoted, nothing]
    text = client.get("/knowledge/search?character=socrates&q=costs").text
    assert "2 passages" in text and "What dinner costs." in text
    assert "About the lifeboat." not in text
    house.librarian.passages = [nothing]
    assert "Nothing was found." in client.get("/knowledge/search?character=socrates&q=costs").text


def test_a_search_is_narrowed_and_ranked_as_it_was_asked(house: House, client: Client) -> None:
    query = "character=socrates&q=rates&mode=lexical&site=Site.Example&language=zh&since=2026-05-04"
    answer = client.get(f"/knowledge/search?{query}")
    asked, only, mode = house.librarian.asked[-1]
    assert (asked, mode, only.site, only.language) == ("rates", "lexical", "site.example", "zh")
    assert only.since == datetime(2026, 5, 4, tzinfo=UTC)
    assert "Nothing was found. A character would say that it does not know." in words(answer.text)
    assert 'value="lexical" checked' in answer.text


def test_a_search_without_words_asks_nothing(house: House, client: Client) -> None:
    for query in ("", "?q=", "?q=+&character=socrates"):
        assert client.get(f"/knowledge/search{query}").status_code == 200
    assert house.librarian.asked == []


@pytest.mark.parametrize(
    ("field", "text"),
    [("since", "yesterday"), ("since", "0000-00-00"), ("language", "klingon"), ("site", "a\0b"), ("q", "a\0b"),
     ("q", "a" * 1_001)],
)  # fmt: skip
def test_a_search_that_cannot_be_made_says_so_beside_the_field(
    house: House, client: Client, field: str, text: str
) -> None:
    answer = client.get("/knowledge/search", params={"q": "rates", "character": "socrates", field: text})
    assert answer.status_code in (400, 413)
    assert beside(answer, field)
    assert house.librarian.asked == []


def test_who_searches_too_often_is_asked_to_wait(house: House, client: Client) -> None:
    user = account(house)
    sign_in(house, client, user)
    for _ in range(LIMITS["search_user"].most - 1):
        house.services.members.gate.check_now("search_user", user.id)
    assert client.get("/knowledge/search?character=socrates&q=rates").status_code == 200
    refused = client.get("/knowledge/search?character=socrates&q=rates")
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0


def test_pages_of_knowledge_are_kept_by_nobody(house: House, client: Client) -> None:
    source = shelved.source(house, PUBLIC, URL)
    page = shelved.page(house, source, URL, ["Text. "])
    for address in ("/knowledge", "/characters/socrates/knowledge", f"/knowledge/sources/{source.id}",
                    f"/knowledge/pages/{page.id}", "/knowledge/search"):  # fmt: skip
        assert client.get(address).headers["cache-control"] == "no-store", address


def test_a_shelf_of_a_character_that_has_gone_is_gone(house: House, client: Client) -> None:
    source = shelved.source(house, Shelf("", "nobody"), URL)
    page = shelved.page(house, source, URL, ["Text. "])
    assert client.get(f"/knowledge/sources/{source.id}").status_code == 404
    assert client.get(f"/knowledge/pages/{page.id}").status_code == 404
