"""Membership as people meet it: plans, buying, what is used, changing one's mind, receipts. The stores are real."""

import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import anyio
import httpx
import pytest

from domain.membership.model import Coupon, Hold, Order, Use
from domain.membership.ports import Checkout
from infra.payments.settings import Payments
from tests.fakes_provider import ScriptedProvider
from tests.web.accounts import beside, csrf, sign_in
from tests.web.house import HTMX
from tests.web.market import PATIENT_S, Market, bought, browser, hook, newest, order, owner, send, settled
from tests.web.test_knowledge import words
from tests.web.test_templates import Tags

MONTH_S = 31 * 86_400


@pytest.fixture
def home(tmp_path: Path, database: Path) -> Iterator[Market]:
    with Market(tmp_path, database).running() as home:
        yield home


@pytest.fixture
def anna(home: Market) -> httpx.Client:
    return browser(home)


def plan(page: str, name: str) -> str:
    """Return what stands on a plan's card."""
    card = page.partition(f'id="plan-{name}"')[2].partition('id="plan-')[0]
    assert card, name
    return card.partition('class="coupon"')[0]


def mine(page: str) -> str:
    return words(page.partition('class="mine"')[2].partition("</section>")[0])


# -- looking -----------------------------------------------------------------------------------------


def test_a_guest_sees_what_there_is_in_their_currency_and_makes_an_account_first(home: Market) -> None:
    guest = home.browser()
    page = guest.get("/membership").text
    assert "$4.99 a month" in plan(page, "basic") and "$12.99 a month" in plan(page, "plus")
    assert "10 hours of voice each month" in plan(page, "basic")
    assert "The first 7 days are free." in plan(page, "plus")
    back = "/membership%3Fperiod%3Dmonth%26currency%3DUSD%26plan%3Dplus%23plans"  # the plan that is looked at
    assert 'action="/membership/buy"' not in page and f'href="/register?next={back}"' in plan(page, "plus")
    assert f'href="/sign-in?next={back}"' in guest.get("/membership?plan=plus").text
    chinese = home.browser(**{"accept-language": "zh-CN"}).get("/membership?period=year").text
    assert "¥290.00" in plan(chinese, "basic") and "¥24.17" in plan(chinese, "basic")
    assert "CN¥69.00 a month" in plan(guest.get("/membership?currency=CNY").text, "plus")
    assert guest.post("/membership/buy", data={"plan": "basic"}, follow_redirects=False).status_code == 403


def test_an_odd_address_shows_the_page_all_the_same(home: Market, anna: httpx.Client) -> None:
    for query in ("period=week", "currency=EUR", "plan=gold", "period=%00", "coupon=%00", "coupon=" + "x" * 5_000,
                  "plan=plus&plan=basic", "currency=", "coupon=🙂"):  # fmt: skip
        for client in (home.browser(), anna):
            assert client.get(f"/membership?{query}").status_code == 200, query


def test_a_user_sees_what_everybody_has_and_how_much_of_it_is_left(home: Market, anna: httpx.Client) -> None:
    meters, who, now = home.services.selling.meters, owner(home), home.time.now()
    hold = Hold(id="turn1", owner=who, feature="voice_seconds", window=f"{now:%Y-%m-%d}", amount=125_000, at=now,
                expires_at=now)  # fmt: skip
    meters.hold(hold, 600_000, 1)
    meters.settle("turn1", [Use("call1", "tts", 125_000)], now)
    page = anna.get("/membership").text
    assert "This is what everybody has. It costs nothing." in mine(page)
    assert "Minutes of voice, the last thirty days" not in browser(home, username="ben", email="ben@example.org").get(
        "/membership"
    ).text  # who used none has no chart of nothing
    used = words(page.partition('class="used"')[2])
    assert "3 min / 10 min" in used or "3 min of 10 min" in used
    assert "7 min left" in used
    assert '<progress class="used__bar" max="600" value="125"' in page
    table = page.partition('class="chart__table"')[2].partition("</table>")[0]
    assert "<td>2.1</td>" in table and f"{now:%Y-%m-%d}" in table


def test_what_is_met_on_a_page_is_no_second_heading_of_it(anna: httpx.Client) -> None:
    page = anna.get("/knowledge").text
    assert 'class="met"' in page and page.count("<h1") == 1


# -- buying ------------------------------------------------------------------------------------------


