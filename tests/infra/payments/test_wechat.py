"""What is WeChat Pay's own: QR codes, sealed notifications, refunds by number, and answers that the platform signs."""

import json
import logging
from collections.abc import AsyncIterator

import msgspec
import pytest
from wechatpayv3 import WeChatPay, WeChatPayType

from domain.errors import Conflict, NotAllowed, Unavailable
from tests.infra.payments.houses import BACK, House, member, now, wechat_house
from tests.infra.payments.signing import APP, MERCHANT, WeChatSigner, sealed, wechat_keys

pytestmark = pytest.mark.anyio


@pytest.fixture
async def here() -> AsyncIterator[House]:
    async with wechat_house() as one:
        yield one


async def test_a_checkout_is_a_code_for_the_phone_in_fen_until_the_order_is_over(here: House) -> None:
    order = here.order()
    made = await here.provider.checkout(order, "anna@parley.example", "zh-CN", BACK, "Parley Plus, a month")
    assert (made.qr, made.url) == (f"weixin://wxpay/bizpayurl?pr={order.id}", "")
    [(_, path, given)] = here.api.asked
    assert path == "/v3/pay/transactions/native"
    assert given["amount"] == {"total": 999, "currency": "CNY"}
    assert given["time_expire"] == order.expires_at.isoformat(timespec="seconds")
    assert given["notify_url"] == "https://parley.example/payments/wechat/webhook"
    assert given["description"] == "Parley plus 一个月"
    assert "anna" not in json.dumps(given)


async def test_a_second_refund_waits_until_the_first_has_arrived(here: House) -> None:
    order = await here.bought(here.order())
    here.api.slow_refunds = True
    for _ in range(2):  # asked again it is the same
        await here.provider.refund(order, 400, f"refund:{order.id}:400")
    assert len(here.api.refunds) == 1
    assert (await here.provider.state(order)).refunded == 0
    with pytest.raises(Conflict, match="refund_refused"):
        await here.provider.refund(order, 300, f"refund:{order.id}:300")
    here.api.arrive()
    await here.provider.refund(order, 100, f"refund:{order.id}:500")
    here.api.arrive()
    state = await here.provider.state(order)
    assert (state.state, state.refunded) == ("part_refunded", 500)
    assert sorted(here.api.refunds) == [f"{order.id}-0", f"{order.id}-400"]


async def test_a_refund_that_needs_a_hand_at_wechat_is_refused_and_counts_nothing(here: House) -> None:
    order = await here.bought(here.order())
    await here.provider.refund(order, 400, f"refund:{order.id}:400")
    here.api.refunds[f"{order.id}-0"]["status"] = "ABNORMAL"
    assert (await here.provider.state(order)).refunded == 0
    with pytest.raises(Conflict, match="refund_refused"):
        await here.provider.refund(order, 400, f"refund:{order.id}:400")


@pytest.mark.parametrize(
    ("told", "state"),
    [("USERPAYING", "open"), ("CLOSED", "expired"), ("REVOKED", "expired"), ("PAYERROR", "failed"), ("NEW", "open")],
)
async def test_states_of_an_order_at_wechat(here: House, told: str, state: str) -> None:
    order = await here.bought(here.order())
    here.api.orders[order.id]["trade_state"] = told
    assert (await here.provider.state(order)).state == state


async def test_a_payment_for_another_app_of_the_same_merchant_is_not_for_ours(here: House) -> None:
    order = await here.bought(here.order())
    here.api.orders[order.id]["appid"] = "wx_another"
    assert (await here.provider.state(order)).account == f"{MERCHANT}/wx_another"
    event = here.provider.verify(*here.signer.event("paid", order, now(), appid="wx_another"))
    assert event.account != here.provider.account


async def test_nothing_renews(here: House) -> None:
    order = await here.bought(here.order())
    assert not here.provider.renews
    await here.provider.switch(member(order, ""), 1, "CNY", "month", "x")
    with pytest.raises(Conflict, match="resume_late"):
        await here.provider.resume(member(order, ""))


