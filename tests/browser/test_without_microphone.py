"""No microphone, or no leave to use it: a calm page, and a conversation all the same."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.bench.server import Server
from tests.browser.conftest import Visitor

pytestmark = pytest.mark.browser
Visitors = Callable[..., Visitor]


@pytest.mark.parametrize(
    ("microphone", "allow", "words"),
    [("question", False, "The microphone is blocked"), ("", True, "No microphone was found")],
    ids=["denied", "missing"],
)
def test_without_a_microphone_the_page_says_why_and_one_writes_instead(
    visitor: Visitors, slow_server: Server, microphone: str, allow: bool, words: str
) -> None:
    room = visitor(microphone, allow=allow, url=slow_server.url).enter()
    before = room.log()
    room.tap()
    room.until("error")
    expect(room.page.locator("#notice")).to_contain_text(words)
    expect(room.page.locator("#state-text")).to_have_text("No microphone")
    room.page.get_by_role("button", name="Type instead").click()
    expect(room.page.locator("#line")).to_be_focused()
    room.write("Then I shall <b>write</b>.")
    room.until("thinking", "speaking")
    expect(room.page.locator("#notice")).to_be_hidden()
    room.wait_captions_move()
    room.page.get_by_role("button", name="Stop speaking").click()
    room.until("interrupted", "idle")
    assert room.log()[: len(before) + 1] == [*before, "Then I shall <b>write</b>."]
