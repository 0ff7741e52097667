"""Minutes of voice run out in a real browser: by voice, during a reply, and what can still be done then."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.bench.server import Server, serving
from tests.browser.conftest import Visitor
from tests.browser.room import Room
from tests.browser.test_accessibility import DESKTOP, PHONE, faults

pytestmark = pytest.mark.browser
Visitors = Callable[..., Visitor]
REFUSED = r"402 \(Payment Required\)"
SPENT = {"en": "Your minutes of voice are used up.", "zh": "语音时长已用完"}


def fill(purse: Path, seconds: str) -> None:
    """In one go: the server may be reading it."""
    fresh = purse.with_suffix(".fresh")
    fresh.write_text(seconds)
    fresh.replace(purse)


@pytest.fixture(scope="module")
def purse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("purse") / "seconds"
    fill(file, "600")
    return file


@pytest.fixture(scope="module")
def metered(purse: Path) -> Iterator[Server]:
    with serving(module="tests.browser.metered", ENGINES="scripted", PURSE=str(purse)) as running:
        yield running


@pytest.mark.parametrize(("language", "locale"), [("en", "en-GB"), ("zh", "zh-CN")])
def test_who_speaks_with_nothing_left_is_told_and_goes_on_in_writing(
    visitor: Visitors, metered: Server, purse: Path, language: str, locale: str
) -> None:
    fill(purse, "600")
    one = visitor("question", url=metered.url, locale=locale, may_say=REFUSED, viewport=PHONE)
    room = one.enter(language=language)  # some seconds have been spoken
    page = room.page
    expect(page.locator("#minutes")).to_be_hidden()
    fill(purse, "10" if language == "en" else "8")
    page.reload()
    room = Room(page)
    expect(page.locator("#minutes")).to_have_text("Voice left: 0:03" if language == "en" else "语音剩余：0:03")
    room.tap()
    room.wait("failed")
    prompt = page.locator("#met")
    expect(prompt).to_contain_text(SPENT[language])
    expect(prompt.locator(".met__offer")).to_contain_text("$4.99" if language == "en" else "¥29.00")
    expect(prompt.locator("a[href^='/membership']")).to_be_visible()
    expect(prompt.locator("a[href^='/register?next=/membership']")).to_be_visible()
    expect(page.locator("#end")).to_be_disabled()  # nobody would be heard: the microphone is closed
    expect(page.locator("#main")).to_have_attribute("data-voice", "idle")
    assert list(faults(page)) == []
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("#met-type").click()
    expect(prompt).to_be_hidden()
    lines = len(room.log())
    fill(purse, "7")  # less than a sentence is left
    page.locator("#line").fill("Go on in writing" if language == "en" else "那就写吧")
    page.locator("#send").click()
    room.wait("turn-end")
    assert len(room.log()) == lines + 2
    expect(page.locator("#captions")).to_be_visible()
    assert page.locator("#captions-text span:not(.said)").count() == 0
    assert room.happened("first-sound") == []
    expect(page.locator("#log .line--them").last.locator("[data-replay]")).to_have_count(0)
    page.locator("#mic").click()  # explains itself
    expect(prompt).to_contain_text(SPENT[language])
    expect(page.locator("#end")).to_be_disabled()


def test_what_was_refused_is_kept_and_sent_when_there_is_more(visitor: Visitors, metered: Server, purse: Path) -> None:
    fill(purse, "600")
    room = visitor("question", url=metered.url, may_say=REFUSED, viewport=DESKTOP).enter()
    fill(purse, "10")
    page = room.page
    room.tap()
    room.wait("failed")
    expect(page.locator("#met-again")).to_be_visible()
    lines = len(room.log())
    fill(purse, "7")
    with page.expect_response("**/voice"):
        page.locator("#met-again").click()  # too early
    expect(page.locator("#met")).to_contain_text(SPENT["en"])
    fill(purse, "600")
    page.locator("#met-again").click()
    room.wait("first-sound")
    room.wait("turn-end")
    assert len(room.log()) == lines + 2
    expect(page.locator("#met")).to_be_hidden()
    expect(page.locator("#mic")).to_have_attribute("aria-label", "Start talking")


def test_voice_that_runs_out_during_a_reply_ends_with_a_sentence_and_says_so(
    visitor: Visitors, metered: Server, purse: Path
) -> None:
    fill(purse, "5")
    room = visitor(url=metered.url, viewport=PHONE).enter(greeted=False)
    page = room.page
    room.write("Tell me of the sea")
    room.wait("first-sound")
    room.wait("turn-end")
    said = room.log()[-1]
    assert said.startswith("Well now dear traveller,") and said.endswith(".") and "nobody" not in said
    expect(page.locator("#met")).to_contain_text(SPENT["en"])
    expect(page.locator("#minutes")).to_have_text("Voice is used up")
    expect(page.locator("#mic")).to_have_attribute("aria-label", "Why talking is not possible just now")
    room.write("And then?")  # answered in text; the prompt does not come back each time
    room.wait("turn-end")
    expect(page.locator("#met")).to_be_hidden()
    assert len(room.log()) == 4
