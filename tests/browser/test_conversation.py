"""A person opens the gallery, picks a character, taps, speaks, and hears the answer."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from functions.engines.scripted import HEARD, REPLY
from tests.browser.conftest import Visitor
from tests.browser.room import Room, ordered
from tests.browser.voices import speech

pytestmark = pytest.mark.browser
Visitors = Callable[..., Visitor]
CUT_MS = 60  # a stretch of sound begins and ends softly
GAP_MS = 30  # a pause of the sound that is shorter is part of its stretch: probe.js


def assert_whole_reply_sounded(room: Room, reply_end: dict[str, float], since: float) -> None:
    """Every sample that the server made came out of the loudspeaker, once, and was sound."""
    assert reply_end["ms"] == pytest.approx(reply_end["expected"], abs=1)
    room.wait_silence()
    inexact = CUT_MS + GAP_MS * reply_end["underruns"]
    assert sum(one["ms"] for one in room.sounds(since=since)) == pytest.approx(reply_end["expected"], abs=inexact)


def test_a_person_picks_a_character_taps_speaks_and_hears_the_answer(visitor: Visitors) -> None:
    page = visitor("quiet").page
    page.goto("/")
    page.locator(".card").filter(has_text="Socrates").get_by_role("button", name="Talk").click()
    room = Room(page)
    expect(page.locator("#main")).to_have_attribute("data-voice", "idle")

    room.tap()
    room.wait("line-sound")  # the greeting, before anybody has spoken
    room.wait("line-end")
    room.until("listening")
    room.wait_silence()
    assert room.sounds(), "the greeting was silent"
    room.speak(speech(1.6))
    began = room.until("hearing", "thinking")["at"]
    room.wait("first-sound")
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
    began = room.until("listening", "hearing", "thinking")["at"]
    room.until("speaking")
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


def test_a_line_picked_on_the_characters_page_begins_the_talk(visitor: Visitors) -> None:
    page = visitor().page
    page.goto("/characters/socrates")
    page.get_by_role("button", name="Is it ever right to lie?").click()
    room = Room(page)
    room.until("thinking", "speaking")
    room.wait("turn-end")
    assert room.log()[0] == "Is it ever right to lie?"
    assert "#" not in page.url, "loaded again, the room would say it again"


def test_where_sound_wants_a_tap_first_the_line_lies_ready_to_be_sent(visitor: Visitors) -> None:
    someone = visitor()
    someone.context.add_init_script("AudioContext.prototype.resume = () => new Promise(() => {});")
    someone.context.add_init_script(
        "Object.defineProperty(AudioContext.prototype, 'state', { get: () => 'suspended' });"
    )
    someone.page.goto("/characters/socrates")
    someone.page.get_by_role("button", name="How do I know what I want?").click()
    room = Room(someone.page)
    expect(room.page.locator("#line")).to_have_value("How do I know what I want?")
    expect(room.page.locator("#line")).to_be_focused()
    expect(room.page.locator("#send")).to_be_enabled()
    assert room.log() == []
