"""axe-core finds nothing on any page, in light and dark, on a desktop and on a phone; nor do the pages complain."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, ViewportSize

from tests.bench.server import Server
from tests.browser.conftest import Visitor

pytestmark = pytest.mark.browser
Visitors = Callable[..., Visitor]
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text("utf-8")
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
# Colours that are still on their way, from light to dark or while a sheet comes up, are no fault. With less motion any
# change of an inherited colour is a very short transition, and the next level's begins when the one above has ended.
SETTLED = """async () => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const moving = () => document.getAnimations().some(
    (one) => one.playState === 'running' && Number.isFinite(one.effect?.getComputedTiming().endTime));
  const until = performance.now() + 10000;
  for (let still = 0; still < 5 && performance.now() < until; still = moving() ? 0 : still + 1) await frame();
}"""
# Sheets and media are read again for rules about media and about what is off by default: only where there are media
FAULTS = """async () => (await axe.run(document, {
  resultTypes: ['violations'], preload: document.querySelector('audio, video') !== null })).violations.map(
  ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`)"""


def faults(page: Page) -> Iterator[str]:
    if not page.evaluate("'axe' in window"):
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


def test_the_room_has_no_accessibility_fault_idle_or_after_a_turn(visitor: Visitors, slow_server: Server) -> None:
    someone = visitor(url=slow_server.url)
    room = someone.enter(greeted=False)
    assert list(faults(room.page)) == []
    room.page.set_viewport_size(DESKTOP)
    room.open_transcript()
    room.write("Tell me about the sea.")
    room.wait_captions_move()
    room.page.get_by_role("button", name="Stop speaking").click()
    room.wait("turn-end")
    assert list(faults(room.page)) == []


def test_the_room_in_chinese_has_no_accessibility_fault_while_the_character_speaks(
    visitor: Visitors, slow_server: Server
) -> None:
    room = visitor(locale="zh-CN", url=slow_server.url).enter(language="zh", greeted=False)
    room.write("给我讲讲大海。")
    room.until("speaking")
    assert list(faults(room.page)) == []