def test_a_plan_is_bought_and_is_there_when_the_provider_says_so(home: Market, anna: httpx.Client) -> None:
    answer = order(anna)
    made = newest(home)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/membership/orders/{made.id}/pay")
    assert (made.state, made.due, made.currency, made.live) == ("pending", 499, "USD", True)
    pay = anna.get(answer.headers["location"]).text
    assert f'content="0;url=https://pay.test/{made.id}"' in pay and f'href="https://pay.test/{made.id}"' in pay
    home.provider.pay(made)
    assert hook(home, anna, "paid", made).status_code == 200
    granted = settled(home, "granted")
    for address in ("", "?period=year", f"/orders/{made.id}", f"/orders/{made.id}/receipt", "/orders"):
        Tags(anna.get(f"/membership{address}").text)
    page = anna.get("/membership").text
    assert "Basic" in mine(page) and "Then it goes on for US$4.99 a month, unless you cancel before." in mine(page)
    assert "0 min of 10 h" in words(page)
    shown = words(anna.get(f"/membership/orders/{made.id}").text)
    assert "Paid, and yours" in shown and "$4.99" in shown
    receipt = words(anna.get(f"/membership/orders/{made.id}/receipt").text)
    assert f"Receipt {granted.receipt}" in receipt and "anna@example.org" in receipt and "$4.99" in receipt


@pytest.mark.parametrize(
    "query", ["", "?order={id}", "?order={id}&state=granted&paid=1", "?order=nobody", "?order=%00"]
)
def test_coming_back_from_the_provider_grants_nothing(home: Market, anna: httpx.Client, query: str) -> None:
    order(anna)
    made = newest(home)
    page = anna.get("/membership/return" + query.format(id=made.id))
    if "nobody" not in query:
        assert "Waiting for the payment" in page.text
    for look in range(1, 30):
        anna.get(f"/membership/orders/{made.id}/state?look={look}")
    assert newest(home).state == "pending"
    assert home.services.selling.orders.membership(owner(home)) is None
    assert home.services.selling.orders.transactions(made.id) == []


def test_the_page_of_an_order_looks_again_until_the_books_have_it_though_no_event_came(
    home: Market, anna: httpx.Client
) -> None:
    order(anna)
    made = newest(home)
    address = f"/membership/orders/{made.id}/state"
    first = anna.get(f"{address}?look=2", headers=HTMX).text
    assert f'hx-get="{address}?look=3"' in first and 'hx-trigger="every 2s"' in first
    home.provider.pay(made)
    assert "Waiting" in anna.get(f"{address}?look=4").text  # our own store, which knows of nothing yet
    assert "Paid, and yours" in anna.get(f"{address}?look=6").text
    last = anna.get(f"{address}?look=7").text
    assert "hx-get" not in last
    assert settled(home, "granted").receipt == 1


def test_a_page_that_waited_for_long_asks_no_more(home: Market, anna: httpx.Client) -> None:
    order(anna)
    address = f"/membership/orders/{newest(home).id}/state"
    assert 'hx-trigger="every 5s"' in anna.get(f"{address}?look=60").text
    for look in ("151", "999999999"):
        assert "hx-get" not in anna.get(f"{address}?look={look}").text
    assert anna.get(f"{address}?look=x").status_code == 400
    assert anna.get(f"{address}?look=-5").status_code == 200


def test_pressed_twice_it_is_one_order(home: Market, anna: httpx.Client) -> None:
    first, second = order(anna), order(anna)
    assert first.headers["location"] == second.headers["location"]
    assert len(home.services.selling.orders.of(owner(home))) == 1


@pytest.mark.parametrize(
    "wish",
    [{"plan": "gold"}, {"plan": "free"}, {"plan": ""}, {"plan": "\0"}, {"plan": "x" * 9_000}, {"period": "week"},
     {"currency": "EUR"}, {"coupon": "x" * 500}, {"coupon": "\0"}, {"period": ""}],
)  # fmt: skip
def test_what_cannot_be_bought_is_refused_and_nothing_is_ordered(
    home: Market, anna: httpx.Client, wish: dict[str, str]
) -> None:
    answer = order(anna, **wish)
    assert 400 <= answer.status_code < 500
    assert home.services.selling.orders.of(owner(home)) == []


def test_the_price_is_ours_whatever_is_sent(home: Market, anna: httpx.Client) -> None:
    order(anna, amount="1", list_amount="1", discount="498", state="granted", live="0", trial_days="99", user_id="eve")
    made = newest(home)
    assert (made.due, made.list_amount, made.state, made.live, made.trial_days) == (499, 499, "pending", True, 0)


