"""What domain.membership.ports.Provider promises, of every adapter, with servers on loopback."""

import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from domain.errors import Conflict, NotAllowed, Unavailable
from domain.membership.orders import mismatch
from domain.membership.ports import Provider
from infra.payments.signed import FRESH_S, MOST_BYTES
from tests.infra.payments.houses import BACK, House, member, now

pytestmark = pytest.mark.anyio
BILL = "Parley Plus, a month"
WRONG = {
    "nothing": b"", "no JSON": b"{", "a list": b"[]", "a number": b"7", "null": b"null", "no text": b"\xff\xfe",
    "brackets": b"[" * 100_000, "deep inside": b'{"id":"e","kind":"paid","type":"a.b","x":' + b"[" * 100_000,
    "another thing": b'{"hello":"world"}', "numbers": b'{"id":7,"type":8,"kind":9,"at":10,"created":"x"}',
    "a time beyond all": b'{"id":"e","type":"a.b","created":99999999999999,"livemode":false,"data":{"object":{}}}',
}  # fmt: skip


def refused(there: House, headers: dict[str, str], body: bytes) -> bool:
    with pytest.raises(NotAllowed) as caught:
        there.provider.verify(headers, body)
    return caught.value.code == "webhook_bad" and not caught.value.detail


async def test_the_adapter_is_a_provider(there: House) -> None:
    provider: Provider = there.provider
    assert provider.currencies
    assert set(provider.least) <= set(provider.currencies) and all(each > 0 for each in provider.least.values())
    status, body, kind = provider.accepted()
    assert (status, kind) == (200, "application/json")
    json.loads(body)


async def test_the_same_order_twice_is_one_checkout(there: House) -> None:
    order = there.order()
    first = await there.provider.checkout(order, "anna@parley.example", "en", BACK, BILL)
    assert first.ref
    assert first.url.startswith("http") != bool(first.qr)
    assert await there.provider.checkout(order, "anna@parley.example", "en", BACK, BILL) == first


async def test_the_same_order_from_another_page_is_still_one_checkout(there: House) -> None:
    order = there.order()
    first = await there.provider.checkout(order, "anna@parley.example", "en", BACK, BILL)
    again = await there.provider.checkout(order, "", "zh-CN", BACK + "?from=elsewhere", "Parley 高级版，一个月")
    assert again.ref == first.ref


async def test_an_order_that_was_never_told_of_is_unknown(there: House) -> None:
    assert (await there.provider.state(there.order())).state == "unknown"


async def test_a_checkout_is_open_and_then_paid_and_all_that_must_match_does(there: House) -> None:
    order = there.order()
    made = await there.provider.checkout(order, "", "zh-CN", BACK, BILL)
    assert (await there.provider.state(msgspec.structs.replace(order, provider_ref=made.ref))).state == "open"
    order = await there.bought(order)
    state = await there.provider.state(order)
    assert state.state == "paid"
    assert mismatch(order, state) is None
    assert state.ref == order.provider_ref
    assert bool(state.subscription) is there.provider.renews


async def test_a_checkout_whose_id_was_lost_is_found_by_the_order(there: House) -> None:
    order = await there.bought(there.order())
    state = await there.provider.state(msgspec.structs.replace(order, provider_ref=""))
    assert (state.state, state.ref) == ("paid", order.provider_ref)


async def test_a_checkout_that_is_paid_or_over_is_not_begun_again(there: House) -> None:
    paid = await there.bought(there.order())
    over = there.order("o" * 20)
    made = await there.provider.checkout(over, "", "en", BACK, BILL)
    over = msgspec.structs.replace(over, provider_ref=made.ref)
    assert await there.provider.checkout(over, "", "en", BACK, BILL) == made
    await there.provider.withdraw(over)
    for order in (paid, over):
        with pytest.raises(Conflict, match="order_state"):
            await there.provider.checkout(order, "", "en", BACK, BILL)


