"""/api/membership: what programs are told is what the pages tell, and as the document says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.membership.model import Coupon, Hold, Use
from tests.web.accounts import csrf
from tests.web.market import Market, bought, browser, hook, newest, owner, settled
from tests.web.test_api_web import told_truly

API = "/api/membership"


@pytest.fixture
def home(tmp_path: Path, database: Path) -> Iterator[Market]:
    with Market(tmp_path, database).running() as home:
        yield home


class Program:
    """Somebody's program, with a token of theirs."""

    def __init__(self, home: Market, name: str = "anna") -> None:
        self.home, self.client = home, home.browser(accept="application/json")
        self.browser = browser(home, username=name, email=f"{name}@example.org")
        pair = self.client.post("/api/auth/sign-in", json={"login": name, "password": "a tin whistle at noon"}).json()
        self.token = {"authorization": f"Bearer {pair['access']}"}

    def get(self, path: str = "", **query: Any) -> httpx.Response:
        return self.client.get(API + path, headers=self.token, params=query)

    def post(self, path: str, **body: Any) -> httpx.Response:
        headers = {**self.token, **({"idempotency-key": body.pop("key")} if "key" in body else {})}
        return self.client.post(API + path, headers=headers, json=body)


@pytest.fixture
def anna(home: Market) -> Program:
    return Program(home)


