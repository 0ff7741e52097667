"""Money as admins see it: orders, what the provider told, refunds that are meant, coupons, books that sum to zero."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from domain.desk import PROVED
from tests.web.accounts import beside, csrf
from tests.web.house import BROWSER
from tests.web.market import PATIENT_S, Market, bought, browser, hook, newest, order, owner, settled
from tests.web.test_knowledge import words
from tests.web.test_templates import Tags

PAGES = ("/admin/orders", "/admin/coupons", "/admin/books")


@pytest.fixture
def home(tmp_path: Path, database: Path) -> Iterator[Market]:
    with Market(tmp_path, database).running() as home:
        yield home


@pytest.fixture
def anna(home: Market) -> httpx.Client:
    return browser(home)


@pytest.fixture
def admin(home: Market, anna: httpx.Client) -> httpx.Client:
    client = browser(home, username="boss", email="boss@example.org")
    home.accounts.set_role(owner(home, "boss"), "admin")
    home.sign_ins.forget(owner(home, "boss"))
    return client


def send(client: httpx.Client, address: str, **fields: str) -> httpx.Response:
    return client.post(address, data={"csrf": csrf(client), **fields}, follow_redirects=False)


def actions(home: Market) -> list[str]:
    return [row.event.action for row in home.audit.rows]


def noted(home: Market, action: str, times: int = 1) -> None:
    """Wait until the audit log has it: what became of money is told behind the answers."""
    end = time.monotonic() + PATIENT_S
    while actions(home).count(action) < times:
        assert time.monotonic() < end, action
        time.sleep(0.02)
    assert actions(home).count(action) == times


def test_admins_find_an_order_with_what_was_told_and_booked(
    home: Market, anna: httpx.Client, admin: httpx.Client
) -> None:
    made = bought(home, anna)
    listed = words(admin.get("/admin/orders").text)
    assert "anna" in listed and "Paid, and yours" in listed and "$4.99" in listed
    assert made.id not in admin.get("/admin/orders?state=failed").text
    assert made.id in admin.get("/admin/orders?state=granted").text
    page = admin.get(f"/admin/orders/{made.id}").text
    shown = words(page)
    assert f"pay:{made.id}" in shown and "Owed by providers US$4.99" in shown and "Revenue −US$4.99" in shown
    assert "evt_1" in shown and "acct" not in shown
    for address in (*PAGES, f"/admin/orders/{made.id}"):
        Tags(admin.get(address).text)


def test_an_event_that_does_not_fit_is_marked(home: Market, anna: httpx.Client, admin: httpx.Client) -> None:
    order(anna)
    made = newest(home)
    home.provider.pay(made, amount=1)
    hook(home, anna, "paid", made, amount=1)
    settled(home, "failed")
    page = words(admin.get(f"/admin/orders/{made.id}").text)
    assert "(failed) another sum" in page and "paid another sum" in page
    assert "Give money back" not in page  # there is nothing to be given back


def test_a_part_is_given_back_and_then_all_of_it_and_the_books_sum_to_zero(
    home: Market, anna: httpx.Client, admin: httpx.Client
) -> None:
    made, kept = bought(home, anna), home.services.selling.orders
    where = f"/admin/orders/{made.id}"
    assert "at most US$4.99" in words(admin.get(where).text)
    part = send(admin, where + "/refund", sum="1.50", sure="1")
    assert (part.status_code, part.headers["location"]) == (303, f"{where}?done=refunded")
    assert settled(home, "part_refunded").refunded == 150
    assert kept.membership(owner(home)) is not None
    assert "at most US$3.49" in words(admin.get(where).text)
    rest = send(admin, where + "/refund", sum="", sure="1")
    assert rest.status_code == 303
    assert settled(home, "refunded").refunded == 499
    assert "This is what everybody has" in words(anna.get("/membership").text)
    assert sum(kept.balance().values()) == 0
    books = admin.get("/admin/books").text
    assert "mark--bad" not in books and "Refunds" in books and "$4.99" in books and "2026-01" in books
    noted(home, "refund_asked", 2)
    assert home.letters.sent[-1].kind == "refunded"
    assert "Give money back" not in admin.get(where).text


def test_a_refund_that_is_pressed_twice_is_given_back_once(
    home: Market, anna: httpx.Client, admin: httpx.Client
) -> None:
    where = f"/admin/orders/{bought(home, anna).id}"
    assert '<input type="hidden" name="most" value="499">' in admin.get(where).text
    first = send(admin, where + "/refund", sum="1.50", sure="1", most="499")
    assert first.headers["location"] == f"{where}?done=refunded"
    again = send(admin, where + "/refund", sum="1.50", sure="1", most="499")
    assert again.status_code == 409 and "The order has changed meanwhile." in words(again.text)
    assert settled(home, "part_refunded").refunded == 150


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"sum": "1"}, "sure"), ({"sum": "5.00", "sure": "1"}, "sum"), ({"sum": "-1", "sure": "1"}, "sum"),
     ({"sum": "1.234", "sure": "1"}, "sum"), ({"sum": "0", "sure": "1"}, ""), ({"sum": "x" * 900, "sure": "1"}, "sum"),
     ({"sum": "１", "sure": "1"}, "sum"), ({"sum": "1e3", "sure": "1"}, "sum")],
)  # fmt: skip
def test_what_cannot_be_given_back_is_refused_and_nothing_moves(
    home: Market, anna: httpx.Client, admin: httpx.Client, fields: dict[str, str], field: str
) -> None:
    made = bought(home, anna)
    answer = send(admin, f"/admin/orders/{made.id}/refund", **fields)
    assert 400 <= answer.status_code < 500
    if field == "sure":
        assert "Please say that you mean it." in words(answer.text)
    elif field:
        assert beside(answer, field) or "refusal" in answer.text
    assert newest(home).state == "granted" and not home.provider.refunds


def test_the_password_is_asked_for_again_before_money_goes_or_a_coupon_is_made(
    home: Market, anna: httpx.Client, admin: httpx.Client
) -> None:
    made = bought(home, anna)
    home.time.seconds += PROVED.total_seconds() + 1
    for address, fields in (
        (f"/admin/orders/{made.id}/refund", {"sure": "1"}), ("/admin/coupons", {"code": "A", "off": "5%", "most": "1"})
    ):  # fmt: skip
        answer = send(admin, address, **fields)
        assert answer.status_code == 303 and answer.headers["location"].startswith("/account/prove?next="), address
    assert newest(home).state == "granted" and home.services.selling.orders.coupons() == []


def test_nobody_else_gives_money_back_or_makes_coupons(home: Market, anna: httpx.Client, admin: httpx.Client) -> None:
    made = bought(home, anna)
    assert send(anna, f"/admin/orders/{made.id}/refund", sure="1").status_code == 404
    assert send(anna, "/admin/coupons", code="A", off="5%", most="1").status_code == 404
    for address in (*PAGES, f"/admin/orders/{made.id}"):
        assert anna.get(address).status_code == 404
    assert newest(home).state == "granted"
    assert admin.post(
        f"/admin/orders/{made.id}/refund", data={"sure": "1"}, headers=BROWSER, follow_redirects=False
    ).status_code == 403  # without the word of our pages
    assert newest(home).state == "granted"


def test_a_refund_that_the_provider_refuses_is_told_and_the_membership_goes_on(
    home: Market, anna: httpx.Client, admin: httpx.Client
) -> None:
    made, kept = bought(home, anna), home.services.selling.orders
    home.provider.refuses = True
    send(admin, f"/admin/orders/{made.id}/refund", sure="1")
    assert settled(home, "granted").refunded == 0
    noted(home, "refund_refused")
    assert sum(kept.balance().values()) == 0 and kept.membership(owner(home)) is not None


def test_a_coupon_is_made_used_and_changed(home: Market, anna: httpx.Client, admin: httpx.Client) -> None:
    made = send(admin, "/admin/coupons", code="spring-20", off="20%", most="2", once="1", until="2026-02-01")
    assert made.headers["location"] == "/admin/coupons?done=coupon-kept"
    page = words(admin.get("/admin/coupons").text)
    assert "SPRING-20 20% once each 0 / 2 every plan 1 February 2026" in page
    order(anna, coupon="spring-20")
    assert "1 / 2" in words(admin.get("/admin/coupons").text)
    send(admin, "/admin/coupons", code="SPRING-20", off="1,50", currency="USD", most="1", plan="plus")
    page = words(admin.get("/admin/coupons").text)
    assert "SPRING-20 US$1.50 1 / 1 Plus –" in page
    assert actions(home).count("coupon_kept") == 2


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"code": ""}, "code"), ({"code": "a b"}, "code"), ({"off": "x"}, "off"), ({"off": "0%"}, ""),
     ({"off": "101%"}, ""), ({"off": "5.00"}, "off"), ({"most": "0"}, ""), ({"most": "x"}, "most"),
     ({"plan": "gold"}, ""), ({"until": "yesterday"}, "until"), ({"until": "9999-12-31"}, "until"),
     ({"currency": "EUR", "off": "1"}, ""), ({"code": "\0"}, "code"), ({"most": "99999999999"}, "most")],
)  # fmt: skip
def test_a_coupon_that_makes_no_sense_is_refused(
    home: Market, admin: httpx.Client, fields: dict[str, str], field: str
) -> None:
    answer = send(admin, "/admin/coupons", **{"code": "SPRING", "off": "5%", "most": "9", **fields})
    assert 400 <= answer.status_code < 500
    if field:
        assert beside(answer, field), re.findall(r"refusal.*", answer.text)
    assert home.services.selling.orders.coupons() == []


def test_odd_addresses_are_bad_requests_or_nothing(home: Market, admin: httpx.Client) -> None:
    for address, status in (
        ("/admin/orders?state=gold", 400), ("/admin/orders?before=%00", 400), ("/admin/orders?before=nobody", 404),
        ("/admin/orders/nobody", 404), ("/admin/coupons?after=" + "x" * 65, 400), ("/admin/coupons?after=%00", 200),
    ):  # fmt: skip
        assert admin.get(address).status_code == status, address