async def test_what_was_withdrawn_cannot_be_paid_and_withdrawing_again_is_no_error(there: House) -> None:
    order = there.order()
    made = await there.provider.checkout(order, "", "en", BACK, BILL)
    order = msgspec.structs.replace(order, provider_ref=made.ref)
    for _ in range(2):
        await there.provider.withdraw(order)
    assert (await there.provider.state(order)).state == "expired"


async def test_withdrawing_what_is_paid_or_unknown_changes_nothing(there: House) -> None:
    order = await there.bought(there.order())
    await there.provider.withdraw(order)
    assert (await there.provider.state(order)).state == "paid"
    await there.provider.withdraw(there.order("z" * 20))
    assert (await there.provider.state(there.order("z" * 20))).state == "unknown"


async def test_a_refund_is_given_once_for_a_key(there: House) -> None:
    order = await there.bought(there.order())
    for _ in range(3):
        await there.provider.refund(order, 400, f"refund:{order.id}:400")
    state = await there.provider.state(order)
    assert (state.state, state.refunded, state.amount) == ("part_refunded", 400, 999)
    for _ in range(2):
        await there.provider.refund(order, 599, f"refund:{order.id}:999")
    state = await there.provider.state(order)
    assert (state.state, state.refunded) == ("refunded", 999)


async def test_more_than_was_paid_is_not_given_back(there: House) -> None:
    order = await there.bought(there.order())
    with pytest.raises(Conflict, match="refund_refused"):
        await there.provider.refund(order, 1_000, f"refund:{order.id}:1000")
    await there.provider.refund(order, 999, f"refund:{order.id}:999")
    with pytest.raises(Conflict, match="refund_refused"):
        await there.provider.refund(order, 1, f"refund:{order.id}:1000")
    assert (await there.provider.state(order)).refunded == 999


async def test_what_nobody_paid_is_not_given_back(there: House) -> None:
    order = there.order()
    made = await there.provider.checkout(order, "", "en", BACK, BILL)
    for asked in (msgspec.structs.replace(order, provider_ref=made.ref), there.order("y" * 20)):
        with pytest.raises(Conflict, match="refund_refused"):
            await there.provider.refund(asked, 100, f"refund:{asked.id}:100")


async def test_cancelling_twice_or_what_is_not_there_is_no_error(there: House) -> None:
    order = await there.bought(there.order())
    subscription = (await there.provider.state(order)).subscription
    for each in (subscription, subscription, "sub_unknown", ""):
        await there.provider.cancel(member(order, each))


async def test_what_was_cancelled_goes_on_when_it_is_taken_up_again(there: House) -> None:
    order = await there.bought(there.order())
    if there.provider.renews:
        holds = member(order, (await there.provider.state(order)).subscription)
        await there.provider.cancel(holds)
        for _ in range(2):
            await there.provider.resume(holds)
    with pytest.raises(Conflict, match="resume_late"):
        await there.provider.resume(member(order, "sub_unknown"))


async def test_a_provider_that_does_not_answer_is_unavailable(there: House) -> None:
    order = await there.bought(there.order())
    gone = there.away()
    if gone is not None:
        await gone
    for ask in (
        there.provider.state(order),
        there.provider.checkout(there.order("x" * 20), "", "en", BACK, BILL),
        there.provider.refund(order, 1, f"refund:{order.id}:1"),
    ):
        with pytest.raises(Unavailable, match="payments_unavailable"):
            await ask


# -- webhooks ------------------------------------------------------------------------------------------


async def test_a_webhook_of_a_payment_is_what_the_order_expects(there: House) -> None:
    order = there.order(provider_ref="abcdefghij2345672345")
    event = there.provider.verify(*there.signer.event("paid", order, now(), id="EV-1", live=there.provider.live))
    assert (event.provider, event.id, event.kind) == (there.provider.name, "EV-1", "paid")
    assert mismatch(order, event) is None
    assert abs(event.at - now()) < timedelta(minutes=1)
    assert event.at.tzinfo is not None
    assert await there.provider.complete(event) == event


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [({"amount": 998}, "amount"), ({"currency": "EUR"}, "currency"), ({"account": "acct_another"}, "account")],
)
async def test_a_webhook_says_what_it_says_also_where_it_does_not_match(
    there: House, wrong: dict[str, Any], problem: str
) -> None:
    order = there.order()
    event = there.provider.verify(*there.signer.event("paid", order, now(), **wrong, live=there.provider.live))
    assert mismatch(order, event) == problem


