"""A shelf in Chromium: an address is given by keyboard, read while one watches, searched; and axe finds nothing."""

import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Page, Route, expect

from db.accounts import SqlAccounts
from db.connect import connect
from db.outbox import SqlOutbox
from domain.people import Role
from tests.bench.server import Server, serving
from tests.browser.conftest import Visitor
from tests.browser.test_accessibility import DESKTOP, faults
from tests.infra.loopback_site import site

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]
Visitors = Callable[..., Visitor]
PAGES = 6
LET = threading.Semaphore(0)  # so many pages may be answered: the bar moves when the story wants it to
PATIENT_S = 30  # and then in any case, before the fetcher gives up
PASSWORD = "a tin whistle at noon 7"


class House(msgspec.Struct, frozen=True):
    server: Server
    data: Path
    site: str


class Site(BaseHTTPRequestHandler):
    """Answers when it is let; /p3 is missing."""

    def do_GET(self) -> None:
        if self.path.startswith("/p"):
            LET.acquire(timeout=PATIENT_S)
        whole = site(PAGES).get(self.path) if self.path != "/p3" else None
        self.wfile.write(whole or b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has there
        return


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    data = tmp_path_factory.mktemp("data")
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as there:
        threading.Thread(target=there.serve_forever, daemon=True).start()
        port = there.server_address[1]
        reading = "tests.browser.reading"
        with serving(data, module=reading, ENGINES="scripted", ARGON2="64,1,1", SITE_PORT=str(port)) as running:
            yield House(running, data, f"http://127.0.0.1:{port}/")
        there.shutdown()


def enter(page: Page, house: House, name: str, role: Role) -> None:
    """Make an account of that role, and sign in."""
    email = f"{name}@parley.example"
    page.context.request.post("/register", form={"username": name, "email": email, "phone": "", "password": PASSWORD})
    core = connect(f"sqlite:///{house.data / 'core.db'}")
    [mail] = SqlOutbox(core).newest(1)
    page.goto(re.findall(r"https?://[^/]+(/\S+)", mail.body)[0])
    page.get_by_role("button", name="Open the account").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    accounts = SqlAccounts(core)
    found = accounts.by_login(name)
    assert found is not None
    accounts.set_role(found.user.id, role)
    page.goto("/knowledge")
    for _ in range(40):  # what is known of a session is kept for some seconds
        if role == "user" or page.get_by_role("heading", name="Add something to read").count():
            break
        page.wait_for_timeout(500)
        page.reload()


def test_an_address_is_given_by_keyboard_read_while_one_watches_and_searched(visitor: Visitors, house: House) -> None:
    page = visitor(url=house.server.url).page
    enter(page, house, "anna", "member")
    expect(page.get_by_text("Nothing to read yet")).to_be_visible()
    assert list(faults(page)) == []
    page.set_viewport_size(DESKTOP)
    page.get_by_label("Address of a page, a site or a feed").focus()
    page.keyboard.type(house.site)
    page.keyboard.press("Enter")

    source = page.locator(".source")
    expect(source).to_contain_text("Reading")
    bar = source.get_by_role("progressbar")
    expect(bar).to_have_attribute("max", re.compile(r"\d"))
    seen = int(bar.get_attribute("value") or 0)
    source.get_by_role("button", name=re.compile("^Pause")).focus()
    LET.release(2)
    expect(bar).not_to_have_attribute("value", str(seen))  # it moves by itself
    expect(source.get_by_role("button", name=re.compile("^Pause"))).to_be_focused()  # and takes no focus away
    assert list(faults(page)) == []
    page.set_viewport_size(DESKTOP)
    LET.release(100)
    expect(source).to_contain_text("Up to date")
    expect(page.locator("#news")).to_contain_text("Up to date")
    expect(source).to_contain_text("1 problem")
    expect(source.get_by_role("button", name=re.compile("^Read it now"))).to_be_visible()

    source.get_by_role("link", name="127.0.0.1").first.press("Enter")
    expect(page.get_by_role("heading", name="What could not be read")).to_be_visible()
    expect(page.get_by_text("The site has no page at this address.")).to_be_visible()
    assert list(faults(page)) == []
    page.set_viewport_size(DESKTOP)
    page.get_by_role("link", name="Parish record 1").press("Enter")
    expect(page.locator(".extract")).to_contain_text("parish 31")
    assert list(faults(page)) == []
    page.set_viewport_size(DESKTOP)

    page.goto("/knowledge")
    page.get_by_label("What to look for").fill("rye bread linen")
    page.keyboard.press("Enter")
    first = page.locator(".place").first
    expect(first).to_contain_text("Parish record 1")
    expect(first).to_contain_text("of the words asked for")
    assert list(faults(page)) == []


def test_a_source_is_removed_and_brought_back_in_its_place(visitor: Visitors, house: House) -> None:
    LET.release(10)
    page = visitor(url=house.server.url).page
    enter(page, house, "berta", "member")
    assert page.get_by_text("127.0.0.1").count() == 0  # what anna has is anna's
    page.get_by_label("Address of a page, a site or a feed").fill(f"{house.site}p2")
    page.get_by_role("button", name="Add").click()
    source = page.locator(".source")
    source.get_by_role("button", name=re.compile("^Remove")).press("Enter")
    expect(page.locator(".row--gone")).to_contain_text("was removed")
    page.get_by_role("button", name="Undo").press("Enter")
    expect(source.get_by_role("button", name=re.compile("^Remove"))).to_be_visible()
    assert page.url.endswith("?done=source-added")


def test_what_is_pressed_while_a_source_is_being_read_is_not_lost_when_it_has_been_read(
    visitor: Visitors, house: House
) -> None:
    LET.release(10)
    # Where requests can be held, Chromium gives up fading from page to page, and says so
    page = visitor(url=house.server.url, may_say="ViewTransition opt-in disabled").page
    enter(page, house, "dora", "member")
    held: list[Route] = []
    page.route("**/remove", lambda route: held.append(route))
    page.get_by_label("Address of a page, a site or a feed").fill(f"{house.site}p2")
    page.get_by_role("button", name="Add").click()
    page.locator(".source").get_by_role("button", name=re.compile("^Remove")).press("Enter")
    while not held:
        page.wait_for_timeout(50)
    page.wait_for_timeout(4_000)  # it is looked at each second or two, and has been read meanwhile
    held.pop().continue_()
    expect(page.locator(".row--gone")).to_contain_text("was removed")


def test_a_refused_address_has_the_focus_and_the_words(visitor: Visitors, house: House) -> None:
    page = visitor(url=house.server.url, may_say="status of 400").page
    enter(page, house, "clara", "member")
    page.get_by_label("Address of a page, a site or a feed").fill("ftp://site.example/")
    page.keyboard.press("Enter")
    wrong = page.get_by_label("Address of a page, a site or a feed")
    expect(wrong).to_be_focused()
    expect(wrong).to_have_accessible_description(re.compile("not an address of the web"))
    assert list(faults(page)) == []


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_guests_and_users_find_no_fault_either(visitor: Visitors, house: House, locale: str) -> None:
    page = visitor(url=house.server.url, locale=locale).page
    for address in ("/characters/socrates/knowledge", "/knowledge", "/knowledge/search?character=socrates&q=rye"):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        assert list(faults(page)) == [], address
