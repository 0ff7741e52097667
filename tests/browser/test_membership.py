"""A membership from the first look to its end, in Chromium, paid on the page of the real sandbox."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from db.accounts import SqlAccounts
from db.connect import connect
from tests.bench.server import Server, serving
from tests.browser.conftest import Visitor
from tests.browser.test_accessibility import DESKTOP, PHONE, SETTLED, faults
from tests.browser.test_signed_in import sign_up

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]
Visitors = Callable[..., Visitor]
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SHOTS = os.environ.get("SHOTS", "")  # a folder, for whoever wants to look at the pages
# What a thumb has to hit on the sandbox's page.
TOO_SMALL = """() => [...document.querySelectorAll('a, button, summary, label:has(input), input:not([type])')]
  .filter((one) => Math.min(one.getBoundingClientRect().height, one.getBoundingClientRect().width) < 44)
  .map((one) => one.innerText)"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[Server, Path]]:
    with serving(tmp_path / "data", ENGINES="scripted", ARGON2="64,1,1") as running:
        yield running, tmp_path / "data"


def shoot(page: Page, name: str) -> None:
    if not SHOTS:
        return
    for size, width in ((DESKTOP, "desktop"), (PHONE, "phone")):
        for scheme in SCHEMES:
            page.set_viewport_size(size)
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.evaluate(SETTLED)
            page.screenshot(path=f"{SHOTS}/{name}-{width}-{scheme}.png", full_page=True)
    page.set_viewport_size(DESKTOP)


def looked_at(page: Page, name: str) -> None:
    """No page of it has an accessibility fault, and somebody may look at it."""
    shoot(page, name)
    assert list(faults(page)) == [], name
    page.set_viewport_size(DESKTOP)


def pay(page: Page, button: str = "Pay") -> None:
    """On the sandbox's page, which is on another port."""
    page.get_by_role("button", name=re.compile(f"^{button}")).first.click()


def test_a_person_buys_cancels_thinks_again_and_goes_up(visitor: Visitors, house: tuple[Server, Path]) -> None:
    server, data = house
    someone = visitor(url=server.url)
    page = someone.page
    page.goto("/membership")
    looked_at(page, "guest")
    sign_up(someone, server.url, data)
    page.goto("/membership")
    looked_at(page, "free")
    page.get_by_role("button", name="Buy Basic").click()
    page.wait_for_url("**/pay/*")
    assert not page.url.startswith(server.url)
    looked_at(page, "sandbox")
    page.set_viewport_size(PHONE)
    page.locator("summary").click()
    assert page.evaluate(TOO_SMALL) == []
    page.set_viewport_size(DESKTOP)
    pay(page)
    page.wait_for_url(re.compile("/membership/orders/"))
    expect(page.get_by_role("heading", name="Paid, and yours")).to_be_visible()
    looked_at(page, "granted")
    page.get_by_role("link", name="Receipt").click()
    expect(page.get_by_role("heading", name="Receipt 1")).to_be_visible()
    expect(page.locator(".lines tfoot")).to_contain_text("$4.99")
    looked_at(page, "receipt")
    page.goto("/membership")
    expect(page.locator(".mine__plan")).to_contain_text("Basic")
    expect(page.locator(".used")).to_contain_text("0 min of 10 h")
    looked_at(page, "basic")
    page.get_by_role("button", name="Cancel the membership").click()
    expect(page.get_by_role("status").first).to_contain_text("The membership is cancelled. Nothing more is taken.")
    expect(page.locator(".mine__words")).to_contain_text("Then it ends")
    looked_at(page, "cancelled")
    page.get_by_role("button", name="Keep my membership").click()
    expect(page.get_by_role("status").first).to_contain_text("Your membership goes on.")
    plus = page.locator("#plan-plus")
    expect(plus).to_contain_text("is left of what you have, and is taken off")
    plus.get_by_role("button", name="Change to Plus now").click()
    page.wait_for_url("**/pay/*")
    pay(page)
    page.wait_for_url(re.compile("/membership/orders/"))
    expect(page.get_by_role("heading", name="Paid, and yours")).to_be_visible()
    expect(page.locator(".lines")).to_contain_text("Left of the plan before")
    page.goto("/membership")
    expect(page.locator(".mine__plan")).to_contain_text("Plus")
    expect(page.locator(".orders__row")).to_have_count(2)
    looked_at(page, "plus")
    page.get_by_role("link", name="Yearly").click()
    looked_at(page, "yearly")


def test_an_admin_gives_money_back_and_reads_the_books(visitor: Visitors, house: tuple[Server, Path]) -> None:
    server, data = house
    someone = visitor(url=server.url, may_say="status of 40")
    sign_up(someone, server.url, data)
    page = someone.page
    page.goto("/membership")
    page.get_by_role("button", name="Buy Basic").click()
    page.wait_for_url("**/pay/*")
    pay(page)
    expect(page.get_by_role("heading", name="Paid, and yours")).to_be_visible()
    accounts = SqlAccounts(connect(f"sqlite:///{data / 'core.db'}"))
    found = accounts.by_login("anna")
    assert found is not None
    accounts.set_role(found.user.id, "admin")
    for _ in range(60):  # until the server looks again who that is
        page.goto("/admin/orders")
        if page.locator(".sheet").count():
            break
        page.wait_for_timeout(500)
    looked_at(page, "admin-orders")
    page.locator(".sheet__first a").first.click()
    looked_at(page, "admin-order")
    page.get_by_label("I mean it").check()
    page.get_by_role("button", name="Give it back").click()
    expect(page.get_by_role("status").first).to_contain_text("The money is on its way back.")
    page.goto("/admin/books")
    expect(page.locator(".sheet__sum").first).to_contain_text("$0.00")
    looked_at(page, "admin-books")
    page.goto("/admin/coupons")
    page.get_by_label("Code", exact=True).fill("spring-20")
    page.get_by_label("Takes off").fill("20%")
    page.get_by_label("Uses in all").fill("9")
    page.get_by_role("button", name="Keep the coupon").click()
    expect(page.locator(".sheet")).to_contain_text("SPRING-20")
    looked_at(page, "admin-coupons")


def test_what_is_declined_or_left_grants_nothing_and_says_what_to_do(
    visitor: Visitors, house: tuple[Server, Path]
) -> None:
    server, data = house
    someone = visitor(url=server.url, locale="zh-CN")
    sign_up(someone, server.url, data)
    page = someone.page
    page.goto("/membership?coupon=NOBODY")
    looked_at(page, "zh-coupon")
    page.goto("/membership")
    page.locator("#plan-basic button").click()
    page.wait_for_url("**/pay/*")
    page.locator("button[value=leave]").click()
    page.wait_for_url(re.compile("/membership/orders/"))
    looked_at(page, "zh-waiting")
    assert page.goto("/membership") is not None
    page.locator("#plan-basic button").click()
    page.wait_for_url("**/pay/*")
    page.locator("button[value=decline]").click()
    page.wait_for_url(re.compile("/membership/orders/"))
    expect(page.locator(".state--failed")).to_be_visible()
    looked_at(page, "zh-declined")
    page.goto("/membership")
    expect(page.locator(".mine__plan")).to_contain_text("免费")
