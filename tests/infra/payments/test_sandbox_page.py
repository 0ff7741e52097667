"""The sandbox's pay page, as a browser gets it: in two languages, without script, and for this machine alone."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from infra.payments import sandbox_page
from infra.payments.sandbox import Sandbox
from infra.payments.sandbox_records import later
from infra.payments.sandbox_words import ZH, say
from tests.infra.payments.hook import Hook
from tests.infra.payments.houses import BACK, make_order, now

pytestmark = pytest.mark.anyio
ID = "abcdefghij2345672345"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7 * 7 }}"


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


async def pay_page(sandbox: Sandbox, language: str = "en", tells: str = "Parley Plus, a month", **other: object) -> str:
    made = await sandbox.checkout(make_order(sandbox, ID, **other), "anna@parley.example", language, BACK, tells)
    return made.url


async def test_the_page_says_what_is_to_be_paid_and_that_no_money_moves(
    sandbox: Sandbox, browser: httpx.AsyncClient
) -> None:
    url = await pay_page(sandbox, trial_days=7, amount=1_905, list_amount=1_905)
    page = await browser.get(url)
    assert page.status_code == 200
    for words in ("This is a sandbox: no money moves.", "US$0.00", "7 days free, then US$19.05 each month"):
        assert words in page.text
    chinese = await browser.get(url, params={"language": "zh-CN"})
    for words in ("不会产生任何真实扣款", "免费 7 天，之后每月 US$19.05", '<html lang="zh-CN">'):
        assert words in chinese.text


async def test_the_page_speaks_the_language_of_the_checkout(sandbox: Sandbox, browser: httpx.AsyncClient) -> None:
    page = await browser.get(await pay_page(sandbox, "zh-CN"))
    assert "应付" in page.text and "To pay" not in page.text


async def test_paying_leads_back_and_is_told_by_the_webhook_alone(
    sandbox: Sandbox, hook: Hook, browser: httpx.AsyncClient
) -> None:
    url = await pay_page(sandbox)
    done = await browser.post(url, data={"do": "pay", "card": "4000 0000 0000 0001", "doubled": "1"})
    assert (done.status_code, done.headers["location"]) == (303, BACK)
    events = hook.heard(lambda told: [event.kind for event in told].count("paid") == 2)
    assert {event.order_id for event in events} == {ID}


@pytest.mark.parametrize(("do", "state"), [("decline", "failed"), ("leave", "open")])
async def test_declining_and_leaving_lead_back_too(
    sandbox: Sandbox, browser: httpx.AsyncClient, do: str, state: str
) -> None:
    url = await pay_page(sandbox)
    assert (await browser.post(url, data={"do": do})).headers["location"] == BACK
    assert (await sandbox.state(make_order(sandbox, ID))).state == state


async def test_the_buttons_after_paying_do_what_they_say(
    sandbox: Sandbox, hook: Hook, browser: httpx.AsyncClient
) -> None:
    url = await pay_page(sandbox)
    for do in ("pay", "later", "later_fails", "refund_half", "refund", "refund", "dispute", "dispute_won", "end"):
        done = await browser.post(url, data={"do": do})
        assert done.status_code == 303
        assert done.headers["location"] == (BACK if do == "pay" else url[url.index("/pay/") :])
    events = hook.heard(lambda told: "ended" in [event.kind for event in told])
    kinds = [event.kind for event in events if event.kind != "other"]
    assert kinds == [
        "paid", "renewed", "renewal_failed", "refunded", "refunded", "disputed", "dispute_won", "ended",
    ]  # fmt: skip
    page = await browser.get(url)
    assert "dispute_won" in page.text and "arrived" in page.text and "US$9.99 given back" in page.text


async def test_nothing_that_is_told_is_markup_on_the_page(sandbox: Sandbox, browser: httpx.AsyncClient) -> None:
    url = await pay_page(sandbox, tells=HOSTILE)
    await browser.post(url, data={"do": "pay", "card": HOSTILE, HOSTILE: HOSTILE})
    for each in (url, url.split("/pay/")[0] + "/"):
        page = await browser.get(each)
        assert "<script" not in page.text and "<img" not in page.text and "49" not in page.text.split("</header>")[1]
        assert "&lt;script&gt;" in page.text
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'; style-src 'self'" in policy and "frame-ancestors 'none'" in policy
        assert page.headers["cache-control"] == "no-store"
    assert f"form-action 'self' {BACK.rsplit('/membership', 1)[0]};" in (await browser.get(url)).headers[
        "content-security-policy"
    ]


@pytest.mark.parametrize("back", ["javascript:alert(1)", "http://127.0.0.1/\r\nSet-Cookie: a=b", "", "//elsewhere"])
async def test_an_address_back_that_is_none_is_not_used(
    sandbox: Sandbox, browser: httpx.AsyncClient, back: str
) -> None:
    made = await sandbox.checkout(make_order(sandbox, ID), "", "en", back, "x")
    done = await browser.post(made.url, data={"do": "pay"})
    assert done.headers["location"] == made.url[made.url.index("/pay/") :]
    assert "set-cookie" not in done.headers
    assert "javascript" not in (await browser.get(made.url)).text


async def test_other_names_other_pages_and_large_bodies_are_refused(
    sandbox: Sandbox, browser: httpx.AsyncClient
) -> None:
    url = await pay_page(sandbox)
    base = url.split("/pay/")[0]
    assert (await browser.get(url, headers={"Host": "evil.example"})).status_code == 403
    assert (await browser.post(url, data={"do": "pay"}, headers={"Host": "evil.example"})).status_code == 400
    assert (await browser.post(url, data={"do": "pay"}, headers={"Sec-Fetch-Site": "cross-site"})).status_code == 403
    assert (await browser.post(url, content=b"x" * 70_000)).status_code == 400
    assert (await browser.post(f"{base}/pay/none", data={"do": "pay"})).status_code == 404
    for path in ("/pay/", "/pay/none", "/../books.db", "/api", "/pay/%00"):
        assert (await browser.get(base + path)).status_code == 404
    for body in (b"", b"{}", b'{"what":"pay","order_id":"' + ID.encode() + b'"}'):
        assert (await browser.post(f"{base}/api", content=body)).status_code == 403
    assert (await sandbox.state(make_order(sandbox, ID))).state == "open"


def test_every_word_of_the_pages_has_its_chinese_and_none_is_left_over() -> None:
    here = Path(sandbox_page.__file__).parent
    html, code = (here / "sandbox.html").read_text(), (here / "sandbox_page.py").read_text()
    used = set(re.findall(r'_\("([^"]+)"', html)) | set(re.findall(r'\("\w+", "([A-Z][^"]+)"\)', code))
    used |= set(re.findall(r'"\w+": "([A-Z][a-z]+)"', code))
    for begin in ("then", "{days} days free, then"):
        used |= {f"{begin} {{price}} each month", f"{begin} {{price}} each year"}
    assert used == set(ZH)
    for text, chinese in ZH.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", chinese)), text
        assert say(text, "zh-CN") == chinese and say(text, "en") == text


def test_sums_are_written_without_floats() -> None:
    assert [sandbox_page.money(amount, "CNY") for amount in (0, 5, 100, 1_999, 10**15 + 7)] == [
        "¥0.00", "¥0.05", "¥1.00", "¥19.99", "¥10000000000000.07",
    ]  # fmt: skip


def test_months_have_different_lengths() -> None:
    start = now().replace(year=2027, month=1, day=31)
    assert later(start, "month").date().isoformat() == "2027-02-28"
    assert later(start.replace(month=12), "month").date().isoformat() == "2028-01-31"
    assert later(start.replace(year=2028, month=2, day=29), "year").date().isoformat() == "2029-02-28"
