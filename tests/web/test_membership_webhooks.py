"""Webhooks by HTTP, signed as each provider signs theirs, verified by the real adapters; the books are the test's."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import func, select

from db.tables.membership import order_jobs
from db.work import reading
from domain.errors import Unavailable
from domain.membership.model import Order, ProviderEvent
from infra.payments.sandbox import Sandbox
from infra.payments.sandbox_wire import ACCOUNT, make_key
from infra.payments.stripe_ import Stripe
from infra.payments.wechat import WeChat
from tests.fakes_provider import ScriptedProvider
from tests.infra.payments.signing import (
    MERCHANT,
    STRIPE_SECRET,
    SandboxSigner,
    Signed,
    Signer,
    StripeSigner,
    WeChatSigner,
    wechat_keys,
)
from tests.infra.payments.stripe_api import KEY
from tests.web.market import PATIENT_S, Market, browser, newest, order, owner, settled
from web.routes.payments import MOST_BAD, WEBHOOK_BYTES

Verify = Callable[[Mapping[str, str], bytes], ProviderEvent]
replace = msgspec.structs.replace
NAMES = ("sandbox", "stripe", "wechat")


class Signing(ScriptedProvider):
    """Webhooks are verified by the real adapter, whose books the test writes."""

    verifier: Verify

    def verify(self, headers: Mapping[str, str], body: bytes) -> ProviderEvent:
        return self.verifier(headers, body)


class Till:
    """Somebody has ordered a plan and is on the provider's page."""

    def __init__(self, home: Market, client: httpx.Client, signer: Signer) -> None:
        self.home, self.client, self.signer = home, client, signer
        wish = order(client, currency=home.provider.currencies[0])
        assert wish.status_code == 303, wish.text
        self.order = newest(home)

    def signed(self, kind: str = "paid", **other: Any) -> Signed:
        return self.signer.event(kind, self.order, self.home.time.now(), **other)

    def send(self, signed: Signed, name: str = "") -> httpx.Response:
        headers, body = signed
        where = f"/payments/{name or self.home.provider.name}/webhook"
        return self.client.post(where, content=body, headers=headers, follow_redirects=False)

    def pay(self, **wrong: Any) -> None:
        self.home.provider.pay(self.order, **wrong)

    @property
    def state(self) -> str:
        return self.home.services.selling.orders.get(self.order.id).state

    @property
    def events(self) -> int:
        return len(self.home.services.selling.orders.events(self.order.id))

    def worked(self) -> None:
        """Wait until nothing is left to be done about events."""
        end = time.monotonic() + PATIENT_S
        while True:
            with reading(self.home.database) as connection:
                if not connection.scalar(select(func.count()).select_from(order_jobs)):
                    return
            assert time.monotonic() < end, "jobs are left"
            time.sleep(0.02)

    def granted_once(self) -> Order:
        found = settled(self.home, "granted")
        kept = self.home.services.selling.orders
        assert [each.id for each in kept.transactions(found.id)] == [f"pay:{found.id}"]
        assert sum(kept.balance().values()) == 0
        held = kept.membership(found.user_id)
        assert held is not None and (held.plan_id, held.until, held.version) == ("basic", found.to, 1)
        assert found.receipt == 1
        return found


def house(name: str, folder: Path, database: Path) -> tuple[Market, Signer]:
    live, account, currencies = {
        "sandbox": (False, ACCOUNT, ("USD", "CNY")), "stripe": (False, "", ("USD", "CNY")),
        "wechat": (True, MERCHANT, ("CNY",)),
    }[name]  # fmt: skip
    provider = Signing(live=live, account=account, renews=name != "wechat", name=name, currencies=currencies)  # type: ignore[arg-type]
    home = Market(folder, database, provider)
    signer: Signer
    if name == "sandbox":
        real = Sandbox(folder / "sandbox", "", home.time.now)
        provider.verifier, signer = real.verify, SandboxSigner(make_key(folder / "sandbox"))
    elif name == "stripe":
        provider.verifier, signer = Stripe(KEY, STRIPE_SECRET, home.time.now).verify, StripeSigner()
    else:
        provider.verifier, signer = WeChat(wechat_keys(), "https://x.example", home.time.now).verify, WeChatSigner()
    return home, signer


@pytest.fixture(params=NAMES)
def till(request: pytest.FixtureRequest, tmp_path: Path, database: Path) -> Iterator[Till]:
    home, signer = house(request.param, tmp_path, database)
    with home.running():
        yield Till(home, browser(home), signer)


