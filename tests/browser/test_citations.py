"""The sources of a reply in a real browser: under the captions, under the line, by touch and by keyboard."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.bench.server import Server, serving
from tests.browser.conftest import Visitor
from tests.browser.room import Room
from tests.browser.test_accessibility import DESKTOP, PHONE, faults

pytestmark = pytest.mark.browser
Visitors = Callable[..., Visitor]
# The whole of the open passage is within the window
INSIDE = """() => {
  const box = document.querySelector('.passage:popover-open').getBoundingClientRect();
  return box.left >= 0 && box.right <= innerWidth && box.top >= 0 && box.bottom <= innerHeight;
}"""


@pytest.fixture(scope="module")
def citing() -> Iterator[Server]:
    with serving(module="tests.browser.citing", ENGINES="scripted") as running:
        yield running


@pytest.fixture
def room(visitor: Visitors, citing: Server) -> Room:
    return visitor(url=citing.url).enter()


def ask(room: Room, question: str) -> None:
    room.write(question)
    room.wait("turn-end")


def test_the_sources_of_a_reply_stand_under_it_and_are_still_there_after_a_reload(room: Room) -> None:
    page = room.page
    room.write("Tell me of lighthouses")
    chips = page.locator("#sources .source")
    expect(chips).to_have_count(3)
    expect(chips.first).to_contain_text("The lighthouses of the north coast")
    expect(chips.first).to_contain_text("coast.example")
    room.wait("turn-end")
    expect(page.locator("#log .source")).to_have_count(3)
    page.reload()
    again = Room(page)
    expect(page.locator("#sources .source")).to_have_count(0)
    expect(page.locator("#log .source")).to_have_count(3)
    again.open_transcript()
    page.locator("#log .source").first.click()
    expect(page.locator("#log .passage:popover-open")).to_contain_text("forty metres above the sea")


def test_a_source_opens_by_keyboard_is_read_as_a_dialog_and_closes_again(room: Room) -> None:
    ask(room, "How high is the lamp?")
    page = room.page
    chip = page.get_by_role("button", name="The lighthouses of the north coast coast.example").first
    chip.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="The lighthouses of the north coast")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("whale oil")
    page.keyboard.press("Tab")
    expect(dialog.get_by_role("button", name="Close the source")).to_be_focused()
    page.keyboard.press("Tab")
    link = dialog.get_by_role("link", name="Read on at www.coast.example")
    expect(link).to_be_focused()
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(chip).to_be_focused()


def test_an_address_that_is_none_is_no_link(room: Room) -> None:
    ask(room, "Tell me of lighthouses")
    assert room.page.locator("a[href^='javascript']").count() == 0
    assert room.page.locator("#sources .passage__link").count() == 2


def test_the_next_question_clears_the_stage_but_not_the_transcript(room: Room) -> None:
    ask(room, "How high is the lamp?")
    ask(room, "And who bakes the bread?")
    expect(room.page.locator("#sources > *")).to_have_count(0)
    expect(room.page.locator("#log .source")).to_have_count(1)


def test_a_reply_without_its_sources_says_so(room: Room) -> None:
    ask(room, "Was there a storm?")
    expect(room.page.locator("#sources")).to_contain_text("Answered without sources")
    expect(room.page.locator("#log .sources__missed")).to_have_count(1)


def test_the_words_of_a_passage_are_no_part_of_the_line_that_is_spoken(room: Room) -> None:
    ask(room, "How high is the lamp?")
    assert all("whale oil" not in line for line in room.log())
    assert "whale oil" not in (room.page.locator("#captions").text_content() or "")


def _fits(page: Page) -> bool:
    fits: bool = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    return fits


@pytest.mark.parametrize("language", ["en", "zh"])
def test_chips_and_passages_are_accessible_and_fit_on_a_phone_and_a_desk(
    visitor: Visitors, citing: Server, language: str
) -> None:
    locale = "zh-CN" if language == "zh" else "en-GB"
    room = visitor(url=citing.url, locale=locale).enter(language=language)
    ask(room, "给我讲讲灯塔" if language == "zh" else "Tell me of lighthouses")
    page = room.page
    room.open_transcript()
    for opened in (False, True):
        if opened:
            page.locator("#log .source").nth(1).click()
        assert list(faults(page)) == []
        for size in (DESKTOP, PHONE):
            page.set_viewport_size(size)
            assert _fits(page)
            if opened:
                page.wait_for_function(INSIDE)  # once it has come up