def test_a_provider_that_is_away_is_told_and_the_order_can_be_paid_later(home: Market, anna: httpx.Client) -> None:
    home.provider.away = True
    answer = order(anna)
    assert answer.status_code == 503
    home.provider.away = False
    made = newest(home)
    assert made.state == "created"
    assert order(anna).headers["location"] == f"/membership/orders/{made.id}/pay"


def test_an_order_is_given_up_and_can_be_made_anew(home: Market, anna: httpx.Client) -> None:
    order(anna)
    first = newest(home)
    dropped = send(anna, f"/membership/orders/{first.id}/drop")
    assert dropped.status_code == 303
    assert "Over, and not paid" in anna.get(dropped.headers["location"]).text
    assert anna.get(f"/membership/orders/{first.id}/pay", follow_redirects=False).status_code == 303
    assert anna.get(f"/membership/orders/{first.id}/receipt").status_code == 409
    home.time.seconds += 1
    order(anna)
    assert newest(home).id != first.id


def test_what_was_declined_says_what_to_do(home: Market, anna: httpx.Client) -> None:
    order(anna)
    made = newest(home)
    home.provider.expire(made.id, "failed")
    hook(home, anna, "failed", made)
    settled(home, "failed")
    page = words(anna.get(f"/membership/orders/{made.id}").text)
    assert "The payment was declined; nothing was paid. Try again, or pay in another way." in page


def test_nobody_sees_the_order_of_another(home: Market, anna: httpx.Client) -> None:
    theirs = bought(home, anna)
    ben = browser(home, username="ben", email="ben@example.org")
    for part in ("", "/state", "/pay", "/receipt"):
        assert ben.get(f"/membership/orders/{theirs.id}{part}").status_code == 404
    assert send(ben, f"/membership/orders/{theirs.id}/drop").status_code == 404
    assert ben.get(f"/membership/return?order={theirs.id}").status_code == 404
    assert "Receipt 1" not in ben.get("/membership").text


def test_a_trial_costs_nothing_today_and_is_had_once(home: Market, anna: httpx.Client) -> None:
    assert "Free for 7 days, then US$12.99 a month." in words(plan(anna.get("/membership").text, "plus"))
    trial = bought(home, anna, "plus")
    assert (trial.due, trial.trial_days) == (0, 7)
    page = mine(anna.get("/membership").text)
    assert "On trial until" in page and "Then it goes on for US$12.99 a month, unless you cancel before." in page


def test_a_phone_reads_a_code_and_the_page_waits(tmp_path: Path, database: Path) -> None:
    """Providers without a page of their own."""

    class Coded(ScriptedProvider):
        async def checkout(self, order: Order, *rest: str) -> Checkout:
            made = await super().checkout(order, *rest)
            return Checkout(made.ref, qr="weixin://wxpay/bizpayurl?pr=p4lpSuKzz")

    with Market(tmp_path, database, Coded(renews=False, currencies=("CNY",))).running() as home:
        anna = browser(home)
        assert order(anna, currency="USD").status_code == 409  # nobody takes them
        answer = order(anna, currency="CNY")
        page = anna.get(answer.headers["location"]).text
        assert "<svg" in page and 'role="img" aria-label="A code for WeChat on your phone"' in page
        assert "http-equiv" not in page and 'hx-trigger="every 2s"' in page and "weixin:" not in page
        made = newest(home)
        home.provider.pay(made)
        hook(home, anna, "paid", made)
        settled(home, "granted")
        shown = anna.get("/membership").text
        assert "Then it ends; nothing more is taken." in mine(shown)
        assert "Buy the next period" in plan(shown, "basic")
        assert 'action="/membership/cancel"' not in shown


# -- coupons -----------------------------------------------------------------------------------------


def test_a_coupon_takes_something_off_and_is_told_beside_its_field_when_it_does_not(
    home: Market, anna: httpx.Client
) -> None:
    kept = home.services.selling.orders
    kept.keep_coupon(Coupon(code="SPRING-20", percent=20, most=1))
    kept.keep_coupon(Coupon(code="PLUS-ONLY", percent=50, most=9, plan_id="plus"))
    page = anna.get("/membership?coupon=spring-20").text
    card = words(plan(page, "basic"))
    assert "$3.99" in card and "The coupon takes US$1.00 off the first payment." in card
    assert 'name="coupon" value="spring-20"' in plan(page, "basic")
    unknown = anna.get("/membership?coupon=NOBODY")
    assert "There is no such coupon." in beside(unknown, "coupon")
    other = anna.get("/membership?coupon=PLUS-ONLY")
    assert not beside(other, "coupon")  # it is good for the plan beside it
    assert "This coupon is for another plan." in plan(other.text, "basic")
    assert "The coupon takes US$6.50 off the first payment." in plan(other.text, "plus")
    assert 'name="coupon" value="PLUS-ONLY"' not in plan(other.text, "basic")
    assert order(anna, coupon="spring-20").status_code == 303
    assert (newest(home).due, newest(home).discount) == (399, 100)
    ben = browser(home, username="ben", email="ben@example.org")
    spent = order(ben, coupon="SPRING-20")
    assert spent.status_code == 409 and beside(spent, "coupon")
    assert home.services.selling.orders.of(owner(home, "ben")) == []


