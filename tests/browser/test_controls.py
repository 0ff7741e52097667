"""Keys, and what else decides when somebody is heard."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from functions.engines.scripted import HEARD
from tests.browser.conftest import Visitor
from tests.browser.room import PATIENCE_MS

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
    assert room.mine.last.inner_text() == HEARD["en"]


def test_what_is_said_while_muted_is_not_heard(visitor: Visitors) -> None:
    room = visitor("two questions", measured=True).enter()
    before = room.mine.count()
    room.tap()
    room.until("listening")
    room.page.keyboard.press("m")
    room.until("muted")
    expect(room.page.locator("#mic")).to_have_attribute("aria-label", "Unmute the microphone")
    room.wait_heard(1)
    assert "hearing" not in room.states()
    room.page.keyboard.press("m")
    room.until("listening", "hearing", "thinking", "speaking")
    assert room.mine.count() == before + 1
    room.page.locator("#end").click()
    room.until("idle")
    room.wait_silence()
