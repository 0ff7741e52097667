"""Files in a browser: picked, dropped, removed and brought back; a chat saved from its room."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Page, expect

from db.accounts import SqlAccounts
from db.connect import connect
from tests.bench.server import Server, serving
from tests.browser.conftest import Visitor
from tests.browser.room import Room
from tests.browser.test_accessibility import faults
from tests.browser.test_signed_in import sign_up

pytestmark = pytest.mark.browser
Visitors = Callable[..., Visitor]
PDF = b"%PDF-1.7\n" + b"x" * 3_000_000
LETTER: FilePayload = {"name": "letter.pdf", "mimeType": "image/png", "buffer": PDF}
SIZES = ((1280, 800), (390, 844))
DROP = """([name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name));
  const told = { bubbles: true, cancelable: true, dataTransfer: data };
  for (const kind of ["dragenter", "dragover", "drop"])
    document.getElementById("drop").dispatchEvent(new DragEvent(kind, told));
}"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[Server, Path]]:
    with serving(tmp_path / "data", ENGINES="scripted", ARGON2="64,1,1") as running:
        yield running, tmp_path / "data"


def anna(visitor: Visitors, house: tuple[Server, Path], member: bool = True, may_say: str = "") -> Page:
    server, data = house
    someone = visitor(url=server.url, may_say=may_say)
    sign_up(someone, server.url, data)
    if member:
        engine = connect(f"sqlite:///{data / 'core.db'}")
        accounts = SqlAccounts(engine)
        accounts.set_role(accounts.search("anna")[0].id, "member")
        engine.dispose()
        someone.page.wait_for_timeout(1_200)  # what the server knows of a sign-in is a second old at most
    return someone.page


@pytest.mark.parametrize("size", SIZES)
def test_files_are_picked_dropped_removed_and_brought_back(
    visitor: Visitors, house: tuple[Server, Path], size: tuple[int, int]
) -> None:
    page = anna(visitor, house, may_say="status of 400")  # of what is refused
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto("/files")
    expect(page.get_by_text("No files yet")).to_be_visible()
    page.set_input_files("#file", [LETTER])
    row = page.locator("#files .row")
    expect(row).to_contain_text("letter.pdf")
    expect(page.locator("#sending")).to_be_hidden()
    expect(page.locator(".quota")).to_contain_text("1 / 20")

    page.evaluate(DROP, ["notes.txt", "some words"])
    expect(row).to_have_count(2)
    page.evaluate(DROP, ["holiday.png", "<!doctype html><script>alert(1)</script>"])
    expect(page.locator(".sending__one--wrong")).to_contain_text("The name says that this is something else")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#sending")).to_be_hidden()

    first = row.filter(has_text="letter.pdf")
    first.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("“letter.pdf” was removed.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(first).to_contain_text("letter.pdf")
    first.get_by_role("button", name="Keep").click()
    expect(first).not_to_contain_text("Kept until")
    with page.expect_download() as got:
        first.get_by_role("link", name="Download").click()
    assert got.value.suggested_filename == "letter.pdf"
    assert Path(got.value.path()).read_bytes() == PDF
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= size[0]


def test_the_bar_moves_and_a_file_can_be_stopped(visitor: Visitors, house: tuple[Server, Path]) -> None:
    page = anna(visitor, house)
    page.goto("/files")
    page.context.new_cdp_session(page).send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": 5_000_000, "uploadThroughput": 100_000},
    )
    page.set_input_files("#file", [LETTER])
    expect(page.locator(".sending__state")).to_have_text(re.compile(r"^Sending [1-9]\d? %$"))
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#sending")).to_be_hidden()
    page.reload()
    expect(page.get_by_text("No files yet")).to_be_visible()


def test_a_chat_is_saved_from_its_room_while_the_call_goes_on(visitor: Visitors, house: tuple[Server, Path]) -> None:
    page = anna(visitor, house)
    page.goto("/characters/socrates")
    page.locator("form.talk button").first.click()
    page.wait_for_url("**/chats/*")
    with page.expect_response(re.compile(r"/turns$")):
        Room(page).write("Who are you?")
    page.locator(".room__tools summary").click()
    page.get_by_label("with the character’s voice").check()
    page.get_by_role("button", name="Save this chat").click()
    told = page.locator(".keeping__told")
    expect(told).to_contain_text("The conversation is among your files.")
    told.get_by_role("link").click()
    page.wait_for_url("**/files")
    expect(page.locator("#files .row")).to_have_count(3)
    expect(page.locator("#files")).to_contain_text("saved conversation")


def test_who_may_not_save_is_told_which_plan_gives_it(visitor: Visitors, house: tuple[Server, Path]) -> None:
    page = anna(visitor, house, member=False, may_say="status of 402")
    page.goto("/characters/socrates")
    page.locator("form.talk button").first.click()
    page.wait_for_url("**/chats/*")
    with page.expect_response(re.compile(r"/turns$")):
        Room(page).write("Who are you?")
    page.locator(".room__tools summary").click()
    page.get_by_role("button", name="Save this chat").click()
    expect(page.locator(".keeping__told")).to_contain_text("not part of your plan")


def test_the_page_of_files_has_no_accessibility_fault(visitor: Visitors, house: tuple[Server, Path]) -> None:
    page = anna(visitor, house, may_say="status of 400")
    page.goto("/files")
    assert list(faults(page)) == []
    page.set_input_files("#file", [LETTER])
    expect(page.locator("#files .row")).to_have_count(1)
    page.evaluate(DROP, ["holiday.png", "<!doctype html>"])
    expect(page.locator(".sending__one--wrong")).to_be_visible()
    assert list(faults(page)) == []