async def test_an_answer_that_the_platform_did_not_sign_is_not_believed(here: House) -> None:
    order = await here.bought(here.order())
    here.api.forges = True
    with pytest.raises(Unavailable, match="payments_unavailable"):
        await here.provider.state(order)


async def test_wechatpayv3s_own_check_takes_what_we_take() -> None:
    keys, signer = wechat_keys(), WeChatSigner()
    theirs = WeChatPay(
        WeChatPayType.NATIVE, keys.mchid, keys.private_key, keys.serial, keys.appid, keys.api_key,
        public_key=keys.public_key, public_key_id=keys.public_key_id,
    )  # fmt: skip
    async with wechat_house() as house:
        headers, body = signer.event("paid", house.order(), now())
        told = theirs.callback(headers, body)
        assert told["resource"]["out_trade_no"] == house.provider.verify(headers, body).order_id


async def test_a_notification_for_another_key_of_the_platform_is_refused(here: House) -> None:
    headers, body = here.signer.event("paid", here.order(), now())
    for name, value in (("Wechatpay-Serial", "PUB_KEY_ID_2"), ("Wechatpay-Signature-Type", "WECHATPAY2-SM2-WITH-SM3")):
        with pytest.raises(NotAllowed, match="webhook_bad"):
            here.provider.verify({**headers, name: value}, body)
    del headers["Wechatpay-Signature-Type"]
    assert here.provider.verify(headers, body).kind == "paid"


@pytest.mark.parametrize(
    "change",
    [
        {"algorithm": "AEAD_SM4_GCM"}, {"nonce": "another12345"}, {"nonce": ""}, {"associated_data": "other"},
        {"ciphertext": "AAAA"}, {"ciphertext": "%%%"}, {"ciphertext": ""},
    ],
)  # fmt: skip
async def test_what_is_sealed_otherwise_is_refused(here: House, change: dict[str, str]) -> None:
    told = sealed("TRANSACTION.SUCCESS", "transaction", {"mchid": MERCHANT, "appid": APP}, now())
    told["resource"] |= change
    with pytest.raises(NotAllowed, match="webhook_bad"):
        here.provider.verify(*here.signer.sign(json.dumps(told).encode(), now()))


async def test_a_payment_that_did_not_succeed_and_a_refund_by_hand(here: House) -> None:
    order = here.order()
    assert here.provider.verify(*here.signer.event("paid", order, now(), trade_state="PAYERROR")).kind == "other"
    by_hand = here.provider.verify(*here.signer.event("refunded", order, now(), amount=200, number="R-2026-7"))
    assert (by_hand.kind, by_hand.order_id, by_hand.amount) == ("refunded", order.id, 200)


async def test_no_key_is_in_an_error_a_log_or_a_repr(here: House, caplog: pytest.LogCaptureFixture) -> None:
    here.api.broken = 500
    with caplog.at_level(logging.DEBUG), pytest.raises(Unavailable):
        await here.provider.state(here.order())
    keys = wechat_keys()
    secrets = (keys.api_key, keys.private_key[30:60], keys.public_key[30:60])
    assert [record.getMessage() for record in caplog.records if record.name == "infra.payments.wechat"] == [
        "WeChat Pay: 500 'SYSTEM_ERROR'"
    ]
    assert not any(secret in caplog.text or secret in repr(keys) for secret in secrets)


async def test_a_wechat_that_cannot_be_reached_or_says_nonsense_is_unavailable(here: House) -> None:
    order = await here.bought(here.order())
    here.api.orders[order.id] = {"trade_state": 7}
    with pytest.raises(Unavailable, match="payments_unavailable"):
        await here.provider.state(order)
    other = msgspec.structs.replace(wechat_keys(), private_key="no key")
    from infra.payments.wechat import WeChat

    with pytest.raises(Unavailable, match="payments_unavailable"):
        await WeChat(other, "https://parley.example/", now).state(order)
