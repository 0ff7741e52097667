"""Whatever comes to a webhook's address: an event, or NotAllowed("webhook_bad"), and nothing else."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import NotAllowed
from domain.membership.model import EventKind, ProviderEvent
from domain.membership.ports import Provider
from infra.payments.sandbox import Sandbox
from infra.payments.sandbox_wire import make_key
from infra.payments.stripe_ import Stripe
from infra.payments.wechat import WeChat
from tests.infra.payments.houses import make_order, now
from tests.infra.payments.signing import (
    STRIPE_SECRET,
    SandboxSigner,
    Signer,
    StripeSigner,
    WeChatSigner,
    sealed,
    wechat_keys,
)
from tests.infra.payments.stripe_api import KEY

Pair = tuple[Provider, Signer]
NAMES = ("stripe", "wechat", "sandbox")
EVENTS = get_args(EventKind)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pair]:
    folder: Path = tmp_path_factory.mktemp("fuzz")
    return {
        "stripe": (Stripe(KEY, STRIPE_SECRET, now), StripeSigner()),
        "wechat": (WeChat(wechat_keys(), "https://parley.example/", now), WeChatSigner()),
        "sandbox": (Sandbox(folder, "http://127.0.0.1:9/", now), SandboxSigner(make_key(folder))),
    }


def told(provider: Provider, headers: dict[str, str], body: bytes) -> ProviderEvent | None:
    """Return the event, None for what is refused as it should be."""
    try:
        event = provider.verify(headers, body)
    except NotAllowed as wrong:
        if (wrong.code, wrong.detail) != ("webhook_bad", {}):
            raise
        return None
    assert event.id and event.at.tzinfo is not None and event.provider == provider.name
    assert all(len(text) < 256 and text.isascii() for text in (event.id, event.order_id, event.ref, event.account))
    return event


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=300, deadline=None)
@given(headers=st.dictionaries(st.text(max_size=30), st.text(max_size=80), max_size=6), body=st.binary(max_size=400))
def test_anything_at_all_is_refused(pairs: dict[str, Pair], name: str, headers: dict[str, str], body: bytes) -> None:
    assert told(pairs[name][0], headers, body) is None


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_headers_that_are_nearly_right_are_refused(pairs: dict[str, Pair], name: str, data: st.DataObject) -> None:
    provider, signer = pairs[name]
    headers, body = signer.event("paid", make_order(provider, "abcdefghij2345672345"), now())
    which = data.draw(st.sampled_from([each for each in headers if each.lower() != "wechatpay-signature-type"]))
    value = headers[which]
    cut = data.draw(st.integers(0, len(value)))
    other = value[:cut] + data.draw(st.text(max_size=6)) + value[cut + data.draw(st.integers(0, 6)) :]
    # Its parts in another order, or said twice, are the same signature.
    if told(provider, {**headers, which: other}, body) is not None:
        assert {part for part in other.split(",") if part} >= set(value.split(","))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=300, deadline=None)
@given(body=JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=300))
def test_any_body_that_is_signed_is_read_or_refused(pairs: dict[str, Pair], name: str, body: bytes) -> None:
    provider, signer = pairs[name]
    told(provider, *signer.sign(body, now()))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=300, deadline=None)
@given(kind=st.sampled_from(EVENTS), data=st.data())
def test_an_event_with_anything_in_a_field_is_read_or_refused(
    pairs: dict[str, Pair], name: str, kind: str, data: st.DataObject
) -> None:
    provider, signer = pairs[name]
    order = make_order(provider, "abcdefghij2345672345")
    _, body = signer.event(kind, order, now(), period_end=now() + timedelta(days=30))
    event = json.loads(body)
    place = event
    while inner := [each for each in place.values() if isinstance(each, dict) and each]:
        if data.draw(st.booleans()):
            break
        place = data.draw(st.sampled_from(inner))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(JSON)
    told(provider, *signer.sign(json.dumps(event).encode(), now()))


@settings(max_examples=300, deadline=None)
@given(
    name=st.sampled_from(["TRANSACTION.SUCCESS", "REFUND.SUCCESS", "REFUND.CLOSED", "TRANSACTION"]),
    fields=st.dictionaries(
        st.sampled_from(
            ["mchid", "appid", "out_trade_no", "trade_state", "amount", "out_refund_no", "refund_status"]
        ),
        JSON | st.just("SUCCESS") | st.just({"total": 1, "refund": -5}) | st.just("a-" + "9" * 30),
        max_size=8,
    ),
)
def test_anything_that_is_sealed_is_read_or_refused(pairs: dict[str, Pair], name: str, fields: dict[str, Any]) -> None:
    provider, signer = pairs["wechat"]
    body = json.dumps(sealed(name, "transaction", fields, now())).encode()
    told(provider, *signer.sign(body, now()))
