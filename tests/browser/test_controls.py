"""Keys, and what else decides when somebody is heard."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from functions.engines.scripted import HEARD
from tests.bench.server import Server
from tests.browser.conftest import Visitor
from tests.browser.room import PATIENCE_MS, Room
from tests.browser.test_accessibility import PHONE
from tests.browser.voices import speech

pytestmark = pytest.mark.browser
Visitors = Callable[..., Visitor]
LEVEL = "() => Number(document.querySelector('#orb').style.getPropertyValue('--level'))"


def test_holding_space_talks_until_it_is_let_go(visitor: Visitors) -> None:
    room = visitor("question").enter()
    room.page.keyboard.down("Space")
    room.until("hearing")
    for moved in (f"{LEVEL} > 0.4", f"{LEVEL} < 0.1"):  # the orb follows the voice: it came, and it went
        room.page.wait_for_function(moved, polling=50, timeout=PATIENCE_MS)
    room.page.keyboard.up("Space")
    room.until("thinking", "speaking")
    room.page.keyboard.press("Escape")
    room.until("listening")
    expect(room.mine.last).to_have_text(HEARD["en"])


def test_what_is_said_while_muted_is_not_heard(visitor: Visitors) -> None:
    room = visitor("quiet").enter()
    before = room.mine.count()
    room.tap()
    room.until("listening")
    room.page.keyboard.press("m")
    room.until("muted")
    expect(room.page.locator("#mic")).to_have_attribute("aria-label", "Unmute the microphone")
    room.speak(speech(1.2))
    room.wait_heard(1)
    assert "hearing" not in room.states()
    room.page.keyboard.press("m")
    room.until("listening")
    room.speak(speech(1.2))
    room.until("hearing", "thinking", "speaking")
    expect(room.mine).to_have_count(before + 1)
    room.page.locator("#end").click()
    room.until("idle")
    room.wait_silence()


def test_esc_first_silences_then_closes_what_is_written_in(visitor: Visitors, slow_server: Server) -> None:
    room = visitor(url=slow_server.url).enter()
    room.write("Tell me about the sea.")
    room.until("speaking")
    expect(room.page.locator("#line")).to_be_focused()
    room.page.keyboard.press("Escape")
    room.until("idle")
    expect(room.page.locator("#line")).to_be_focused()
    room.page.keyboard.press("Escape")
    expect(room.page.locator("#composer")).to_be_hidden()
    expect(room.page.locator("#show-composer")).to_be_focused()


def test_esc_first_silences_then_closes_the_transcript_on_a_phone(visitor: Visitors, slow_server: Server) -> None:
    room = visitor(url=slow_server.url, viewport=PHONE).enter()
    room.open_transcript()
    room.page.keyboard.press("/")
    room.write("Tell me about the sea.")
    room.until("speaking")
    room.page.keyboard.press("Escape")
    room.until("idle")
    expect(room.page.locator("#transcript")).to_have_attribute("data-open", "yes")
    room.page.keyboard.press("Escape")
    expect(room.page.locator("#transcript")).to_have_attribute("data-open", "no")


def test_esc_closes_what_lies_over_the_room_and_the_reply_goes_on(visitor: Visitors, slow_server: Server) -> None:
    room = visitor(url=slow_server.url).enter()
    room.write("Tell me about the sea.")
    room.until("speaking")
    room.page.locator("#attach").click()  # what a plan would give, for a guest
    expect(room.page.locator("#attach-offer")).to_be_visible()
    room.page.keyboard.press("Escape")
    expect(room.page.locator("#attach-offer")).to_be_hidden()
    assert not room.wait("turn-end")["detail"]["interrupted"]
    assert "interrupted" not in room.states()


def test_a_button_shows_that_it_was_pressed_and_two_presses_are_one(visitor: Visitors) -> None:
    page = visitor().page
    opened: list[str] = []
    page.on("request", lambda request: opened.append(request.url) if request.method == "POST" else None)
    page.goto("/characters/socrates")
    page.wait_for_load_state("networkidle")  # it is known that nobody is signed in
    talk = page.get_by_role("button", name="Talk with Socrates")
    twice = "(button) => { button.click(); button.click(); return button.getAttribute('aria-busy'); }"
    assert talk.evaluate(twice) == "true"
    Room(page)
    assert len([url for url in opened if url.endswith("/characters/socrates/chats")]) == 1
    page.go_back()
    expect(talk).not_to_have_attribute("aria-busy", "true")
