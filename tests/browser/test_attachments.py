"""What is thrown into the room, in a real browser: picked, dropped, pasted; read, sent, cited, opened."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.bench.server import Server, serving
from tests.browser.conftest import Visitor
from tests.browser.room import PATIENCE_MS, Room
from tests.browser.test_accessibility import DESKTOP, PHONE, faults
from tests.infra.readers.honest import docx, paragraph

pytestmark = pytest.mark.browser
Visitors = Callable[..., Visitor]
LAMP = "The lamp of the old lighthouse stands forty metres above the sea."
NOTES = {"name": "lighthouse notes.docx", "mimeType": "application/octet-stream", "buffer": docx(paragraph(LAMP))}
BROKEN = {"name": "broken.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 and nothing else"}
# Brings a file, or a link, to an element as if somebody had dropped or pasted it there
BRING = """([kind, selector, name, text, link]) => {
  const data = new DataTransfer();
  if (name) data.items.add(new File([text], name, { type: 'text/plain' }));
  if (link) data.setData('text/plain', link);
  if (link && kind === 'drop') data.setData('text/uri-list', link);
  const target = document.querySelector(selector);
  const how = { bubbles: true, cancelable: true };
  if (kind === 'paste') return target.dispatchEvent(new ClipboardEvent('paste', { ...how, clipboardData: data }));
  for (const type of kind === 'drop' ? ['dragenter', 'dragover', 'drop'] : [kind])
    target.dispatchEvent(new DragEvent(type, { ...how, dataTransfer: data }));
}"""

# Remembers that something was being read
NOTICE_READING = """() => new MutationObserver(() => {
  window.wasRead ||= document.querySelector('#attachments [data-state=reading]') !== null;
}).observe(document.querySelector('#attachments'), { childList: true, subtree: true })"""


@pytest.fixture(scope="module")
def house() -> Iterator[Server]:
    """Nothing is sold here: everybody may attach."""
    with serving(ENGINES="scripted", PAYMENTS="off") as running:
        yield running


@pytest.fixture
def room(visitor: Visitors, house: Server) -> Room:
    return visitor(url=house.url).enter()


def pick(room: Room, *files: dict[str, Any]) -> None:
    room.page.locator("#attach-file").set_input_files(list(files))  # type: ignore[arg-type]


def ready(room: Room, many: int = 1) -> None:
    """Wait until so many have been read: the first file waits for its reader to start."""
    chips = room.page.locator("#attachments [data-state=ready]")
    expect(chips).to_have_count(many, timeout=PATIENCE_MS)


def bring(room: Room, kind: str, selector: str, *, name: str = "", text: str = "", link: str = "") -> None:
    room.page.evaluate(BRING, [kind, selector, name, text, link])


def test_a_document_that_is_picked_goes_along_is_cited_and_can_be_opened(room: Room) -> None:
    page = room.page
    pick(room, NOTES)
    ready(room)
    expect(page.locator("#attach-said")).to_contain_text("lighthouse notes.docx")
    room.write("How high is the lamp?")
    room.wait("turn-end")
    expect(page.locator("#attachments")).to_be_hidden()
    expect(page.locator("#sources .source")).to_contain_text("lighthouse notes.docx")
    room.open_transcript()
    mine = page.locator("#log .line--mine").last
    expect(mine.locator(".attached--sent")).to_have_text("lighthouse notes.docx")
    mine.locator(".attached--sent").click()
    dialog = page.get_by_role("dialog", name="lighthouse notes.docx")
    expect(dialog).to_contain_text(LAMP)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.reload()
    Room(page)
    expect(page.locator("#log .attached--sent")).to_have_count(1)
    expect(page.locator("#log .source")).to_have_count(1)


def test_a_spoken_question_takes_it_along(visitor: Visitors, house: Server) -> None:
    room = visitor("question", url=house.url).enter()
    pick(room, NOTES)
    ready(room)
    room.tap()
    room.wait("turn-end")
    expect(room.page.locator("#log .line--mine").last.locator(".attached--sent")).to_have_count(1)
    expect(room.page.locator("#log .line--them").last.locator(".source")).to_contain_text("lighthouse notes.docx")
    expect(room.page.locator("#attachments")).to_be_hidden()


def test_later_words_are_answered_from_it_too(room: Room) -> None:
    pick(room, NOTES)
    ready(room)
    room.write("What do you make of this?")
    room.wait("turn-end")
    room.write("How high did the lamp of the lighthouse stand?")
    room.wait("turn-end")
    expect(room.page.locator("#sources .source")).to_contain_text("lighthouse notes.docx")
    expect(room.page.locator("#log .line--mine").last.locator(".attached--sent")).to_have_count(0)


def test_something_alone_can_be_sent(room: Room) -> None:
    pick(room, NOTES)
    ready(room)
    room.page.locator("#show-composer").click()
    expect(room.page.locator("#send")).to_be_enabled()
    room.page.locator("#send").click()
    room.wait("turn-end")
    assert room.log()[-2] == "What is this?"


def test_files_are_dropped_anywhere_in_the_room(room: Room) -> None:
    bring(room, "dragenter", "#orb", name="note.txt", text=LAMP)
    expect(room.page.locator("#drop")).to_be_visible()
    bring(room, "dragleave", "#orb", name="note.txt", text=LAMP)
    expect(room.page.locator("#drop")).to_be_hidden()
    bring(room, "drop", "#orb", name="note.txt", text=LAMP)
    expect(room.page.locator("#drop")).to_be_hidden()
    ready(room)
    expect(room.page.locator("#attachments")).to_contain_text("note.txt")


def test_files_are_pasted_into_the_line(room: Room) -> None:
    room.page.locator("#show-composer").click()
    bring(room, "paste", "#line", name="note.txt", text=LAMP)
    ready(room)
    assert room.page.locator("#line").input_value() == ""


def test_an_address_that_is_pasted_alone_may_be_attached_or_not(visitor: Visitors, house: Server) -> None:
    room = visitor(url=house.url).enter()
    page = room.page
    bring(room, "paste", "#main", link="http://127.0.0.1:9/private")
    offer = page.get_by_role("button", name="Attach the page on 127.0.0.1:9")
    expect(offer).to_be_visible()
    page.get_by_role("button", name="No, thank you").click()
    expect(offer).to_be_hidden()
    bring(room, "paste", "#main", link="http://127.0.0.1:9/private")
    offer.click()
    chip = page.locator("#attachments [data-state=failed]")
    expect(chip).to_contain_text("cannot be read from here", timeout=PATIENCE_MS)


def test_what_cannot_be_read_says_why_and_is_removed_by_keyboard(room: Room) -> None:
    page = room.page
    pick(room, BROKEN, NOTES)
    ready(room)
    failed = page.locator("#attachments [data-state=failed]")
    expect(failed).to_contain_text("could not be read", timeout=PATIENCE_MS)
    expect(page.locator("#attach-said")).to_have_text(re.compile("broken.pdf|lighthouse notes"))
    page.evaluate(NOTICE_READING)  # it may be over before anybody could look
    failed.get_by_role("button", name="Read broken.pdf again").click()
    page.wait_for_function("() => window.wasRead", polling=50, timeout=PATIENCE_MS)
    expect(failed).to_contain_text("could not be read", timeout=PATIENCE_MS)
    page.get_by_role("button", name="Remove broken.pdf").focus()
    page.keyboard.press("Delete")
    expect(page.locator("#attachments li")).to_have_count(1)
    expect(page.get_by_role("button", name="Remove lighthouse notes.docx")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#attachments")).to_be_hidden()
    expect(page.locator("#attach")).to_be_focused()


def test_a_file_that_is_too_large_is_not_even_sent(room: Room) -> None:
    sent: list[str] = []
    room.page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    big = "new File([new Uint8Array(27 * 1024 * 1024)], 'big.bin')"
    room.page.evaluate(
        f"""() => {{
          const data = new DataTransfer();
          data.items.add({big});
          const event = new DragEvent('drop', {{ dataTransfer: data, bubbles: true, cancelable: true }});
          document.querySelector('#orb').dispatchEvent(event);
        }}"""
    )
    expect(room.page.locator("#attachments")).to_contain_text("Too large: a file may have 25 MB")
    assert [url for url in sent if url.endswith("/attachments")] == []


def test_words_wait_for_what_is_being_read_unless_they_are_sent_again(room: Room) -> None:
    page = room.page
    page.locator("#show-composer").click()
    held: list[Any] = []
    page.route(
        "**/attachments", lambda route: held.append(route) if route.request.method == "POST" else route.continue_()
    )
    pick(room, NOTES)
    page.locator("#line").fill("How high is the lamp?")
    page.locator("#line").press("Enter")
    expect(page.locator("#still")).to_contain_text("lighthouse notes.docx is still being read")
    expect(page.locator("#composer")).to_have_attribute("data-waiting", "yes")
    assert room.happened("turn-end") == []
    while not held:  # it may not even be on its way yet
        page.wait_for_timeout(50)
    held.pop().continue_()
    room.wait("turn-end")
    expect(page.locator("#log .line--mine").last.locator(".attached--sent")).to_have_count(1)
    pick(room, {**NOTES, "name": "second.docx"})
    page.locator("#line").fill("And now?")
    page.locator("#line").press("Enter")
    page.locator("#line").press("Enter")
    room.wait("turn-end")
    expect(page.locator("#log .line--mine").last.locator(".attached--sent")).to_have_count(0)
    while not held:
        page.wait_for_timeout(50)
    held.pop().continue_()
    ready(room)


def test_who_speaks_over_the_reply_loses_nothing(room: Room) -> None:
    pick(room, NOTES)
    ready(room)
    room.write("How high is the lamp?")
    room.wait("first-sound")
    room.write("Stop. How high is the lamp of the lighthouse?")
    turn = room.wait("first-sound")["detail"]["turn"]
    assert room.page.locator("#log .line--mine").last.get_attribute("data-turn") == turn, "the second reply sounds"
    expect(room.page.locator("#sources .source")).to_contain_text("lighthouse notes.docx")
    second = room.page.locator(f"#log .line--them[data-turn='{turn}']")
    expect(second.locator(".source")).to_contain_text("lighthouse notes.docx", timeout=PATIENCE_MS)
    expect(room.page.locator("#log .attached--sent")).to_have_count(1)


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_a_guest_whose_plan_has_none_of_it_is_told_what_it_would_do_and_how_to_get_it(
    visitor: Visitors, server: Server, locale: str
) -> None:
    room = visitor(url=server.url, locale=locale).enter()
    page = room.page
    page.locator("#attach").click()
    offer = page.locator("#attach-offer")
    expect(offer).to_be_visible()
    expect(offer.locator("a[href^='/membership']")).to_be_visible()
    expect(offer).to_contain_text("plan" if locale == "en-GB" else "套餐")
    assert list(faults(page)) == []
    page.keyboard.press("Escape")
    expect(offer).to_be_hidden()
    bring(room, "drop", "#orb", name="note.txt", text=LAMP)
    expect(offer).to_be_visible()
    expect(page.locator("#attachments li")).to_have_count(0)


def _fits(page: Page) -> bool:
    fits: bool = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    return fits


@pytest.mark.parametrize("language", ["en", "zh"])
def test_chips_are_accessible_and_fit_on_a_phone_and_a_desk(visitor: Visitors, house: Server, language: str) -> None:
    locale = "zh-CN" if language == "zh" else "en-GB"
    room = visitor(url=house.url, locale=locale).enter(language=language)
    page = room.page
    pick(room, NOTES, BROKEN, {**NOTES, "name": "a name that goes on and on and on, and on " * 3 + ".docx"})
    ready(room, 2)
    expect(page.locator("#attachments [data-state=failed]")).to_have_count(1, timeout=PATIENCE_MS)
    for size in (DESKTOP, PHONE):
        page.set_viewport_size(size)
        assert _fits(page)
    assert list(faults(page)) == []  # at both sizes, light and dark
    page.locator("#attachments a[data-look]").first.click()
    expect(page.locator("#attachment")).to_be_visible()
    assert list(faults(page)) == []
    page.keyboard.press("Escape")
    room.write("灯有多高？" if language == "zh" else "How high is the lamp?")
    room.wait("turn-end")
    room.open_transcript()
    assert _fits(page)
    assert list(faults(page)) == []