@pytest.fixture
def sandbox(tmp_path: Path, database: Path) -> Iterator[Till]:
    home, signer = house("sandbox", tmp_path, database)
    with home.running():
        yield Till(home, browser(home), signer)


def test_a_signed_event_of_a_paid_order_grants_it_once(till: Till) -> None:
    till.pay()
    answer = till.send(till.signed())
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.content == till.home.provider.accepted()[1]
    till.granted_once()


def test_the_same_event_a_hundred_times_at_once_has_one_effect(till: Till) -> None:
    till.pay()
    told = till.signed(id="evt_the_same")
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: till.send(told).status_code, range(100)))
    assert answers == [200] * 100
    till.granted_once()
    till.worked()
    assert till.events == 1
    till.granted_once()


def test_a_hundred_different_events_of_one_payment_have_one_effect(till: Till) -> None:
    till.pay()
    with ThreadPoolExecutor(16) as threads:
        told = [till.signed(id=f"evt_{number}") for number in range(100)]
        answers = list(threads.map(lambda each: till.send(each).status_code, told))
    assert answers == [200] * 100
    till.granted_once()


@pytest.mark.parametrize("wrong", ["key", "body", "header", "none", "old", "future", "another's"])
def test_what_is_not_signed_as_it_should_be_is_refused_without_a_word_and_not_kept(till: Till, wrong: str) -> None:
    till.pay()
    headers, body = till.signed()
    if wrong == "key":
        headers, body = till.signer.forged(body, till.home.time.now())
    elif wrong == "body":
        body = body[:-1] + b" }"
    elif wrong == "header":
        headers = {name: value[:-4] + "AAA=" for name, value in headers.items()}
    elif wrong == "none":
        headers = {}
    elif wrong == "another's":
        headers, body = WeChatSigner().event("paid", till.order, till.home.time.now())
        if till.home.provider.name == "wechat":
            headers, body = StripeSigner().event("paid", till.order, till.home.time.now())
    else:
        off = timedelta(minutes=6)
        at = till.home.time.now() + (off if wrong == "future" else -off)
        headers, body = till.signer.sign(body, at)
    answer = till.send((headers, body))
    assert (answer.status_code, answer.content) == (400, b"")
    assert (till.state, till.events) == ("pending", 0)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"null", b"\xff\xfe", b"{" * 5_000, b'{"id": 1}', b"x" * 100_000, b'{"kind":"paid"}']
)
def test_whatever_is_signed_is_never_an_error_of_ours(till: Till, body: bytes) -> None:
    answer = till.send(till.signer.sign(body, till.home.time.now()))
    assert answer.status_code in (200, 400)
    till.worked()
    assert till.state == "pending"


def test_what_is_too_long_is_refused_before_it_is_read(sandbox: Till) -> None:
    signed = sandbox.signer.sign(b" " * (WEBHOOK_BYTES + 1), sandbox.home.time.now())
    assert sandbox.send(signed).status_code == 413
    most = sandbox.signer.sign(b" " * WEBHOOK_BYTES, sandbox.home.time.now())
    assert sandbox.send(most).status_code == 400


@pytest.mark.parametrize(
    "wrong",
    [{"amount": 1}, {"amount": 0}, {"currency": "EUR"}, {"account": "somebody_else"}, {"live": True}],
    ids=["amount", "nothing", "currency", "account", "mode"],
)
def test_what_does_not_fit_the_order_grants_nothing_and_is_written_down(
    sandbox: Till, wrong: dict[str, Any]
) -> None:
    """In the event and in the books, as the sandbox has it."""
    sandbox.pay(**wrong)
    assert sandbox.send(sandbox.signed(**wrong)).status_code == 200
    settled(sandbox.home, "failed")
    kept = sandbox.home.services.selling.orders
    assert kept.membership(sandbox.order.user_id) is None and kept.transactions(sandbox.order.id) == []
    assert "payment_mismatch" in [row.event.action for row in sandbox.home.audit.rows]
    page = sandbox.client.get(f"/membership/orders/{sandbox.order.id}").text
    assert "What was paid does not fit this order, so nothing was given." in page


