"""A person opens the gallery, picks a character, taps, speaks, and hears the answer."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from functions.engines.scripted import HEARD, REPLY
from tests.browser.conftest import Visitor
from tests.browser.room import Room, ordered

pytestmark = pytest.mark.browser
Visitors = Callable[..., Visitor]
EARLIER_MS = 500  # an event that tells of a sound comes a little later than the sound
CUT_MS = 60  # a stretch of sound begins and ends softly


def assert_whole_reply_sounded(room: Room, reply_end: dict[str, float], since: float) -> None:
    """Every sample that the server made came out of the loudspeaker, once, and was sound."""
    assert reply_end["ms"] == pytest.approx(reply_end["expected"], abs=1)
    room.wait_silence()
    assert sum(one["ms"] for one in room.sounds(since=since - EARLIER_MS)) == pytest.approx(
        reply_end["expected"], abs=CUT_MS
    )


def test_a_person_picks_a_character_taps_speaks_and_hears_the_answer(visitor: Visitors) -> None:
    page = visitor("question after the greeting", measured=True).page
    page.goto("/")
    page.locator(".card").filter(has_text="Socrates").get_by_role("button", name="Talk").click()
    room = Room(page)
    expect(page.locator("#main")).to_have_attribute("data-voice", "idle")

    room.tap()
    greeted = room.wait("line-sound")["at"]  # the greeting, before anybody has spoken
    room.wait("line-end")
    room.until("hearing", "thinking")
    room.wait_silence()
    assert room.sounds(since=greeted - EARLIER_MS), "the greeting was silent"
    began = room.wait("first-sound")["at"]
    room.wait_captions_move()
    end = room.wait("reply-end")["detail"]
    turn = room.wait("turn-end")["detail"]
    room.until("listening")

    assert ordered(["speaking", "listening", "hearing", "thinking", "speaking", "listening"], room.states())
    assert_whole_reply_sounded(room, end, began)
    assert room.log() == [HEARD["en"], turn["text"]]
    assert "".join(REPLY["en"]).startswith(turn["text"])
    assert room.lit() == turn["text"].split()


def test_the_same_in_chinese_with_captions_that_light_up_character_by_character(visitor: Visitors) -> None:
    someone = visitor("question", measured=True, locale="zh-CN")
    page = someone.page
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.get_by_role("button", name="聊聊").first).to_be_visible()

    room = someone.enter(language="zh")
    expect(page.locator("#state-text")).to_have_text("点一下，开始聊")
    room.tap()
    room.until("listening", "hearing", "thinking", "speaking")
    began = room.happened("first-sound")[-1]["at"]
    room.wait_captions_move()
    end = room.wait("reply-end")["detail"]
    turn = room.wait("turn-end")["detail"]
    room.until("listening")

    assert_whole_reply_sounded(room, end, began)
    assert room.log()[-2:] == [HEARD["zh"], turn["text"]]
    assert "".join(REPLY["zh"]).startswith(turn["text"])
    lit = room.lit()
    assert "".join(lit) == turn["text"]
    assert all(len(one.strip("，。")) == 1 for one in lit)
