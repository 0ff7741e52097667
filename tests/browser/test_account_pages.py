"""An account from the first form to the last, in Chromium, by keyboard; and axe-core finds nothing on the way."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from db.connect import connect
from db.outbox import SqlOutbox
from tests.bench.server import Server, serving
from tests.browser.conftest import Visitor
from tests.browser.test_accessibility import DESKTOP, faults
from tests.browser.test_membership import shoot
from tests.browser.test_signed_in import sign_up

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]
Visitors = Callable[..., Visitor]
PASSWORD = "a tin whistle at noon 7"
PAGES = ("", "/password", "/email", "/phone", "/codes", "/sessions", "/export", "/delete", "/prove")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    data = tmp_path_factory.mktemp("data")
    with serving(data, ENGINES="scripted", ARGON2="64,1,1") as running:
        yield running, data


def test_an_account_is_made_by_keyboard_and_none_of_its_pages_has_an_accessibility_fault(
    visitor: Visitors, house: tuple[Server, Path]
) -> None:
    server, data = house
    page = visitor(url=server.url).page
    page.goto("/register")
    keyboard = page.keyboard
    expect(page.get_by_label("User name")).to_be_focused()
    keyboard.type("anna")
    keyboard.press("Tab")
    keyboard.type("anna@parley.example")
    keyboard.press("Tab")
    keyboard.press("Tab")
    keyboard.type("short")
    expect(page.locator("#strength")).to_contain_text("Weak")
    keyboard.press("ControlOrMeta+a")
    keyboard.insert_text(PASSWORD)  # as pasting does
    expect(page.locator("#strength")).to_contain_text("Strong")
    assert list(faults(page)) == []
    keyboard.press("Tab")
    keyboard.press("Enter")
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("type", "text")
    keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Look at your mail")).to_be_visible()

    [mail] = SqlOutbox(connect(f"sqlite:///{data / 'core.db'}")).newest(1)
    link = re.findall(r"https?://[^/]+(/\S+)", mail.body)[0]
    page.goto(link)
    assert list(faults(page)) == []
    page.get_by_role("button", name="Open the account").press("Enter")
    expect(page.get_by_role("heading", name="anna")).to_be_visible()
    for address in PAGES:
        page.goto(f"/account{address}")
        page.wait_for_load_state("networkidle")
        assert list(faults(page)) == [], address
    page.set_viewport_size(DESKTOP)
    page.goto("/")  # a page that caches keep: who reads it comes from /me
    page.get_by_label("Your account, anna").press("Enter")
    assert list(faults(page)) == []
    page.get_by_role("button", name="Sign out").press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("You are signed out.")


@pytest.mark.parametrize(
    ("locale", "file", "copied"),
    [("en-GB", "Parley recovery codes of anna.txt", "Copied."), ("zh-CN", "Parley 恢复码（anna）.txt", "已复制。")],
)
def test_recovery_codes_are_copied_and_saved_and_printed_without_the_buttons(
    visitor: Visitors, tmp_path: Path, locale: str, file: str, copied: str
) -> None:
    with serving(tmp_path / "data", ENGINES="scripted", ARGON2="64,1,1") as server:
        someone = visitor(url=server.url, locale=locale, permissions=["clipboard-read", "clipboard-write"])
        sign_up(someone, server.url, tmp_path / "data")
        page = someone.page
        page.goto("/account/codes")
        page.locator("main form button").click()
        expect(page.locator(".codes code")).to_have_count(10)
        codes = page.locator(".codes code").all_inner_texts()
        copy, save = page.locator(".codes__take button").first, page.locator(".codes__take button").last
        expect(save).to_be_visible()  # the module is there
        told = page.locator(".codes__acts").get_by_role("status")

        copy.press("Enter")
        expect(told).to_have_text(copied)
        assert page.evaluate("navigator.clipboard.readText()").split() == codes
        with page.expect_download() as saved:
            save.press("Enter")
        assert saved.value.suggested_filename == file
        kept = saved.value.path().read_text("utf-8")
        assert kept.split()[-10:] == codes and f"{server.url}/recover/code" in kept
        shoot(page, f"codes-{locale}")
        assert list(faults(page)) == []

        page.evaluate("() => { navigator.clipboard.writeText = async () => { throw new Error('no'); }; }")
        copy.press("Enter")
        expect(told).not_to_have_text(copied)
        expect(told).not_to_be_empty()
        page.emulate_media(media="print")
        expect(page.locator(".codes code").first).to_be_visible()
        expect(told).to_be_hidden()
        for what in ("button", "link", "navigation"):
            expect(page.get_by_role(what)).to_have_count(0)


def test_without_scripts_recovery_codes_come_without_buttons_that_would_do_nothing(
    visitor: Visitors, tmp_path: Path
) -> None:
    with serving(tmp_path / "data", ENGINES="scripted", ARGON2="64,1,1") as server:
        someone = visitor(url=server.url, java_script_enabled=False)
        sign_up(someone, server.url, tmp_path / "data")
        someone.page.goto("/account/codes")
        someone.page.get_by_role("button", name="Make ten codes").click()
        expect(someone.page.locator(".codes code")).to_have_count(10)
        expect(someone.page.locator(".codes__take")).to_be_hidden()
        expect(someone.page.get_by_role("link", name="I have them")).to_be_visible()


def test_a_refused_form_puts_the_focus_where_the_words_are(visitor: Visitors, house: tuple[Server, Path]) -> None:
    page = visitor(url=house[0].url, may_say="status of 40").page
    page.goto("/register")
    wrong = page.get_by_label("User name")
    expect(wrong).to_be_focused()
    page.keyboard.type("anna!")
    page.keyboard.press("Enter")
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(wrong).to_be_focused()
    expect(wrong).to_have_accessible_description(re.compile("made of letters"))
    assert list(faults(page)) == []


def test_one_session_ends_another_from_the_list(visitor: Visitors, house: tuple[Server, Path]) -> None:
    url = house[0].url
    here, there = visitor(url=url, may_say="status of 403").page, visitor(url=url, may_say="status of 403").page
    for page in (there, here):
        page.goto("/sign-in")
        expect(page.get_by_label(re.compile("User name"))).to_be_focused()
        page.keyboard.type("anna")
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/")
    here.goto("/account/sessions")
    here.get_by_role("button", name=re.compile("^End the session")).first.press("Enter")
    expect(here.locator(".row--gone")).to_contain_text("That session has ended.")
    assert here.url.endswith("/account/sessions")
    there.goto("/account")
    expect(there.get_by_role("heading", name="Please sign in first.")).to_be_visible()
