"""What is Stripe's own: subscriptions and coupons, its events, what its API is asked, and what nobody is told of it."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import stripe

from domain.errors import Conflict, Unavailable
from domain.membership.model import ProviderEvent
from domain.membership.orders import mismatch
from infra.payments.stripe_ import Stripe
from tests.infra.payments.houses import BACK, House, member, now, stripe_house
from tests.infra.payments.signing import STRIPE_SECRET, StripeSigner, hmac_header
from tests.infra.payments.stripe_api import KEY, StripeApi, stripe_api

pytestmark = pytest.mark.anyio
BILL = "Parley Plus, a month"
replace = msgspec.structs.replace


@pytest.fixture
async def here() -> AsyncIterator[House]:
    async with stripe_house() as one:
        yield one


def asked(api: StripeApi, path: str, method: str = "POST") -> list[dict[str, str]]:
    return [given for how, where, given, _ in api.asked if (how, where) == (method, f"/v1/{path}")]


def told(here: House, kind: str, **other: object) -> ProviderEvent:
    return here.provider.verify(*here.signer.event(kind, here.order(), now(), **other))


async def test_a_checkout_is_a_subscription_with_our_price_our_order_and_our_key(here: House) -> None:
    order = here.order()
    await here.provider.checkout(order, "anna@parley.example", "zh-CN", BACK, BILL)
    [(_, path, given, headers)] = here.api.asked
    assert path == "/v1/checkout/sessions"
    assert headers["idempotency-key"] == given["client_reference_id"] == given["metadata"]["order_id"] == order.id
    assert (given["mode"], given["locale"], given["customer_email"]) == ("subscription", "zh", "anna@parley.example")
    assert given["success_url"] == given["cancel_url"] == BACK
    assert given["subscription_data"]["metadata"] == {"order_id": order.id}
    price = given["line_items"]["0"]["price_data"]
    assert (price["currency"], price["unit_amount"], price["recurring"]) == ("usd", "999", {"interval": "month"})
    assert price["product_data"] == {"name": BILL}


async def test_what_is_off_the_first_time_is_a_coupon_and_renewals_cost_what_the_list_says(here: House) -> None:
    order = here.order(amount=1_999, list_amount=2_999, credit=600, discount=400, kind="upgrade")
    order = await here.bought(order)
    [coupon] = asked(here.api, "coupons")
    assert (coupon["amount_off"], coupon["duration"], coupon["currency"]) == ("1000", "once", "usd")
    state = await here.provider.state(order)
    assert (state.state, state.amount, mismatch(order, state)) == ("paid", 1_999, None)
    bill = here.api.renew(state.subscription)
    renewal = await here.provider.state(replace(order, id="r" * 20, kind="renew", provider_ref=bill))
    assert (renewal.state, renewal.amount) == ("paid", 2_999)


async def test_an_upgrade_whose_credit_covers_everything_is_paid_with_nothing(here: House) -> None:
    order = await here.bought(here.order(amount=0, list_amount=999, credit=999, kind="upgrade"))
    state = await here.provider.state(order)
    assert (state.state, state.amount, mismatch(order, state)) == ("paid", 0, None)
    with pytest.raises(Conflict, match="refund_refused"):
        await here.provider.refund(order, 1, f"refund:{order.id}:1")


async def test_a_trial_costs_nothing_and_its_card_is_known_by_its_print(here: House) -> None:
    order = await here.bought(here.order(trial_days=7, amount=799, list_amount=999, discount=200))
    state = await here.provider.state(order)
    assert (state.state, state.amount, state.print_) == ("paid", 0, "Xt5EWLLDS7FJjR1c")
    assert mismatch(order, state) is None
    assert state.period_end is not None and abs(state.period_end - now() - timedelta(days=7)) < timedelta(minutes=1)
    [coupon] = asked(here.api, "coupons")
    assert (coupon["duration"], coupon["duration_in_months"]) == ("repeating", "1")


async def test_a_period_more_of_what_does_not_renew_is_paid_once(here: House) -> None:
    order = await here.bought(here.order(kind="renew"))
    [given] = asked(here.api, "checkout/sessions")
    assert given["mode"] == "payment"
    state = await here.provider.state(order)
    assert (state.state, state.subscription, state.print_) == ("paid", "", "Xt5EWLLDS7FJjR1c")
    await here.provider.refund(order, 999, f"refund:{order.id}:999")
    assert (await here.provider.state(order)).state == "refunded"


async def test_the_time_of_a_checkout_is_what_stripe_allows(here: House) -> None:
    for n, life in enumerate([timedelta(minutes=5), timedelta(hours=2), timedelta(days=30)]):
        made = await here.provider.checkout(here.order(f"{n}" * 20, expires_at=now() + life), "", "en", BACK, BILL)
        assert made.url


async def test_a_renewal_is_told_by_the_subscription_and_asked_for_by_its_bill(here: House) -> None:
    order = await here.bought(here.order())
    before = await here.provider.state(order)
    assert before.renewal == ""
    bill = here.api.renew(before.subscription)
    after = await here.provider.state(order)
    assert after.renewal == bill
    assert after.period_end and before.period_end and after.period_end > before.period_end
    renewal = replace(order, id="r" * 20, kind="renew", provider_ref=bill)
    state = await here.provider.state(renewal)
    assert (state.state, state.order_id, state.subscription) == ("paid", renewal.id, before.subscription)
    assert state.period_end == after.period_end
    await here.provider.refund(renewal, 999, f"refund:{renewal.id}:999")
    assert (await here.provider.state(renewal)).state == "refunded"
    assert (await here.provider.state(order)).state == "paid"


async def test_a_renewal_that_was_declined_is_open_and_one_that_is_no_ones_unknown(here: House) -> None:
    order = await here.bought(here.order())
    bill = here.api.renew((await here.provider.state(order)).subscription, fails=True)
    assert (await here.provider.state(replace(order, provider_ref=bill))).state == "open"
    assert (await here.provider.state(replace(order, provider_ref="in_nobodys"))).state == "unknown"


@pytest.mark.parametrize(("status", "state"), [("needs_response", "disputed"), ("lost", "disputed"), ("won", "paid")])
async def test_what_a_bank_disputes_is_disputed_until_we_win(here: House, status: str, state: str) -> None:
    order = await here.bought(here.order())
    here.api.dispute(here.api.intent_of(order.provider_ref), status)
    assert (await here.provider.state(order)).state == state


@pytest.mark.parametrize(("status", "state"), [("processing", "open"), ("requires_payment_method", "failed")])
async def test_a_bank_that_takes_days_is_waited_for(here: House, status: str, state: str) -> None:
    order = await here.bought(here.order(kind="renew"))
    here.api.things[order.provider_ref]["payment_status"] = "unpaid"
    here.api.things[here.api.intent_of(order.provider_ref)]["status"] = status
    assert (await here.provider.state(order)).state == state


async def test_a_refund_is_given_once_though_stripe_forgot_the_key(here: House) -> None:
    order = await here.bought(here.order())
    key = f"refund:{order.id}:400"
    await here.provider.refund(order, 400, key)
    here.api.kept.clear()  # as after a day
    await here.provider.refund(order, 400, key)
    assert (await here.provider.state(order)).refunded == 400


async def test_a_refund_by_hand_at_stripe_makes_the_next_one_be_looked_at(here: House) -> None:
    order = await here.bought(here.order())
    here.api.things[here.api.intent_of(order.provider_ref)]["latest_charge"]["amount_refunded"] = 100
    with pytest.raises(Conflict, match="refund_refused"):
        await here.provider.refund(order, 400, f"refund:{order.id}:400")
    await here.provider.refund(order, 300, f"refund:{order.id}:400")
    assert (await here.provider.state(order)).refunded == 400


async def test_cancelling_keeps_what_is_paid_and_can_be_undone(here: House) -> None:
    order = await here.bought(here.order())
    holds = member(order, (await here.provider.state(order)).subscription)
    await here.provider.cancel(holds)
    assert here.api.things[holds.subscription]["cancel_at_period_end"] is True
    await here.provider.resume(holds)
    assert here.api.things[holds.subscription]["cancel_at_period_end"] is False
    here.api.things[holds.subscription]["status"] = "canceled"
    with pytest.raises(Conflict, match="resume_late"):
        await here.provider.resume(holds)
    with pytest.raises(Conflict, match="resume_late"):
        await here.provider.switch(holds, 499, "USD", "month", "Parley Basic")


async def test_a_switch_waits_for_the_end_of_what_is_paid_keeps_a_trial_and_can_be_undone(here: House) -> None:
    order = await here.bought(here.order(trial_days=7))
    holds = member(order, (await here.provider.state(order)).subscription)
    for _ in range(2):
        await here.provider.switch(holds, 4_990, "USD", "year", "Parley Basic, a year")
    schedule = here.api.things[here.api.things[holds.subscription]["schedule"]]
    now_, then = schedule["phases"]
    assert (now_["items"]["0"]["price"], now_["end_date"], now_["proration_behavior"]) == (
        "price_1", now_["trial_end"], "none",
    )  # fmt: skip
    price = then["items"]["0"]["price_data"]
    assert (price["unit_amount"], price["currency"], price["recurring"]) == ("4990", "usd", {"interval": "year"})
    await here.provider.switch(holds, 999, "USD", "month", BILL)
    assert here.api.things[holds.subscription]["schedule"] is None


async def test_what_is_switched_later_can_be_cancelled(here: House) -> None:
    order = await here.bought(here.order())
    holds = member(order, (await here.provider.state(order)).subscription)
    await here.provider.switch(holds, 499, "USD", "month", "Parley Basic")
    await here.provider.cancel(holds)
    there = here.api.things[holds.subscription]
    assert (there["schedule"], there["cancel_at_period_end"]) == (None, True)


# -- events --------------------------------------------------------------------------------------------


async def test_kinds_of_events(here: House) -> None:
    end = datetime(2027, 1, 29, tzinfo=UTC)
    assert [told(here, kind).kind for kind in ("paid", "failed", "expired", "ended", "disputed", "dispute_won")] == [
        "paid", "failed", "expired", "ended", "disputed", "dispute_won",
    ]  # fmt: skip
    renewed = told(here, "renewed", ref="in_7", period_end=end, amount=999)
    assert (renewed.kind, renewed.ref, renewed.period_end, renewed.amount) == ("renewed", "in_7", end, 999)
    failed = told(here, "renewal_failed", ref="in_8", amount=999)
    assert (failed.kind, failed.amount, failed.period_end) == ("renewal_failed", 999, None)
    assert renewed.subscription == failed.subscription == told(here, "ended").subscription != ""


async def test_a_first_bill_is_no_renewal_and_a_bank_that_is_still_at_it_no_payment(here: House) -> None:
    assert told(here, "renewed", billing_reason="subscription_create").kind == "other"
    assert told(here, "paid", payment_status="unpaid").kind == "other"
    assert told(here, "paid", payment_status="no_payment_required", amount=0).kind == "paid"


async def test_what_else_happens_in_the_same_account_is_none_of_ours(here: House) -> None:
    nobody = here.order("")
    for kind in ("paid", "renewed", "renewal_failed", "ended"):
        assert here.provider.verify(*here.signer.event(kind, nobody, now())).kind == "other"


async def test_test_mode_and_connected_accounts_are_told(here: House) -> None:
    assert told(here, "paid", live=True).live is True
    assert told(here, "paid", account="acct_7").account == "acct_7"
    assert (here.provider.live, here.provider.account) == (False, "")
    live = Stripe("sk_live_madeForTheseTests", STRIPE_SECRET, now, "acct_7")
    assert (live.live, live.account) == (True, "acct_7")
    assert Stripe("rk_live_madeForTheseTests", STRIPE_SECRET, now).live


@pytest.mark.parametrize("kind", ["refunded", "disputed", "dispute_won"])
async def test_an_event_that_names_a_payment_only_finds_its_order(here: House, kind: str) -> None:
    order = await here.bought(here.order())
    bill = here.api.renew((await here.provider.state(order)).subscription)
    once = await here.bought(here.order("once" * 5, kind="renew"))
    for ref, expected in (
        (order.provider_ref, (order.id, "")),
        (bill, (order.id, bill)),
        (once.provider_ref, (once.id, "")),
    ):
        event = told(here, kind, intent=here.api.intent_of(ref), named=False)
        assert event.order_id == ""
        complete = await here.provider.complete(event)
        assert (complete.kind, complete.order_id, complete.ref) == (kind, *expected)
    strange = await here.provider.complete(told(here, kind, intent="pi_of_somebody", named=False))
    assert (strange.kind, strange.order_id) == ("other", "")


async def test_stripes_own_verifier_takes_what_we_take_and_more(here: House) -> None:
    headers, body = here.signer.event("paid", here.order(), now())
    stripe.WebhookSignature.verify_header(body, headers["Stripe-Signature"], STRIPE_SECRET, 300)
    tomorrow = hmac_header(STRIPE_SECRET, body, now() + timedelta(days=1))
    stripe.WebhookSignature.verify_header(body, tomorrow, STRIPE_SECRET, 300)  # which is why ours is another


async def test_two_signatures_while_a_secret_is_changed(here: House) -> None:
    headers, body = here.signer.event("paid", here.order(), now())
    good = headers["Stripe-Signature"]
    seconds, mac = good.split(",")
    assert here.provider.verify({"Stripe-Signature": f"{seconds},v1={'0' * 64},{mac},v0=abc"}, body).kind == "paid"


# -- the client ----------------------------------------------------------------------------------------


async def test_connect_names_its_account_with_every_request() -> None:
    with stripe_api() as (api, address):
        provider = Stripe(KEY, STRIPE_SECRET, now, "acct_7", base=address)
        house = House(provider=provider, signer=StripeSigner(), pay=lambda order: None, away=lambda: None, api=api)
        await provider.checkout(house.order(), "", "en", BACK, BILL)
        assert api.asked[0][3]["stripe-account"] == "acct_7"
        assert api.asked[0][3]["stripe-version"] == stripe.api_version


async def test_a_lost_checkout_is_found_behind_many_others(here: House) -> None:
    order = await here.bought(here.order())
    for n in range(230):
        await here.provider.checkout(here.order(f"{n:020d}"), "", "en", BACK, BILL)
    assert (await here.provider.state(replace(order, provider_ref=""))).ref == order.provider_ref


@pytest.mark.parametrize("status", [401, 402, 403, 429, 500, 503])
async def test_no_key_and_no_word_of_stripe_is_in_an_error_or_a_log(
    here: House, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    here.api.broken = status
    with caplog.at_level(logging.DEBUG), pytest.raises(Unavailable) as caught:
        await here.provider.state(here.order(provider_ref="cs_test_1"))
    assert caught.value.__cause__ is None and caught.value.__suppress_context__
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("infra")]
    assert len(ours) == 1 and f" {status} " in ours[0] and "req_1" in ours[0]
    assert KEY not in caplog.text


async def test_a_stripe_that_cannot_be_reached_is_unavailable() -> None:
    provider = Stripe(KEY, STRIPE_SECRET, now, base="http://127.0.0.1:9")
    house = House(provider=provider, signer=StripeSigner(), pay=lambda order: None, away=lambda: None)
    with pytest.raises(Unavailable, match="payments_unavailable"):
        await provider.checkout(house.order(), "", "en", BACK, BILL)


def test_the_package_is_imported_with_the_first_question_and_not_before(tmp_path: Path) -> None:
    code = (
        "import sys; from infra.payments.choose import providers; from infra.config import read; "
        f"env = {{'PAYMENTS': 'stripe', 'STRIPE_SECRET_KEY': {KEY!r}, 'STRIPE_WEBHOOK_SECRET': {STRIPE_SECRET!r}}}; "
        "providers(read({**env, 'DATA_DIR': sys.argv[1]}), lambda: None); "
        "print([name for name in ('stripe', 'wechatpayv3', 'requests', 'jinja2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=200)
    assert done.stdout.strip() == "[]", done.stderr


async def test_questions_at_once_share_one_client(here: House) -> None:
    order = await here.bought(here.order())
    states = await asyncio.gather(*(here.provider.state(order) for _ in range(8)))
    assert {state.state for state in states} == {"paid"}