# -- changing one's mind -----------------------------------------------------------------------------


def test_a_payment_that_is_late_is_told_as_it_is_and_what_is_cancelled_then(home: Market, anna: httpx.Client) -> None:
    made = bought(home, anna)
    home.time.seconds += MONTH_S + 60
    sign_in(anna)
    late = mine(anna.get("/membership").text)
    assert "What you paid for went to 1 February 2026. The next payment is under way" in late
    hook(home, anna, "renewal_failed", made, subscription=f"sub_{made.id}", ref="in_x")
    end = time.monotonic() + PATIENT_S
    while "The last payment did not come. You keep everything until 4 February 2026" not in late:
        assert time.monotonic() < end, late
        late = mine(anna.get("/membership").text)
    send(anna, "/membership/cancel")
    gone = mine(anna.get("/membership").text)
    assert "you have cancelled. You keep everything until 4 February 2026; nothing more is taken." in gone
    assert "tried again" not in gone and 'action="/membership/resume"' not in gone


def test_who_pays_by_the_year_looks_at_years_first_and_sees_why_a_month_must_wait(
    home: Market, anna: httpx.Client
) -> None:
    bought(home, anna, period="year")
    assert "What you have" in plan(anna.get("/membership").text, "basic")
    assert "Change to Plus now" in plan(anna.get("/membership").text, "plus")
    send(anna, "/membership/cancel")
    monthly = anna.get("/membership?period=month").text
    for name in ("basic", "plus"):
        assert "To be had from 1 January 2027 on, when what you have ends." in plan(monthly, name)
        assert "<button" not in plan(monthly, name)


def test_cancelling_takes_one_press_and_can_be_taken_back(home: Market, anna: httpx.Client) -> None:
    bought(home, anna)
    answer = send(anna, "/membership/cancel")
    assert (answer.status_code, answer.headers["location"]) == (303, "/membership?done=plan-cancelled")
    page = anna.get(answer.headers["location"]).text
    assert "The membership is cancelled. Nothing more is taken." in words(page)
    assert "Then it ends; nothing more is taken." in mine(page) and 'action="/membership/resume"' in page
    assert home.letters.sent[-1].kind == "membership_cancelled"
    assert [card.cancelled for card in home.provider.cards.values()] == [True]
    again = send(anna, "/membership/resume")
    assert "Your membership goes on." in words(anna.get(again.headers["location"]).text)
    assert [card.cancelled for card in home.provider.cards.values()] == [False]


def test_a_better_plan_costs_what_is_left_to_pay_and_a_lesser_one_comes_later(
    home: Market, anna: httpx.Client
) -> None:
    bought(home, anna)
    home.time.seconds += MONTH_S / 2
    sign_in(anna)
    card = words(plan(anna.get("/membership").text, "plus"))
    assert "$10.49" in card and "$2.50 is left of what you have, and is taken off." in card
    assert "A new month begins today, also for what the plan gives each month." in card
    order(anna, "plus")
    made = newest(home)
    assert (made.kind, made.credit, made.due) == ("upgrade", 250, 1_049)
    home.provider.pay(made)
    hook(home, anna, "paid", made)
    settled(home, "granted")
    page = anna.get("/membership").text
    assert "Plus" in mine(page) and "nothing is paid now" in words(plan(page, "basic"))
    later = send(anna, "/membership/change", plan="basic", period="month")
    assert later.headers["location"] == "/membership?done=plan-changed"
    changed = anna.get("/membership").text
    assert "Then it goes on as Basic, for US$4.99 a month." in mine(changed)
    assert "Stay with Plus" in changed
    send(anna, "/membership/resume")
    assert "Then it goes on for US$12.99 a month, unless you cancel before." in mine(anna.get("/membership").text)


def test_what_has_ended_meanwhile_cannot_be_cancelled_and_the_page_says_how_it_is(
    home: Market, anna: httpx.Client
) -> None:
    for press in ("cancel", "resume"):
        answer = send(anna, f"/membership/{press}")
        assert (answer.status_code, answer.headers["location"]) == (303, "/membership")
    assert send(anna, "/membership/change", plan="basic", period="month").status_code == 404