@pytest.mark.parametrize("wrong", [{"amount": 1}, {"currency": "EUR"}, {"account": "other"}, {"live": True}])
def test_an_event_that_lies_about_a_payment_which_the_books_have_right_only_wakes(
    sandbox: Till, wrong: dict[str, Any]
) -> None:
    sandbox.pay()
    assert sandbox.send(sandbox.signed(**wrong)).status_code == 200
    sandbox.granted_once()


def test_an_event_of_a_payment_that_the_books_do_not_have_grants_nothing(till: Till) -> None:
    """A replayed or forged-with-the-right-key event is not believed: the books are."""
    assert till.send(till.signed()).status_code == 200
    till.worked()
    assert till.state == "pending"
    assert till.home.services.selling.orders.membership(till.order.user_id) is None


@pytest.mark.parametrize("row", list(itertools.permutations(["paid", "failed", "expired"])))
def test_in_whichever_order_events_come_it_ends_the_same(sandbox: Till, row: tuple[str, ...]) -> None:
    sandbox.pay()
    for number, kind in enumerate(row):
        assert sandbox.send(sandbox.signed(kind, id=f"evt_{number}")).status_code == 200
        if number == 1:
            assert sandbox.send(sandbox.signed(kind, id=f"evt_{number}")).status_code == 200
    sandbox.granted_once()
    sandbox.worked()
    sandbox.granted_once()


def test_refunds_and_disputes_are_followed_by_the_books(sandbox: Till) -> None:
    sandbox.pay()
    sandbox.send(sandbox.signed())
    made = sandbox.granted_once()
    sandbox.home.provider.give_back(made.id, made.due)
    sandbox.send(sandbox.signed("refunded", amount=made.due, ref=made.provider_ref))
    settled(sandbox.home, "refunded")
    sandbox.worked()
    kept = sandbox.home.services.selling.orders
    assert sum(kept.balance().values()) == 0
    assert "Given back" in sandbox.client.get(f"/membership/orders/{made.id}").text
    assert "This is what everybody has" in sandbox.client.get("/membership").text


def test_a_webhook_of_a_provider_that_is_not_connected_finds_nothing(sandbox: Till) -> None:
    for name in ("stripe", "wechat", "nobody", "x" * 65, "%00", "..%2f"):
        answer = sandbox.send(sandbox.signed(), name)
        assert (answer.status_code, answer.content) == (404, b""), name
    assert sandbox.client.get("/payments/sandbox/webhook").status_code == 405


def test_an_event_of_an_order_that_nobody_knows_is_taken_and_changes_nothing(sandbox: Till) -> None:
    stranger = replace(sandbox.order, id="a" * 20)
    assert sandbox.send(sandbox.signer.event("paid", stranger, sandbox.home.time.now())).status_code == 200
    sandbox.worked()
    assert sandbox.state == "pending"


def test_cookies_tokens_and_words_say_nothing_at_a_webhook(sandbox: Till) -> None:
    sandbox.pay()
    headers, body = sandbox.signed()
    for more in ({"authorization": "Bearer a.b.c"}, {"cookie": "at=a.b.c; rt=x"}, {"x-csrf-token": "wrong"}):
        answer = httpx.Client(transport=sandbox.client._transport, base_url=sandbox.client.base_url).post(
            "/payments/sandbox/webhook", content=body, headers={**headers, **more}
        )
        assert answer.status_code == 200, more
        assert "set-cookie" not in answer.headers
    sandbox.granted_once()


def test_a_store_that_is_away_has_it_told_again(sandbox: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.pay()
    kept = sandbox.home.services.selling.orders

    def away(*_: object) -> bool:
        raise Unavailable("store_unavailable")

    with monkeypatch.context() as broken:
        broken.setattr(kept, "receive", away)
        answer = sandbox.send(sandbox.signed())
        assert (answer.status_code, answer.content, answer.headers["retry-after"]) == (503, b"", "5")
    assert sandbox.send(sandbox.signed()).status_code == 200
    sandbox.granted_once()


def test_who_sends_what_is_not_signed_without_end_is_asked_to_wait_and_others_are_not(sandbox: Till) -> None:
    bad = ({"Parley-Signature": "t=1,v1=0"}, b"{}")
    answers = [sandbox.send(bad).status_code for _ in range(MOST_BAD + 2)]
    assert answers == [400] * MOST_BAD + [429] * 2
    sandbox.pay()
    assert sandbox.send(sandbox.signed()).status_code == 200  # whoever signs theirs never waits
    sandbox.granted_once()
    assert owner(sandbox.home) == sandbox.order.user_id
