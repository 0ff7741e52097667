"""Somebody signed in, in a browser: forms, htmx and the voice modules all bring the word along."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from db.connect import connect
from db.outbox import SqlOutbox
from tests.bench.server import Server, serving
from tests.browser.conftest import Visitor
from tests.browser.room import Room

pytestmark = pytest.mark.browser
Visitors = Callable[..., Visitor]
PASSWORD = "a tin whistle at noon"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[Server, Path]]:
    with serving(tmp_path / "data", ENGINES="scripted", ARGON2="64,1,1") as running:
        yield running, tmp_path / "data"


@pytest.fixture
def slow_house(tmp_path: Path) -> Iterator[tuple[Server, Path]]:
    """Where a reply streams until the test is over."""
    with serving(tmp_path / "data", module="tests.slow", WORD_S="2", ENGINES="scripted", ARGON2="64,1,1") as running:
        yield running, tmp_path / "data"


def sign_up(someone: Visitor, url: str, data: Path) -> None:
    ask = someone.context.request
    wish = {"username": "anna", "email": "anna@parley.example", "password": PASSWORD}
    assert ask.post("/api/auth/register", data=wish).status == 202
    [mail] = SqlOutbox(connect(f"sqlite:///{data / 'core.db'}")).newest(1)
    token = re.findall(r"https?://\S+/([A-Za-z0-9_.-]+)", mail.body)[0]
    pair = ask.post("/api/auth/confirm", data={"token": token, "password": PASSWORD}).json()
    someone.context.add_cookies(
        [
            {"name": name, "value": pair[kind], "url": url, "httpOnly": True, "sameSite": "Lax"}
            for name, kind in (("at", "access"), ("rt", "refresh"))
        ]
    )


def test_a_person_talks_and_tidies_up_signed_in(visitor: Visitors, house: tuple[Server, Path]) -> None:
    server, data = house
    someone = visitor(url=server.url)
    sign_up(someone, server.url, data)
    page = someone.page
    refused: list[str] = []
    page.on("response", lambda answer: refused.append(answer.url) if answer.status == 403 else None)
    page.goto("/characters/socrates")  # a page that caches keep: the word comes from /me
    page.locator("form.talk button").first.click()
    page.wait_for_url("**/chats/*")
    with page.expect_response(re.compile(r"/turns$")) as answered:
        Room(page).write("Who are you?")
    assert answered.value.status == 200
    row = page.locator("#rows > li")
    for _ in range(40):  # until the turn is kept, behind the stream
        page.goto("/chats")
        if row.count():
            break
        page.wait_for_timeout(250)
    row.get_by_role("button", name="Delete").click()
    expect(row).to_contain_text("was deleted")
    assert refused == []
    assert [cookie["name"] for cookie in someone.context.cookies() if "guest" in cookie["name"]] == []


def test_a_reply_is_silent_and_the_page_says_why_when_its_sign_in_ends_elsewhere(
    visitor: Visitors, slow_house: tuple[Server, Path]
) -> None:
    server, data = slow_house
    someone = visitor(url=server.url)
    sign_up(someone, server.url, data)
    page, ask = someone.page, someone.context.request
    there = ask.post("/api/auth/sign-in", data={"login": "anna", "password": PASSWORD}).json()["access"]
    page.goto("/characters/socrates")
    page.locator("form.talk button").first.click()
    page.wait_for_url("**/chats/*")
    with page.expect_response(re.compile(r"/turns$")):
        Room(page).write("Who are you?")
    ended = ask.post("/api/auth/sessions/end-others", headers={"authorization": f"Bearer {there}"}, data={})
    assert ended.json() == {"ended": 1}
    expect(page.locator("#notice")).to_be_visible()
    expect(page.locator("#notice-text")).to_have_text("You have been signed out. Please sign in again to go on.")
    expect(page.locator("#notice-retry")).to_be_hidden()