def test_a_renewal_that_fails_is_told_with_what_to_do(home: Market, anna: httpx.Client) -> None:
    first = bought(home, anna)
    home.time.seconds += MONTH_S
    sign_in(anna)
    hook(home, anna, "renewal_failed", first, subscription=f"sub_{first.id}")
    end = time.monotonic() + PATIENT_S
    while "Payment late" not in (page := mine(anna.get("/membership").text)):
        assert time.monotonic() < end, page
        time.sleep(0.02)
    assert "You keep everything until" in page and "Please see that your card is good." in page


# -- who is a member ---------------------------------------------------------------------------------


def test_who_holds_a_membership_is_a_member_and_is_none_when_it_ends(home: Market, anna: httpx.Client) -> None:
    address = {"url": "https://site.example/inn"}
    refused = send(anna, "/knowledge/sources", **address)
    assert refused.status_code == 402 and 'href="/membership?plan=basic"' in refused.text
    bought(home, anna)
    assert send(anna, "/knowledge/sources", **address).status_code == 303
    kept = home.accounts.by_login("anna")
    assert kept is not None and kept.user.role == "user"  # what is stored stays
    send(anna, "/membership/cancel")
    home.time.seconds += MONTH_S + 2
    sign_in(anna)
    assert send(anna, "/knowledge/sources", url="https://site.example/other").status_code == 402
    assert "site.example/inn" in anna.get("/knowledge").text  # it can still be seen, and removed


def test_how_much_room_for_pages_there_is_says_the_plan(home: Market, anna: httpx.Client) -> None:
    bought(home, anna)
    first = {"url": "https://site.example/", "kind": "site"}
    assert send(anna, "/knowledge/sources", **first, max_pages="500").status_code == 303
    full = send(anna, "/knowledge/sources", url="https://other.example/one", kind="page")
    assert full.status_code == 402
    assert 'href="/membership?plan=plus"' in full.text and 'action="/knowledge/sources"' in full.text


def test_a_role_that_has_a_plan_is_sold_nothing_that_it_has(home: Market, anna: httpx.Client) -> None:
    home.accounts.set_role(owner(home), "member")
    home.sign_ins.forget(owner(home))
    home.services.selling.entitlements.forget(owner(home))
    page = anna.get("/membership").text
    assert "You have this without paying." in mine(page)
    assert 'action="/membership/buy"' not in page
    assert order(anna, "plus").status_code == 409


def test_where_nothing_is_sold_everybody_has_everything(tmp_path: Path, database: Path) -> None:
    home = Market(tmp_path, database, payments=Payments(kinds=()))
    with home.running():
        anna = browser(home)
        assert "Nothing is sold here: everybody has everything." in words(home.browser().get("/membership").text)
        page = anna.get("/membership").text
        assert "Nothing is sold here: everybody has everything." in words(page)
        assert "Plus" in mine(page)
        assert send(anna, "/knowledge/sources", url="https://site.example/inn").status_code == 303


# -- leaving -----------------------------------------------------------------------------------------


def test_everything_taken_along_has_the_membership_its_orders_and_what_was_used(
    home: Market, anna: httpx.Client
) -> None:
    made = bought(home, anna)
    answer = send(anna, "/account/export")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as taken:
        told = json.loads(taken.read("membership.json"))
    assert told["membership"]["plan_id"] == "basic" and told["orders"][0]["id"] == made.id
    assert told["orders"][0]["receipt"] == 1 and told["limits"]["voice_seconds"]["limit"] == 36_000


def test_who_asks_to_be_erased_is_charged_no_more_and_the_orders_stay_without_the_person(
    home: Market, anna: httpx.Client
) -> None:
    made, who = bought(home, anna), owner(home)
    assert send(anna, "/account/delete").status_code == 303
    assert [card.cancelled for card in home.provider.cards.values()] == [True]
    home.time.seconds += 8 * 86_400
    anyio.run(home.people.purge)
    kept = home.services.selling.orders
    assert kept.get(made.id).user_id == "" and kept.membership(who) is None
    assert kept.transactions(made.id)


def test_asking_for_too_much_is_slowed_down(home: Market, anna: httpx.Client) -> None:
    word = csrf(anna)
    answers = [
        anna.post("/membership/cancel", data={"csrf": word}, follow_redirects=False).status_code for _ in range(61)
    ]
    assert answers.count(303) == 60 and answers[-1] == 429