def told(answer: httpx.Response, path: str, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return told_truly(answer, API + path)


def test_a_plan_is_bought_held_and_its_order_read(home: Market, anna: Program) -> None:
    assert told(anna.get(), "")["plan"] == "free"
    paying = told(anna.post("/buy", plan="basic", period="year"), "/buy", 201)
    made = newest(home)
    assert (paying["order"]["id"], paying["order"]["due"], paying["url"]) == (
        made.id, 4_990, f"https://pay.test/{made.id}"
    )  # fmt: skip
    assert told(anna.get(f"/orders/{made.id}"), "/orders/{order_id}")["state"] == "pending"
    home.provider.pay(made)
    hook(home, anna.client, "paid", made)
    settled(home, "granted")
    assert told(anna.get(f"/orders/{made.id}"), "/orders/{order_id}")["receipt"] == 1
    mine = told(anna.get(), "")
    assert (mine["plan"], mine["paid"], mine["renews"], mine["next_amount"], mine["currency"]) == (
        "basic", True, True, 4_990, "USD"
    )  # fmt: skip
    assert mine["limits"]["voice_seconds"] == {
        "limit": 36_000, "used": 0, "held": 0, "left": 36_000, "since": "2026-01-01T00:00:00Z",
        "until": "2026-02-01T00:00:00Z", "better": "plus",
    }  # fmt: skip
    assert told(anna.get("/orders"), "/orders")["orders"][0]["id"] == made.id


def test_plans_are_everybodys_to_read_and_offers_are_ones_own(home: Market, anna: Program) -> None:
    public = told_truly(anna.client.get(f"{API}/plans", headers={"accept-language": "zh-CN"}), f"{API}/plans")
    assert [plan["name"] for plan in public["plans"]] == ["免费", "基础版", "高级版"]
    assert public["offers"] == []
    home.services.selling.orders.keep_coupon(Coupon(code="HALF", percent=50, most=1))
    offers = told(anna.get("/plans", currency="CNY", coupon="half"), "/plans")["offers"]
    basic = next(each for each in offers if (each["plan"], each["period"]) == ("basic", "month"))
    assert (basic["currency"], basic["list_amount"], basic["discount"], basic["due"]) == ("CNY", 2_900, 1_450, 1_450)
    assert anna.get("/plans", currency="EUR").status_code == 400
    assert anna.get("/plans", coupon="x" * 100).status_code == 413
    assert anna.get("/plans", coupon="NOBODY").json()["code"] == "coupon_unknown"


def test_what_was_used_is_told_by_the_day(home: Market, anna: Program) -> None:
    meters, who, now = home.services.selling.meters, owner(home), home.time.now()
    meters.hold(
        Hold(id="t1", owner=who, feature="voice_seconds", window="2026-01-01", amount=9_000, at=now, expires_at=now),
        600_000, 1,
    )  # fmt: skip
    meters.settle("t1", [Use("c1", "tts", 9_000)], now)
    assert told(anna.get("/usage"), "/usage") == {
        "feature": "voice_seconds", "days": [{"day": "2026-01-01", "amount": 9_000}]
    }  # fmt: skip
    assert told(anna.get("/usage", feature="attachments", days=366), "/usage")["days"] == []
    for query in ({"days": 0}, {"days": 367}, {"feature": "gold"}, {"days": "x"}):
        assert anna.get("/usage", **query).status_code == 400


def test_the_same_key_is_the_same_order_for_good(home: Market, anna: Program) -> None:
    first = told(anna.post("/buy", plan="basic", key="k-1"), "/buy", 201)["order"]["id"]
    assert told(anna.post("/buy", plan="basic", key="k-1"), "/buy", 201)["order"]["id"] == first
    assert anna.post("/buy", plan="plus", key="k-1").json()["code"] == "order_key"
    home.provider.pay(newest(home))
    hook(home, anna.client, "paid", newest(home))
    settled(home, "granted")
    again = told(anna.post("/buy", plan="basic", key="k-1"), "/buy", 201)
    assert (again["order"]["id"], again["order"]["state"], again["url"]) == (first, "granted", "")
    assert len(home.services.selling.orders.of(owner(home))) == 1
    assert anna.post("/buy", plan="basic").json()["code"] == "plan_yours"
    assert Program(home, "ben").post("/buy", plan="basic", key="k-1").json()["order"]["id"] != first
    assert anna.post("/buy", plan="basic", key="x" * 201).status_code == 400


def test_changing_cancelling_and_taking_it_back(home: Market, anna: Program) -> None:
    bought(home, anna.browser)
    up = told(anna.post("/change", plan="plus"), "/change")
    assert up["paying"]["order"]["kind"] == "upgrade" and up["paying"]["order"]["credit"] == 499
    assert up["membership"]["plan"] == "basic"
    assert told(anna.post("/cancel"), "/cancel")["renews"] is False
    assert told(anna.post("/cancel"), "/cancel")["renews"] is False
    assert told(anna.post("/resume"), "/resume")["renews"] is True
    assert told(anna.post("/resume"), "/resume")["renews"] is True  # twice is no error
    home.provider.pay(newest(home))
    hook(home, anna.client, "paid", newest(home))
    settled(home, "granted")
    down = told(anna.post("/change", plan="basic"), "/change")
    assert down["paying"] is None
    assert (down["membership"]["plan"], down["membership"]["next_plan"], down["membership"]["next_amount"]) == (
        "plus", "basic", 499
    )  # fmt: skip


def test_who_has_none_is_told_so(anna: Program) -> None:
    for path in ("/cancel", "/resume"):
        assert told(anna.post(path), path, 404)["code"] == "membership_gone"
    assert anna.post("/change", plan="basic").json()["code"] == "membership_gone"
    assert anna.post("/buy", plan="gold").json()["code"] == "plan_unknown"
    assert anna.post("/buy").json()["code"] == "json_bad"
    assert anna.post("/buy", plan="basic", amount=1).json()["code"] == "json_bad"  # the price is ours


def test_nobody_reads_the_orders_of_another_or_without_a_token(home: Market, anna: Program) -> None:
    made = bought(home, anna.browser)
    ben = Program(home, "ben")
    assert ben.get(f"/orders/{made.id}").status_code == 404
    assert ben.get("/orders", before=made.id).status_code == 404
    assert anna.get("/orders", before="%00").status_code == 400
    for path in ("", "/orders", f"/orders/{made.id}", "/usage"):
        assert anna.client.get(API + path).status_code == 401
    word = {"x-csrf-token": csrf(anna.browser)}
    assert anna.browser.post(f"{API}/cancel", headers=word).status_code == 401  # cookies say nothing here


def test_orders_come_page_by_page(home: Market, anna: Program) -> None:
    for number in range(3):
        home.time.seconds += 1
        anna.post("/buy", plan="basic")
        anna.browser.post(
            f"/membership/orders/{newest(home).id}/drop", data={"csrf": csrf(anna.browser)}, follow_redirects=False
        )
        assert newest(home).state == "expired", number
    first = told(anna.get("/orders", limit=2), "/orders")
    rest = told(anna.get("/orders", limit=2, before=first["next"]), "/orders")
    assert (len(first["orders"]), len(rest["orders"]), rest["next"]) == (2, 1, "")


def test_who_asks_by_a_program_to_be_erased_is_charged_no_more(home: Market, anna: Program) -> None:
    bought(home, anna.browser)
    answer = anna.client.post("/api/auth/delete", headers=anna.token)
    assert answer.status_code == 202, answer.text
    assert [card.cancelled for card in home.provider.cards.values()] == [True]
