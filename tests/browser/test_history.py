"""Conversations are kept, named, put away, brought back, saved and heard again."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor

pytestmark = pytest.mark.browser
Visitors = Callable[..., Visitor]


def test_a_conversation_is_renamed_put_away_and_brought_back(visitor: Visitors) -> None:
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

    row.get_by_role("button", name="away").click()
    expect(row).to_contain_text("was put away")
    row.get_by_role("button", name="Undo").click()
    expect(row.locator(".row__title")).to_have_text("The <sea> & I")
    page.reload()
    expect(row.locator(".row__title")).to_have_text("The <sea> & I")


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