async def test_names_of_headers_are_read_in_any_case(there: House) -> None:
    headers, body = there.signer.event("paid", there.order(), now())
    for change in (str.upper, str.lower, str.title):
        assert there.provider.verify({change(name): value for name, value in headers.items()}, body).kind == "paid"


async def test_a_kind_that_nobody_knows_is_other(there: House) -> None:
    for kind in ("other", "customer.created", "something.new.entirely"):
        event = there.provider.verify(*there.signer.event(kind, there.order(), now()))
        assert event.kind == "other"
        assert event.id


async def test_a_refund_tells_what_was_given_back_in_all(there: House) -> None:
    order = there.order()
    other = {"before": 300} if there.provider.name == "wechat" else {}
    event = there.provider.verify(*there.signer.event("refunded", order, now(), amount=500, **other))
    assert (event.kind, event.order_id, event.amount) == ("refunded", order.id, 500)


async def test_one_changed_byte_anywhere_is_refused(there: House) -> None:
    headers, body = there.signer.event("paid", there.order(), now())
    for at in range(0, len(body), max(1, len(body) // 60)):
        assert refused(there, headers, body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :])


async def test_a_body_that_is_cut_or_longer_is_refused(there: House) -> None:
    headers, body = there.signer.event("paid", there.order(), now())
    for other in (body[:-1], body[1:], body + b" ", body + body, b""):
        assert refused(there, headers, other)


@pytest.mark.parametrize("off", [-FRESH_S - 5, FRESH_S + 5, -86_400, 86_400])
async def test_a_signature_of_another_time_is_refused_also_one_of_the_future(there: House, off: int) -> None:
    assert refused(there, *there.signer.event("paid", there.order(), now() + timedelta(seconds=off)))


@pytest.mark.parametrize("off", [-FRESH_S + 30, FRESH_S - 30])
async def test_a_signature_of_some_minutes_ago_is_good(there: House, off: int) -> None:
    event = there.provider.verify(*there.signer.event("paid", there.order(), now() + timedelta(seconds=off)))
    assert event.kind == "paid"


async def test_another_key_or_none_is_refused(there: House) -> None:
    headers, body = there.signer.event("paid", there.order(), now())
    assert refused(there, *there.signer.forged(body, now()))
    assert refused(there, {}, body)
    for name in headers:
        if name.lower() != "wechatpay-signature-type":  # the only one there is
            assert refused(there, {**headers, name: ""}, body)
            assert refused(there, {**headers, name: "\u4f60\u597d"}, body)
            assert refused(there, {**headers, name: "x" * 3_000}, body)


async def test_the_time_of_another_signature_does_not_make_an_old_one_new(there: House) -> None:
    old, body = there.signer.event("paid", there.order(), now() - timedelta(hours=1))
    new, _ = there.signer.sign(body, now())
    name = next(each for each in old if "signature" in each.lower() and "type" not in each.lower())
    mixed = new[name].split(",")[0] + "," + old[name].split(",")[-1] if "v1=" in old[name] else old[name]
    assert refused(there, {**new, name: mixed}, body)


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
async def test_what_is_signed_and_still_nonsense_is_refused(there: House, body: bytes) -> None:
    assert refused(there, *there.signer.sign(body, now()))


async def test_a_body_beyond_all_measure_is_refused(there: House) -> None:
    assert refused(there, *there.signer.sign(b'{"id":"' + b"e" * MOST_BYTES + b'"}', now()))


@pytest.mark.parametrize("name", ["", "e\x00", "a b", "\u4f60\u597d", "e" * 300])
async def test_an_id_that_no_store_would_hold_is_refused(there: House, name: str) -> None:
    _, body = there.signer.event("paid", there.order(), now(), id="IDENTITY")
    other = body.replace(b'"IDENTITY"', json.dumps(name).encode())
    assert other != body
    assert refused(there, *there.signer.sign(other, now()))
