"""axe-core finds nothing on any page, in light and dark, on a desktop and on a phone; nor do the pages complain."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, ViewportSize

from tests.browser.conftest import Visitor

pytestmark = pytest.mark.browser
Visitors = Callable[..., Visitor]
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text("utf-8")
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
# Colours that are still on their way from light to dark are no fault
SETTLED = """async () => {
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const moves = document.getAnimations().filter((one) => one instanceof CSSTransition);
  await Promise.all(moves.map((one) => one.finished.catch(() => {})));
}"""
FAULTS = """async () => (await axe.run(document, { resultTypes: ['violations'] })).violations.map(
  ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`)"""


def faults(page: Page) -> Iterator[str]:
    page.evaluate(AXE)
    for size in (DESKTOP, PHONE):
        page.set_viewport_size(size)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.evaluate(SETTLED)
            found: list[Any] = page.evaluate(FAULTS)
            yield from (f"{size['width']} px, {scheme}: {fault}" for fault in found)


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/characters/socrates",
        "/about",
        "/chats",
        "/nowhere",
        "/sign-in",
        "/register",
        "/register/sent",
        "/recover",
        "/recover/code",
    ],
)
def test_a_page_has_no_accessibility_fault(visitor: Visitors, address: str) -> None:
    someone = visitor(may_say="404" if address == "/nowhere" else "")
    if address in ("/", "/chats"):
        someone.enter()  # so that there is something to list
    someone.page.goto(address)
    someone.page.wait_for_load_state("networkidle")
    assert list(faults(someone.page)) == []


def test_the_room_has_no_accessibility_fault_idle_or_after_a_turn(visitor: Visitors) -> None:
    someone = visitor()
    room = someone.enter(greeted=False)
    assert list(faults(room.page)) == []
    room.page.set_viewport_size(DESKTOP)
    room.open_transcript()
    room.write("Tell me about the sea.")
    room.wait_captions_move()
    room.page.get_by_role("button", name="Stop speaking").click()
    room.wait("turn-end")
    assert list(faults(room.page)) == []


def test_the_room_in_chinese_has_no_accessibility_fault_while_the_character_speaks(visitor: Visitors) -> None:
    room = visitor(locale="zh-CN").enter(language="zh", greeted=False)
    room.write("给我讲讲大海。")
    room.until("speaking")
    assert list(faults(room.page)) == []
