"""Whoever speaks over the reply is listened to; whoever coughs is not."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from functions.engines.scripted import REPLY
from tests.browser.conftest import Visitor
from tests.browser.room import Room

pytestmark = pytest.mark.browser
Visitors = Callable[..., Visitor]
WORD_MS = 250  # of the scripted voice
ANSWER = "".join(REPLY["en"]).strip()


def test_a_cough_does_not_stop_the_reply_and_speaking_over_it_does(visitor: Visitors) -> None:
    someone = visitor("question, cough, interruption", measured=True)
    room = someone.enter()
    before = len(room.log())
    room.tap()
    first = room.wait("first-sound")
    cough = room.wait_heard(2)
    assert cough["ms"] < 200
    interrupted = room.until("interrupted")
    room.until("hearing", "thinking")
    second = room.wait("first-sound")
    room.page.keyboard.press("Escape")

    speaking_over = room.wait_heard(3)
    cut = [one for one in room.sounds() if first["at"] - 500 < one["from"] < interrupted["at"]]
    assert cough["to"] < speaking_over["from"] < interrupted["at"] < second["at"]
    assert cut[-1]["to"] > speaking_over["from"], "the reply was not playing any more when it was spoken over"
    assert not [one for one in room.sounds() if interrupted["at"] + 300 < one["from"] < second["at"] - 500]

    room.page.reload()  # what the server kept
    kept = Room(room.page).log()[before:]
    words = kept[1].removesuffix("interrupted").rstrip(" —")
    heard_ms = sum(one["ms"] for one in cut)
    assert ANSWER.startswith(words) and words != ANSWER
    assert len(words.split()) == pytest.approx(heard_ms / WORD_MS, abs=2)
    assert kept[1].endswith("— interrupted")
    # The next turn: its question, and its reply if a whole word of that had sounded when Esc was pressed.
    assert len(kept) in {3, 4}
    assert kept[2] == kept[0]
    expect(room.page.locator("#log .line--cut")).to_have_count(len(kept) - 2)


def test_a_button_and_escape_silence_whatever_is_spoken(visitor: Visitors) -> None:
    room = visitor(measured=True).enter()
    room.write("Tell me about the sea.")
    room.wait("first-sound")
    room.until("speaking")
    room.page.get_by_role("button", name="Stop speaking").click()
    room.until("interrupted", "idle")
    room.wait_silence()
    room.open_transcript()
    room.page.locator("[data-replay=greeting]").click()
    room.wait("line-sound")
    room.page.keyboard.press("Escape")
    room.wait("line-end")
    room.wait_silence()
    assert len(room.sounds()) == 2
