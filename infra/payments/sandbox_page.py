"""The sandbox's pages: plain HTML and one style sheet, no script."""

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from jinja2 import Environment, FileSystemLoader, select_autoescape

from infra.payments.sandbox_letters import Letter
from infra.payments.sandbox_records import Bill
from infra.payments.sandbox_wire import Switch
from infra.payments.sandbox_words import say

_HERE = Path(__file__).parent
CSS = (_HERE / "sandbox.css").read_bytes()
_SIGNS = {"USD": "US$", "CNY": "¥"}
_SWITCHES: tuple[tuple[Switch, str], ...] = (
    ("doubled", "Every event comes twice"),
    ("reversed", "Events come in reverse order"),
    ("late", "Events come 20 seconds late"),
    ("silent", "No event comes at all"),
    ("wrong_amount", "The amount is wrong"),
    ("wrong_currency", "The currency is wrong"),
    ("wrong_account", "The account is another one"),
    ("other_mode", "The event is of the other mode"),
    ("renewals_fail", "Renewals are declined"),
)
_STATES = {"open": "Open", "paid": "Paid", "failed": "Declined", "expired": "Over"}
_environment = Environment(
    loader=FileSystemLoader(_HERE), autoescape=select_autoescape(default=True), trim_blocks=True, lstrip_blocks=True
)


class Page(msgspec.Struct, frozen=True):
    status: int
    body: bytes
    kind: str = "text/html; charset=utf-8"
    form: str = "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"


def money(amount: int, currency: str) -> str:
    """Both currencies have a hundred minor units."""
    return f"{_SIGNS.get(currency, '')}{amount // 100}.{amount % 100:02d}"


def page(bill: Bill, letters: list[Letter], language: str = "") -> Page:
    ask = bill.ask
    language = language or ask.language
    back = urlsplit(ask.back)
    form = f"form-action 'self' {back.scheme}://{back.netloc}" if back.netloc else "form-action 'self'"
    return _page(
        language,
        f"{form}; base-uri 'none'; frame-ancestors 'none'",
        bill=bill,
        letters=letters,
        amount=money(ask.due, ask.currency),
        after=_after(bill, language),
        card=_card(bill),
        switches=_SWITCHES,
    )


def index(bills: list[Bill], language: str = "") -> Page:
    return _page(language or "en", Page(200, b"").form, bills=bills)


def _page(language: str, form: str, **given: Any) -> Page:
    def words(text: str, **holes: object) -> str:
        return say(text, language).format(**holes) if holes else say(text, language)

    made = _environment.get_template("sandbox.html").render(
        _=words, money=money, states=_STATES, language="zh-CN" if language.startswith("zh") else "en",
        other="en" if language.startswith("zh") else "zh-CN", **given,
    )  # fmt: skip
    return Page(200, made.encode(), form=form)


def _after(bill: Bill, language: str) -> str:
    """Return what is to be paid later."""
    ask = bill.ask
    if not ask.renews:
        return ""
    begin = "{days} days free, then" if ask.trial_days else "then"
    text = f"{begin} {{price}} each {ask.period}"
    return say(text, language).format(days=ask.trial_days, price=money(bill.price, ask.currency))


def _card(bill: Bill) -> str:
    """Return a number that is made up, and the same for the same person."""
    seed = hashlib.sha256((bill.ask.email or bill.order_id).encode()).digest()
    digits = f"4000{int.from_bytes(seed[:6]) % 10**12:012d}"
    return " ".join(digits[at : at + 4] for at in range(0, 16, 4))
