"""Conversations are kept, named, deleted, brought back, saved and heard again."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor

pytestmark = pytest.mark.browser
Visitors = Callable[..., Visitor]


def test_a_conversation_is_renamed_deleted_and_brought_back(visitor: Visitors) -> None:
    someone = visitor()
    someone.enter()
    page = someone.page
    page.goto("/chats")
    row = page.locator("#rows > li")
    expect(row).to_have_count(1)

    row.locator("[data-rename]").click()
    row.get_by_label("New name").fill("The <sea> & I")
    row.get_by_label("New name").press("Enter")
    expect(row.locator(".row__title")).to_have_text("The <sea> & I")

    row.get_by_role("button", name="Delete").click()
    expect(row).to_contain_text("was deleted")
    row.get_by_role("button", name="Undo").click()
    expect(row.locator(".row__title")).to_have_text("The <sea> & I")
    page.reload()
    expect(row.locator(".row__title")).to_have_text("The <sea> & I")


def test_by_keyboard_each_change_of_a_row_leaves_the_focus_in_it(visitor: Visitors) -> None:
    someone = visitor()
    someone.enter()
    page = someone.page
    page.goto("/chats")
    row = page.locator("#rows > li")
    row.get_by_role("button", name="Delete").press("Enter")
    undo = row.get_by_role("button", name="Undo")
    expect(undo).to_be_focused()
    undo.press("Enter")
    expect(row.locator(".row__title")).to_be_focused()
    row.locator("[data-rename]").press("Enter")
    page.keyboard.insert_text("Another name")
    page.keyboard.press("Enter")
    expect(row.locator(".row__title")).to_have_text("Another name")
    expect(row.locator("[data-rename]")).to_be_focused()


def test_a_conversation_is_found_by_its_name_or_its_character(visitor: Visitors) -> None:
    someone = visitor()
    for character in ("socrates", "storyteller", "detective", "hermit", "tutor"):
        someone.enter(character)
    page = someone.page
    page.goto("/chats")
    expect(page.get_by_label("Search conversations")).to_have_count(0)  # so few are seen at a glance
    someone.enter("navigator", "zh")
    page.goto("/chats")
    row = page.locator("#rows > li:visible")
    search = page.get_by_label("Search conversations")
    search.fill("granny MORNING")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("Granny Elm")
    search.fill("早上")
    expect(row).to_have_count(1)
    search.fill("nobody")
    expect(row).to_have_count(0)
    expect(page.get_by_text("No conversation fits.")).to_be_visible()
    search.fill("")
    expect(row).to_have_count(6)


def test_a_conversation_is_saved_as_markdown_and_as_json(visitor: Visitors) -> None:
    someone = visitor()
    someone.enter()
    page = someone.page
    page.goto("/chats")
    saved: dict[str, str] = {}
    for kind in ("Markdown", "JSON"):
        page.locator("#rows summary").click()
        with page.expect_download() as waiting:
            page.get_by_role("link", name=f"Save as {kind}").click()
        saved[kind] = Path(waiting.value.path()).read_text("utf-8")
        page.keyboard.press("Escape")
    assert "Good morning." in saved["Markdown"]
    assert "Good morning." in json.dumps(json.loads(saved["JSON"]))


def test_a_line_of_the_transcript_is_heard_again(visitor: Visitors) -> None:
    room = visitor(measured=True).enter()
    room.open_transcript()
    line = room.page.locator("#log .line--them:not(.line--greeting)")
    line.get_by_role("button").click()
    room.wait("line-sound")
    room.until("speaking")
    room.wait_captions_move()
    room.wait("line-end")
    room.until("idle")
    room.wait_silence()
    words = len(line.locator("p").inner_text().split())
    assert sum(one["ms"] for one in room.sounds()) == pytest.approx(250 * words, abs=400)
