"""Whoever speaks over the reply is listened to; whoever coughs is not."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from functions.engines.scripted import REPLY
from tests.bench.server import Server
from tests.browser.conftest import Visitor
from tests.browser.drawling import WORD_S
from tests.browser.room import Room
from tests.browser.voices import cough, speech

pytestmark = pytest.mark.browser
Visitors = Callable[..., Visitor]
WORD_MS = 1000 * WORD_S
INEXACT_MS = 300  # of moments: a busy machine is late to tell the page when a sound began
ANSWER = "".join(REPLY["en"]).strip()


def total(sounds: list[dict[str, float]]) -> float:
    return sum(one["ms"] for one in sounds)


def test_a_cough_does_not_stop_the_reply_and_speaking_over_it_does(
    visitor: Visitors, drawling_server: Server
) -> None:
    someone = visitor("quiet", url=drawling_server.url)
    room = someone.enter()
    before = len(room.log())
    room.tap()
    room.until("listening")
    room.speak(speech(1.5))
    room.wait("first-sound")
    room.speak(cough())
    coughed = room.wait_heard(2)
    assert coughed["ms"] < 200
    assert "interrupted" not in room.states()
    room.speak(speech(1.5))
    interrupted = room.until("interrupted")
    thinking = room.until("hearing", "thinking")
    second = room.wait("first-sound")
    room.page.keyboard.press("Escape")

    speaking_over = room.wait_heard(3)
    room.wait_silence()
    cut = [one for one in room.sounds() if one["from"] < interrupted["at"]]
    assert cut[0]["from"] < coughed["from"]
    assert coughed["to"] < speaking_over["from"] < interrupted["at"] + INEXACT_MS
    assert interrupted["at"] < thinking["at"] < second["at"]
    assert cut[-1]["to"] > speaking_over["from"] - INEXACT_MS, "the reply was over when it was spoken over"
    assert not [one for one in room.sounds(since=interrupted["at"]) if one["from"] < thinking["at"]]

    room.wait("turn-end", turn=second["detail"]["turn"])  # the server has kept it
    room.page.reload()
    kept = Room(room.page).log()[before:]
    words = kept[1].removesuffix("interrupted").rstrip(" —")
    assert ANSWER.startswith(words) and words != ANSWER
    assert len(words.split()) == pytest.approx(total(cut) / WORD_MS, abs=2)
    assert kept[1].endswith("— interrupted")
    # The next turn: its question, and its reply if a whole word of that had sounded when Esc was pressed.
    assert len(kept) in {3, 4}
    assert kept[2] == kept[0]
    expect(room.page.locator("#log .line--cut")).to_have_count(len(kept) - 2)


def test_a_reply_that_had_all_arrived_is_over_too_once_it_is_silenced(
    visitor: Visitors, drawling_server: Server
) -> None:
    room = visitor(url=drawling_server.url).enter()
    room.write("Tell me about the sea.")
    turn = room.wait("first-sound")["detail"]["turn"]
    room.server_turn(turn)  # until the server has made it all
    room.page.wait_for_timeout(300)
    room.page.keyboard.press("Escape")
    ended = room.wait("turn-end", turn=turn)["detail"]
    if not room.happened("reply-end"):  # else it had sounded to its end by then
        assert ended["interrupted"] and ended["text"] != ANSWER


def test_a_button_and_escape_silence_whatever_is_spoken(visitor: Visitors, drawling_server: Server) -> None:
    room = visitor(measured=True, url=drawling_server.url).enter()
    room.write("Tell me about the sea.")
    room.wait("first-sound")
    room.until("speaking")
    room.page.get_by_role("button", name="Stop speaking").click()
    room.until("interrupted", "idle")
    room.wait_silence()
    reply = room.sounds()
    assert reply and total(reply) < len(ANSWER.split()) * WORD_MS - 100
    room.open_transcript()
    room.page.locator("[data-replay=greeting]").click()
    room.wait("line-sound")
    room.page.keyboard.press("Escape")
    room.wait("line-end")
    room.wait_silence()
    greeting = room.sounds()[len(reply) :]
    words = room.page.locator("#main").get_attribute("data-greeting-text") or ""
    assert greeting and total(greeting) < len(words.split()) * WORD_MS - 100
