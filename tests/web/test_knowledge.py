"""The pages of knowledge: a shelf, its sources, and what can be done with them, for each kind of visitor."""

import html
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient

from domain.knowledge.model import Shelf
from domain.people import User
from tests.web import shelved
from tests.web.house import HTMX, House
from tests.web.visitors import account, session_of, signed

Client = TestClient[Any]
PUBLIC = Shelf("", "socrates")
URL = "https://site.example/"


@pytest.fixture
def client(house: House) -> Iterator[Client]:
    with house.open() as client:
        yield client


def sign_in(house: House, client: Client, user: User) -> None:
    """From here on the client asks for this person."""
    client.cookies.clear()
    who = signed(house, user, session_of(house, user), {})
    for name, value in who.cookies.items():
        client.cookies.set(name, value)
    client.headers["x-csrf-token"] = who.headers["x-csrf-token"]


@pytest.fixture
def anna(house: House, client: Client) -> User:
    """A member, who is signed in."""
    user = account(house, "member")
    sign_in(house, client, user)
    return user


def words(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def add(client: Client, url: str = URL, **fields: str) -> httpx.Response:
    return client.post("/knowledge/sources", data={"url": url, **fields}, follow_redirects=False)


def beside(answer: httpx.Response, field: str) -> str:
    """Return what is said beside a field, which must point to it."""
    found = re.search(rf'id="{field}-wrong">.*?</svg>(.*?)</p>', answer.text, re.S)
    entry = re.search(rf'<(?:input|select|textarea) id="{field}"[^>]*>', answer.text)
    assert found and entry and f"{field}-wrong" in entry[0] and 'aria-invalid="true"' in entry[0], answer.text
    return html.unescape(found[1].strip())


def test_everybody_sees_what_a_character_reads_and_guests_what_they_could_have(house: House, client: Client) -> None:
    shelved.source(house, PUBLIC, URL, "Rates of the inn")
    page = client.get("/characters/socrates/knowledge")
    assert page.status_code == 200
    assert "What Socrates reads" in page.text
    assert "Rates of the inn" in page.text
    assert "needs an account with a membership" in words(page.text)
    assert 'action="/knowledge/sources' not in page.text
    assert client.get("/characters/nobody/knowledge").status_code == 404
    assert 'href="/characters/socrates/knowledge"' in client.get("/characters/socrates").text


def test_a_user_is_told_that_it_needs_a_membership_and_is_not_let_in(house: House, client: Client) -> None:
    sign_in(house, client, account(house, "user"))
    for address in ("/knowledge", "/characters/socrates/knowledge"):
        page = client.get(address).text
        assert "Pages of your own need a membership." in words(page)
        assert 'href="/membership?plan=basic"' in page
        assert 'action="/knowledge/sources"' not in page
    refused = add(client)
    assert refused.status_code == 402
    assert "Pages of your own need a membership." in words(refused.text)
    assert add(client, character="socrates", everybody="1").status_code == 403


def test_a_shelf_with_nothing_on_it_says_what_to_do_with_an_example(client: Client, anna: User) -> None:
    page = words(client.get("/knowledge").text)
    assert "Nothing to read yet" in page
    assert page.count("For example https://plato.stanford.edu/entries/socrates/") == 1
    assert "No pages yet" in words(client.get("/characters/socrates/knowledge").text)  # nothing that she could change


def test_a_member_gives_an_address_and_it_waits_to_be_read(house: House, client: Client, anna: User) -> None:
    answer = add(client, "site.example/inn", character="socrates")
    assert (answer.status_code, answer.headers["location"]) == (303, "/characters/socrates/knowledge?done=source-added")
    [source] = house.sources.on(Shelf(anna.id, "socrates"))
    assert (source.url, source.kind, source.created_by) == ("https://site.example/inn", "page", anna.id)
    assert house.woken == 1
    page = client.get(answer.headers["location"]).text
    assert "It is on the list" in page
    assert "Waiting for its turn" in page
    assert f'hx-get="/knowledge/sources/{source.id}/progress?was=waiting&amp;wait=3" hx-trigger="every 3s"' in page
    everywhere = client.get("/knowledge").text
    assert "1 source" in words(everywhere)
    assert 'href="/characters/socrates/knowledge"' in everywhere


def test_an_admin_chooses_for_whom(house: House, client: Client) -> None:
    ada = account(house, "admin")
    sign_in(house, client, ada)
    assert 'name="everybody" value="1"' in client.get("/characters/socrates/knowledge").text
    add(client, character="socrates", everybody="1")
    add(client, "https://notes.example/", character="socrates", everybody="0")
    assert [each.url for each in house.sources.on(PUBLIC)] == [URL]
    assert [each.url for each in house.sources.on(Shelf(ada.id, "socrates"))] == ["https://notes.example/"]
    assert add(client, everybody="1").status_code == 400  # everybody with everybody: there is no such shelf


def test_two_members_never_see_each_others_shelves(house: House, client: Client, anna: User) -> None:
    add(client)
    add(client, "https://notes.example/", character="socrates")
    [mine] = house.sources.on(Shelf(anna.id, ""))
    page = shelved.page(house, mine, URL, ["A secret recipe. "])
    house.librarian.passages = [shelved.passage(page, "A secret recipe.")]
    assert "secret recipe" in client.get("/knowledge/search?q=recipe").text
    for role in ("member", "admin"):
        sign_in(house, client, account(house, role))
        for address in ("/knowledge", "/characters/socrates/knowledge", "/knowledge/search?q=recipe",
                        "/knowledge/search?q=recipe&character=socrates"):  # fmt: skip
            told = client.get(address)
            assert told.status_code == 200
            assert "secret" not in told.text, address
            assert "site.example" not in told.text, address
            assert "notes.example" not in told.text, address
        for address in (f"/knowledge/sources/{mine.id}", f"/knowledge/sources/{mine.id}/progress",
                        f"/knowledge/pages/{page.id}"):  # fmt: skip
            assert client.get(address).status_code == 404, address
        for act in ("crawl", "stop", "pause", "change", "remove", "restore"):
            assert client.post(f"/knowledge/sources/{mine.id}/{act}").status_code == 404, act
    assert house.sources.get(mine.id) == mine


@pytest.mark.parametrize(
    ("field", "text", "told"),
    [
        ("url", "", "Please fill this in."),
        ("url", "ftp://site.example", "This is not an address of the web"),
        ("url", "https://anna:secret@site.example/", "This is not an address of the web"),
        ("include", "rates", "A pattern begins with / or *"),
        ("exclude", "/a\n/b c", "A pattern begins with / or *"),
        ("depth", "9", "Give a whole number from 0 to 5."),
        ("max_pages", "0", "Give a whole number from 1 to 500."),
        ("max_pages", "many", "One of the fields sent cannot be used."),
        ("hours", "9999", "Give a whole number from 1 to 720."),
        ("kind", "book", "One of the fields sent cannot be used."),
        ("title", "a" * 81, "A title can have at most 80 characters."),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_what_was_typed_is_kept(
    house: House, client: Client, anna: User, field: str, text: str, told: str
) -> None:
    answer = client.post("/knowledge/sources", data={"url": URL, "title": "The inn", field: text})
    assert answer.status_code in (400, 413)
    assert beside(answer, field).startswith(told)
    assert field == "title" or 'value="The inn"' in answer.text
    assert (field == "url") or '<details class="knowledge__more" open>' in answer.text
    assert house.sources.on(Shelf(anna.id, "")) == []


def test_words_beside_a_field_are_in_the_readers_language(client: Client, anna: User) -> None:
    answer = client.post("/knowledge/sources", data={"url": "x:y"}, headers={"accept-language": "zh"})
    assert beside(answer, "url").startswith("这不是网络地址")


def test_an_address_that_is_on_the_list_already_is_not_there_twice(client: Client, anna: User) -> None:
    add(client)
    answer = add(client, "HTTPS://Site.example")
    assert answer.status_code == 409
    assert beside(answer, "url") == "This address is on the list already."


def test_progress_moves_and_is_asked_for_each_second_only_while_it_is_read(
    house: House, client: Client, anna: User
) -> None:
    mine = shelved.source(house, Shelf(anna.id, ""), URL)
    run = shelved.begun(house, mine.id, found=40, fetched=9, changed=5, failed=1)
    address = f"/knowledge/sources/{mine.id}/progress"
    moving = client.get(f"{address}?was=running", headers=HTMX)
    assert '<progress class="progress__bar" max="40" value="10"' in moving.text
    assert "10 of 40 · 5 new · 1 problem" in words(moving.text)
    assert f'hx-get="{address}?was=running" hx-trigger="every 1s"' in moving.text
    assert "hx-retarget" not in moving.headers
    shelved.trouble(house, run, f"{URL}no", "page_missing")
    shelved.ended(house, run, found=40, fetched=39, failed=1)
    ended = client.get(f"{address}?was=running", headers=HTMX)
    assert (ended.headers["hx-retarget"], ended.headers["hx-reswap"]) == (f"#source-{mine.id}", "outerHTML")
    assert "Up to date" in ended.text
    assert 'id="news" class="unseen" role="status" hx-swap-oob="innerHTML">Rates: Up to date' in ended.text
    assert "hx-get" not in ended.text
    assert "hx-get" not in client.get(f"{address}?was=done", headers=HTMX).text


def test_as_many_as_wait_are_asked_for_once_a_second_together(house: House, client: Client, anna: User) -> None:
    for number in range(100):
        shelved.source(house, Shelf(anna.id, ""), f"https://s{number}.example/")
    page = client.get("/knowledge").text
    assert page.count('hx-trigger="every 50s"') == 50
    again = re.search(r'hx-get="([^"]*)"', page)
    assert again
    assert 'hx-trigger="every 50s"' in client.get(html.unescape(again[1]), headers=HTMX).text
    assert client.get(html.unescape(again[1]).replace("wait=50", "wait=many")).status_code == 400


def test_a_visit_that_failed_says_why_and_offers_to_try_again(house: House, client: Client, anna: User) -> None:
    mine = shelved.source(house, Shelf(anna.id, ""), URL)
    shelved.ended(house, shelved.begun(house, mine.id), "failed", "page_late")
    page = client.get("/knowledge").text
    assert "The site took too long to answer." in page
    assert "Try again: Rates" in page
    again = client.post(f"/knowledge/sources/{mine.id}/crawl", headers=HTMX)
    assert "Waiting for its turn" in again.text
    assert house.woken == 1


def test_a_source_is_stopped_paused_and_goes_on(house: House, client: Client, anna: User) -> None:
    mine = shelved.source(house, Shelf(anna.id, ""), URL)
    shelved.begun(house, mine.id)
    assert "stopping" in client.post(f"/knowledge/sources/{mine.id}/stop", headers=HTMX).text or (
        house.sources.runs(mine.id)[0].stop
    )
    client.post(f"/knowledge/sources/{mine.id}/pause", data={"on": "1"}, headers=HTMX)
    assert house.sources.get(mine.id).enabled is False
    went_on = client.post(f"/knowledge/sources/{mine.id}/pause", data={"on": "0"}, follow_redirects=False)
    assert (went_on.status_code, went_on.headers["location"]) == (303, "/knowledge")  # without scripts
    assert house.sources.get(mine.id).enabled is True


@pytest.mark.parametrize("scripts", [True, False])
def test_what_was_removed_can_be_brought_back(house: House, client: Client, anna: User, scripts: bool) -> None:
    mine = shelved.source(house, Shelf(anna.id, ""), URL)
    address = f"/knowledge/sources/{mine.id}"
    if scripts:
        gone = client.post(f"{address}/remove", headers=HTMX)
        assert "“Rates” was removed" in gone.text
    else:
        gone = client.post(f"{address}/remove")
        assert str(gone.url).endswith(f"/knowledge?removed={mine.id}")
    assert f'action="{address}/restore"' in gone.text
    asked_meanwhile = client.get(f"{address}/progress?was=waiting", headers=HTMX)
    assert (asked_meanwhile.status_code, asked_meanwhile.headers["hx-retarget"]) == (200, f"#source-{mine.id}")
    assert "was removed" in asked_meanwhile.text
    sign_in(house, client, account(house, "admin"))
    assert client.get(f"{address}/progress", headers=HTMX).status_code == 404
    sign_in(house, client, anna)
    assert client.get(address).status_code == 404
    client.post(f"{address}/restore")
    assert [each.id for each in house.sources.on(Shelf(anna.id, ""))] == [mine.id]


@pytest.mark.parametrize(
    "which", ["nobodys", "../../account/delete%23", "..%2f..%2fsign-out%3f", "x/../../sign-out", "", "%00", "a" * 65]
)
def test_no_link_makes_a_form_that_sends_something_else(client: Client, anna: User, which: str) -> None:
    """Whoever follows it and presses Undo would send their own word of the session along."""
    page = client.get(f"/knowledge?removed={which}")
    assert page.status_code == 200
    assert "Undo" not in page.text


def test_a_source_is_changed_and_keeps_what_was_typed_when_it_cannot_be(
    house: House, client: Client, anna: User
) -> None:
    mine = shelved.source(house, Shelf(anna.id, ""), URL)
    fields = {"title": "The inn", "include": "/rates/*\r\n/rooms", "depth": "2", "max_pages": "9", "hours": "168"}
    done = client.post(f"/knowledge/sources/{mine.id}/change", data=fields)
    assert "The source is changed." in done.text
    new = house.sources.get(mine.id)
    assert (new.title, new.include, new.depth, new.max_pages) == ("The inn", ("/rates/*", "/rooms"), 2, 9)
    assert "every week" in done.text
    wrong = client.post(f"/knowledge/sources/{mine.id}/change", data={**fields, "depth": "7", "title": "The tavern"})
    assert beside(wrong, "depth") == "Give a whole number from 0 to 5."
    assert 'value="The tavern"' in wrong.text
    assert house.sources.get(mine.id) == new


def test_no_change_is_made_without_the_word_of_the_session(house: House, client: Client, anna: User) -> None:
    mine = shelved.source(house, Shelf(anna.id, ""), URL)
    del client.headers["x-csrf-token"]
    assert add(client, "https://other.example/").status_code == 403
    for act in ("crawl", "stop", "pause", "change", "remove", "restore"):
        answer = client.post(f"/knowledge/sources/{mine.id}/{act}", headers={"accept": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_bad")
        assert client.get(f"/knowledge/sources/{mine.id}/{act}").status_code in (404, 405)
    assert house.sources.get(mine.id) == mine


def test_who_asks_for_visits_too_often_is_asked_to_wait(house: House, client: Client, anna: User) -> None:
    mine = shelved.source(house, Shelf(anna.id, ""), URL)
    for _ in range(60):
        house.services.members.gate.check_now("crawl", anna.id)
    answer = client.post(f"/knowledge/sources/{mine.id}/crawl", headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (429, "slow_down")
    assert int(answer.headers["retry-after"]) > 0
