"""Buying, changing, refunding and ending, as stories: what people and operators do, and what comes of it."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from domain.errors import BadInput, Conflict, NotFound, Unavailable
from domain.membership.model import Coupon, Membership
from domain.membership.months import month_after
from tests.domain.membership.market import BACK, DAY, NOON, Market
from tests.fakes_provider import SIGNED

pytestmark = pytest.mark.anyio


@pytest.fixture
def market() -> Market:
    return Market()


async def test_somebody_orders_pays_and_has_the_plan_with_a_receipt(market: Market) -> None:
    order, checkout = await market.buy("basic")
    assert (order.state, order.amount, checkout.url) == ("pending", 499, f"https://pay.test/{order.id}")
    assert market.entitlements.holding("anna").plan.id == "free"

    market.provider.pay(order)
    assert await market.hook("paid", order) == (200, b"thanks", "text/plain")

    there = market.held()
    assert (there.plan_id, there.since, there.until) == ("basic", NOON, month_after(NOON, 1))
    assert there.renews and there.subscription == f"sub_{order.id}"
    order = market.orders.get(order.id)
    assert (order.state, order.receipt, order.from_, order.to) == ("granted", 1, NOON, there.until)
    assert market.entitlements.holding("anna").plan.id == "basic"
    assert market.sums() == {"clearing": 499, "revenue": -499}
    assert market.actions() == ["order_paid", "membership_granted"]
    assert market.kinds() == ["receipt"]
    mail = market.letters.mails[0].body
    assert "Basic, one month: 4.99 USD" in mail and "28 February 2026" in mail
    receipt = await market.till.receipt(market.anna, order.id)
    assert (receipt.number, receipt.what, receipt.email) == (1, "Basic, one month", "anna@x.org")


async def test_the_page_one_comes_back_to_grants_nothing_that_is_not_paid(market: Market) -> None:
    order, _ = await market.buy("basic")
    assert (await market.till.look(market.anna, order.id)).state == "pending"
    assert market.membership() is None
    market.provider.pay(order)  # and no webhook ever comes
    assert (await market.till.look(market.anna, order.id)).state == "granted"
    with pytest.raises(NotFound):
        await market.till.look(market.person("bert"), order.id)


async def test_two_clicks_are_one_order_and_another_price_is_another(market: Market) -> None:
    first, _ = await market.buy("basic")
    again, checkout = await market.buy("basic")
    assert (again.id, checkout.ref) == (first.id, f"cs_{first.id}")
    market.orders.keep_coupon(Coupon(code="HALF", percent=50, most=9))
    cheaper, _ = await market.buy("basic", coupon="half ")
    assert (cheaper.amount, cheaper.discount, cheaper.coupon) == (249, 250, "HALF")
    assert market.state(first) == "expired"  # withdrawn at the provider, so that nobody pays it
    assert market.orders.coupon_uses("HALF") == 1


async def test_what_is_to_be_had_is_told_with_its_exact_price(market: Market) -> None:
    offers = await market.till.offers(market.anna, "USD")
    assert [(o.plan.id, o.period, o.way, o.due, o.trial_days) for o in offers.options] == [
        ("basic", "month", "buy", 499, 0), ("basic", "year", "buy", 4_990, 0),
        ("plus", "month", "buy", 0, 7), ("plus", "year", "buy", 0, 7),
    ]  # fmt: skip
    assert offers.plan.id == "free" and offers.membership is None and not offers.house
    await market.paid("basic")
    market.pass_time(days=14)  # half of February
    offers = await market.till.offers(market.anna, "CNY")  # what is held was paid in dollars
    assert offers.currency == "USD" and offers.next_amount == 499
    assert [(o.plan.id, o.period, o.way, o.credit, o.due) for o in offers.options] == [
        ("basic", "year", "upgrade", 250, 4_740),
        ("plus", "month", "upgrade", 250, 1_049), ("plus", "year", "upgrade", 250, 12_740),
    ]  # fmt: skip


async def test_a_coupon_is_shown_where_it_counts_and_said_where_not(market: Market) -> None:
    market.orders.keep_coupon(Coupon(code="PLUS5", amount=500, currency="USD", most=3, plan_id="plus"))
    offers = await market.till.offers(market.anna, "USD", "plus5")
    assert [(o.plan.id, o.discount, o.due, o.problem) for o in offers.options if o.period == "month"] == [
        ("basic", 0, 499, "coupon_other_plan"), ("plus", 500, 799, "")
    ]  # fmt: skip
    with pytest.raises(NotFound, match="coupon_unknown"):
        await market.till.offers(market.anna, "USD", "NOPE")
    with pytest.raises(BadInput, match="coupon_unknown"):
        await market.till.offers(market.anna, "USD", "½ off; DROP")


async def test_an_upgrade_takes_over_what_is_left_and_ends_the_old_subscription(market: Market) -> None:
    first = await market.paid("basic")
    market.pass_time(days=14)
    order = await market.paid("plus")
    assert (order.kind, order.state) == ("upgrade", "granted")
    assert (order.list_amount, order.credit, order.amount) == (1299, 250, 1049)
    assert market.held().since == NOON + 14 * DAY and market.held().until == month_after(NOON + 14 * DAY, 1)
    assert market.provider.cards[f"sub_{first.id}"].cancelled
    assert not market.provider.cards[market.held().subscription].cancelled
    assert market.sums() == {"clearing": 499 + 1049, "credits": 250, "revenue": -499 - 1299}
    assert market.state(first) == "granted"


async def test_a_lower_plan_begins_when_what_is_paid_has_ended(market: Market) -> None:
    first = await market.paid("basic")
    market.pass_time(days=1)
    await market.paid("plus")
    with pytest.raises(Conflict, match="change_later"):
        await market.buy("basic")
    changed = await market.till.change(market.anna, "basic", "month", "", "en", BACK)
    assert isinstance(changed, Membership)
    assert (changed.plan_id, changed.next_plan, changed.next_amount) == ("plus", "basic", 499)
    assert market.provider.cards[changed.subscription].amount == 499
    plus = market.orders.of("anna")[0]
    end = changed.until
    market.pass_time(days=28)
    order = await market.renewed(plus)
    assert order is not None and (order.plan_id, order.amount, order.state) == ("basic", 499, "granted")
    assert (market.held().plan_id, market.held().next_plan, order.from_) == ("basic", "", end)
    assert market.entitlements.holding("anna").plan.id == "basic"
    assert first.id != order.id


async def test_a_change_that_is_taken_back_changes_nothing(market: Market) -> None:
    await market.paid("basic")
    await market.paid("plus", "year")
    there = await market.till.change(market.anna, "plus", "month", "", "en", BACK)
    assert isinstance(there, Membership) and there.next_period == "month"
    there = await market.till.resume(market.anna)
    assert (there.next_plan, there.next_amount) == ("", 0)
    card = market.provider.cards[there.subscription]
    assert (card.amount, card.period) == (12_990, "year")
    assert (await market.till.resume(market.anna)).renews  # twice is no error


async def test_a_renewal_at_the_old_price_is_the_old_plan_also_when_a_change_was_asked_for(market: Market) -> None:
    """It was taken before the change was known, or the change was lost on its way to the provider."""
    await market.paid("basic")
    plus = await market.paid("plus")
    ref = market.provider.renew(f"sub_{plus.id}")
    await market.till.change(market.anna, "basic", "month", "", "en", BACK)
    await market.hook("renewed", plus, ref=ref, subscription=f"sub_{plus.id}")
    assert (market.held().plan_id, market.held().next_plan) == ("plus", "basic")
    assert market.held().until == month_after(NOON, 2)


async def test_cancelling_is_one_press_keeps_what_is_paid_and_can_be_undone(market: Market) -> None:
    order = await market.paid("basic")
    there = await market.till.cancel(market.anna)
    assert not there.renews and there.until == month_after(NOON, 1)
    assert (await market.till.cancel(market.anna)).version == there.version
    assert market.provider.cards[f"sub_{order.id}"].cancelled
    assert market.kinds() == ["receipt", "membership_cancelled"]
    there = await market.till.resume(market.anna)
    assert there.renews and not market.provider.cards[f"sub_{order.id}"].cancelled
    await market.till.cancel(market.anna)
    market.pass_time(days=29)
    await market.till.reconcile()
    assert market.membership() is None and market.kinds()[-1] == "membership_ended"
    assert market.entitlements.holding("anna").plan.id == "free"
    with pytest.raises(NotFound, match="membership_gone"):
        await market.till.cancel(market.anna)


async def test_what_does_not_renew_can_be_bought_for_longer(market: Market) -> None:
    await market.paid("basic")
    with pytest.raises(Conflict, match="plan_yours"):
        await market.buy("basic")
    await market.till.cancel(market.anna)
    order = await market.paid("basic")
    assert (order.kind, order.from_, order.to) == ("renew", month_after(NOON, 1), month_after(NOON, 2))
    assert market.held().until == month_after(NOON, 2) and market.held().since == NOON
    assert not market.held().renews


async def test_renewals_go_on_where_the_time_before_ended_by_the_calendar(market: Market) -> None:
    order = await market.paid("basic")
    for months in range(2, 5):
        market.pass_time(seconds=(market.held().until - market.clock.now()).total_seconds())
        renewal = await market.renewed(order)
        assert renewal is not None and (renewal.kind, renewal.state, renewal.receipt) == ("renew", "granted", months)
        assert market.held().until == month_after(NOON, months)  # 31 March, not 28
    assert market.sums() == {"clearing": 4 * 499, "revenue": -4 * 499}


async def test_a_renewal_that_nobody_told_is_found_when_the_time_is_over(market: Market) -> None:
    order = await market.paid("basic")
    market.pass_time(days=28, minutes=1)
    market.provider.renew(f"sub_{order.id}")
    await market.till.reconcile()
    assert market.held().until == month_after(NOON, 2)
    assert market.kinds().count("renewal_failed") == 0


async def test_a_renewal_that_fails_leaves_three_days_of_grace(market: Market) -> None:
    order = await market.paid("basic")
    market.pass_time(days=28, hours=2)
    assert market.entitlements.holding("anna").plan.id == "basic"  # a bill may be written an hour late
    await market.hook("renewal_failed", order, subscription=f"sub_{order.id}", ref="in_x")
    assert market.held().grace_until == month_after(NOON, 1) + timedelta(days=3)
    assert market.kinds() == ["receipt", "renewal_failed"]
    market.pass_time(days=2)
    await market.till.reconcile()
    assert market.entitlements.holding("anna").plan.id == "basic"
    renewal = await market.renewed(order)
    assert renewal is not None and renewal.from_ == month_after(NOON, 1)
    assert market.held().grace_until is None and market.held().until == month_after(NOON, 2)


async def test_who_cancels_in_the_days_of_grace_is_told_the_day_until_which_they_keep_it(market: Market) -> None:
    order = await market.paid("basic")
    market.pass_time(days=28, hours=2)
    await market.hook("renewal_failed", order, subscription=f"sub_{order.id}", ref="in_x")
    await market.till.cancel(market.anna)
    assert "You keep it until 3 March 2026." in market.letters.mails[-1].body
    assert market.entitlements.holding("anna").plan.id == "basic"


async def test_an_offer_says_whether_it_is_taken_again(market: Market) -> None:
    market.orders.keep_coupon(Coupon(code="ALL", percent=100, most=9))
    told = {each.plan.id: each.renews for each in (await market.till.offers(market.anna, "USD")).options}
    assert told == {"basic": True, "plus": True}  # plus: nothing now, and then
    free = (await market.till.offers(market.anna, "USD", "ALL")).options
    assert [each.due for each in free] == [0] * 4 and not any(each.renews for each in free)
    market.provider.renews = False
    assert not any(each.renews for each in (await market.till.offers(market.anna, "USD")).options)


async def test_grace_that_is_over_ends_the_membership_and_takes_nothing_more(market: Market) -> None:
    order = await market.paid("basic")
    market.pass_time(days=29, hours=1)  # nobody told that it failed
    await market.till.reconcile()
    assert market.held().grace_until is not None
    market.pass_time(days=3)
    await market.till.reconcile()
    assert market.membership() is None and market.provider.cards[f"sub_{order.id}"].cancelled
    assert market.kinds() == ["receipt", "renewal_failed", "membership_ended"]
    late = await market.renewed(order)  # the provider takes it after all
    assert late is not None and (late.state, late.problem) == ("refunded", "subscription_gone")
    assert market.membership() is None and market.sums() == {"clearing": 499, "revenue": -499} | {
        name: 0 for name in market.sums() if name not in ("clearing", "revenue")
    }


async def test_a_trial_costs_nothing_is_had_once_and_goes_on_as_a_membership(market: Market) -> None:
    order = await market.paid("plus")
    assert (order.trial_days, order.due, order.state, order.receipt) == (7, 0, "granted", 1)
    assert market.held().trial and market.held().until == NOON + 7 * DAY
    assert market.sums() == {}
    market.pass_time(days=7)
    renewal = await market.renewed(order)
    assert renewal is not None and renewal.amount == 1299 and renewal.from_ == NOON + 7 * DAY
    assert not market.held().trial
    bert = market.person("bert")
    second = await market.paid("plus", user=bert, print_="card-of-anna")
    assert (second.state, second.problem) == ("failed", "trial_used")
    assert market.membership(bert) is None and market.provider.cards[f"sub_{second.id}"].cancelled
    assert [mail.kind for mail in market.letters.mails if mail.to == "bert@x.org"] == ["not_granted"]


async def test_with_a_provider_that_takes_no_later_payments_there_is_no_trial_and_no_renewal() -> None:
    market = Market(renews=False)
    order = await market.paid("plus")
    assert order.trial_days == 0 and not market.held().renews
    market.pass_time(days=28, seconds=1)
    assert market.entitlements.holding("anna").plan.id == "free"
    await market.till.reconcile()
    assert market.membership() is None and "renewal_failed" not in market.kinds()


async def test_what_costs_nothing_is_granted_at_once_through_the_same_states(market: Market) -> None:
    market.orders.keep_coupon(Coupon(code="GIFT", percent=100, most=1))
    order, checkout = await market.buy("plus", coupon="GIFT")
    assert (order.state, order.amount, order.provider, checkout.url) == ("granted", 0, "house", BACK)
    assert order.paid_at and order.receipt == 1 and not market.held().renews
    assert market.sums() == {"discounts": 1299, "revenue": -1299}
    assert market.provider.asked == []
    with pytest.raises(Conflict, match="coupon_spent"):
        await market.buy("plus", coupon="GIFT", user=market.person("bert"))


async def test_all_given_back_ends_the_plan_and_its_subscription_a_part_does_not(market: Market) -> None:
    order = await market.paid("basic")
    market.pass_time(days=10)
    part = await market.till.refund(order.id, 200, "operator")
    assert (part.state, part.refunded) == ("part_refunded", 200)
    assert market.held().renews and market.held().until == month_after(NOON, 1)
    with pytest.raises(BadInput, match="refund_large"):
        await market.till.refund(order.id, 300, "operator")
    whole = await market.till.refund(order.id, 299, "operator")
    assert (whole.state, whole.refunded, whole.to) == ("refunded", 499, NOON + 10 * DAY)
    assert market.held().until == NOON + 10 * DAY and not market.held().renews
    assert market.entitlements.holding("anna").plan.id == "free"
    assert market.provider.cards[f"sub_{order.id}"].cancelled
    assert market.sums() == {"clearing": 0, "refunds": 499, "revenue": -499}
    assert sorted(market.provider.refunds) == [f"refund:{order.id}:200", f"refund:{order.id}:499"]
    with pytest.raises(Conflict, match="refund_none"):
        await market.till.refund(order.id, 1, "operator")


async def test_what_an_upgrade_took_over_is_not_given_back_a_second_time(market: Market) -> None:
    first = await market.paid("basic")
    market.pass_time(days=14)
    await market.paid("plus")
    assert await market.till.refund_room(first.id) == 499 - 250
    refunded = await market.till.refund(first.id, 249, "operator")
    assert refunded.state == "part_refunded" and market.held().plan_id == "plus"


async def test_a_refund_while_the_provider_is_away_is_made_later(market: Market) -> None:
    order = await market.paid("basic")
    market.provider.away = True
    assert (await market.till.refund(order.id, 499, "operator")).state == "refund_pending"
    await market.work()
    market.provider.away = False
    market.pass_time(hours=1)
    await market.work()
    assert market.state(order) == "refunded" and len(market.provider.refunds) == 1


async def test_a_refund_that_the_provider_refuses_leaves_everything_as_it_was(market: Market) -> None:
    order = await market.paid("basic")
    market.provider.refuses = True
    assert (await market.till.refund(order.id, 499, "operator")).state == "granted"
    await market.work()
    assert market.sums() == {"clearing": 499, "refunds": 0, "revenue": -499}
    assert market.held().until == month_after(NOON, 1) and "refund_refused" in market.actions()
    with pytest.raises(Conflict, match="refund_refused"):
        await market.till.refund(order.id, 499, "operator")


async def test_a_bank_that_takes_money_back_ends_the_plan_and_the_rest_goes_on_when_it_loses(market: Market) -> None:
    order = await market.paid("basic")
    market.pass_time(days=8)
    market.provider.dispute(order.id)
    await market.hook("disputed", order)
    assert market.state(order) == "disputed" and not market.held().renews
    assert market.entitlements.holding("anna").plan.id == "free"
    assert market.sums() == {"clearing": 0, "disputes": 499, "revenue": -499}
    market.pass_time(days=60)
    await market.till.reconcile()
    assert market.membership() is None
    market.provider.dispute(order.id, won=True)
    await market.hook("dispute_won", order)
    assert market.state(order) == "granted"
    assert market.held().until == NOON + 68 * DAY + 20 * DAY  # of 28 days 8 had been used
    assert market.sums() == {"clearing": 499, "disputes": 0, "revenue": -499}
    assert market.orders.get(order.id).receipt == 1


async def test_a_bank_that_takes_back_what_an_upgrade_took_over_takes_its_share_of_the_time(market: Market) -> None:
    basic = await market.paid("basic", "year")
    market.pass_time(hours=2)
    plus = await market.paid("plus", "year")
    assert (plus.credit, plus.due) == (4_989, 8_001)
    whole = market.held().until - market.held().since
    market.provider.dispute(basic.id)
    await market.hook("disputed", basic)
    assert market.state(plus) == "granted" and not market.held().renews
    seconds = int(whole.total_seconds())
    assert market.held().until == market.held().since + whole - timedelta(seconds=seconds * 4_989 // 12_990)
    await market.hook("disputed", basic)
    assert market.held().until - market.held().since < whole * 0.62
    market.provider.dispute(basic.id, won=True)
    await market.hook("dispute_won", basic)
    assert market.held().until - market.held().since == whole
    assert market.sums() == {"clearing": 12_991, "revenue": -17_980, "credits": 4_989, "disputes": 0}


async def test_what_became_time_of_a_plan_side_by_side_goes_with_its_money_too() -> None:
    market = Market(renews=False)  # so that there is no trial
    plus, _ = await market.buy("plus", "month")
    basic = await market.paid("basic", "year")
    market.provider.pay(plus)
    await market.hook("paid", plus)
    assert market.state(plus) == "granted" and not plus.credit
    long = market.held().until - market.held().since
    assert long > 100 * DAY  # $49.90 are almost four months at $12.99
    market.provider.dispute(basic.id)
    await market.hook("disputed", basic)
    assert 27 * DAY < market.held().until - market.held().since < 32 * DAY


async def test_paid_late_counts_but_not_what_was_cheaper_for_a_reason_that_is_gone(market: Market) -> None:
    late, _ = await market.buy("basic")
    market.pass_time(hours=2)
    await market.till.reconcile()
    assert market.state(late) == "expired"
    market.provider.pay(late)
    await market.hook("paid", late)
    assert market.state(late) == "granted" and market.held().plan_id == "basic"

    bert = market.person("bert")
    market.orders.keep_coupon(Coupon(code="ONE", percent=50, most=1))
    order, _ = await market.buy("basic", "year", "ONE", bert)
    market.pass_time(hours=2)
    await market.till.reconcile()
    assert market.orders.coupon_uses("ONE") == 0
    market.provider.pay(order)
    await market.hook("paid", order)
    assert market.orders.get(order.id).problem == "coupon_gone" and market.state(order) == "refunded"
    assert market.membership(bert) is None
    assert market.provider.refunds == {f"refund:{order.id}:2495": (order.id, 2495)}
    assert market.orders.balance()["discounts", "USD"] == 0


async def test_of_two_upgrades_that_are_both_paid_the_second_is_given_back(market: Market) -> None:
    await market.paid("basic")
    market.pass_time(days=14)
    month, _ = await market.buy("plus")
    year, _ = await market.buy("plus", "year")
    market.pass_time(seconds=9)
    market.provider.pay(month)
    market.provider.pay(year)
    await market.hook("paid", year)
    await market.hook("paid", month)
    assert [market.state(order) for order in (month, year)] == ["refunded", "granted"]
    assert market.held().period == "year" and market.provider.cards[f"sub_{month.id}"].cancelled
    assert not market.provider.cards[f"sub_{year.id}"].cancelled
    assert market.sums()["credits"] == 250


@pytest.mark.parametrize(
    "wrong", [{"amount": 1}, {"currency": "CNY"}, {"account": "acct_2"}, {"live": False}, {"order_id": "another"}]
)
async def test_books_that_do_not_fit_the_order_never_grant(market: Market, wrong: dict[str, Any]) -> None:
    order, _ = await market.buy("basic")
    market.provider.pay(order, **wrong)
    assert (await market.hook("paid", order))[0] == 200
    kept = market.orders.get(order.id)
    assert kept.state == "failed" and kept.problem and market.membership() is None
    assert market.actions() == ["payment_mismatch"] and market.sums() == {}


@pytest.mark.parametrize("wrong", [{"amount": 1}, {"currency": "CNY"}, {"account": "acct_2"}, {"live": False}])
async def test_events_that_do_not_fit_the_order_are_told_and_change_nothing(
    market: Market, wrong: dict[str, Any]
) -> None:
    order, _ = await market.buy("basic")
    assert (await market.hook("paid", order, **wrong))[0] == 200
    assert market.state(order) == "pending" and market.actions() == ["payment_mismatch"]
    market.provider.pay(order)
    await market.hook("paid", order)
    assert market.state(order) == "granted"


async def test_an_unknown_order_and_what_is_not_signed_are_answered_without_a_failure(market: Market) -> None:
    order, _ = await market.buy("basic")
    assert (await market.hook("paid", order, order_id="nobodys"))[0] == 200
    assert market.actions() == ["payment_mismatch"]
    assert (await market.till.receive("scripted", {}, b"{}"))[0] == 400
    assert (await market.hook("paid", order, account="ä"))[0] == 200  # no database could hold it
    with pytest.raises(NotFound):
        await market.till.receive("another", SIGNED, b"")


async def test_an_account_that_went_gets_nothing_and_its_money_back(market: Market) -> None:
    order, _ = await market.buy("basic")
    market.provider.pay(order)
    market.orders.erase_owner("anna")
    await market.hook("paid", order)
    assert market.state(order) == "refunded" and market.orders.get(order.id).problem == "account_gone"
    assert market.orders.book.memberships == {} and market.kinds() == []


async def test_an_account_that_goes_is_charged_no_more(market: Market) -> None:
    order = await market.paid("basic")
    await market.till.leave("anna")
    assert market.provider.cards[f"sub_{order.id}"].cancelled and not market.held().renews


async def test_a_provider_that_is_away_is_asked_again_later_and_in_the_end_somebody_is_told(market: Market) -> None:
    order, _ = await market.buy("basic")
    market.provider.pay(order)
    market.provider.away = True
    await market.hook("paid", order)
    for _ in range(100):
        market.pass_time(hours=1)
        await market.work()
    assert market.orders.book.jobs == {}
    assert [event.detail["tries"] for event in market.diary.events if event.action == "payment_stuck"] == [12, 84]
    market.provider.away = False
    await market.till.reconcile()
    assert market.state(order) == "granted"


async def test_what_was_told_while_the_provider_was_away_for_days_is_not_lost(market: Market) -> None:
    """Of an order that was granted no reconciler asks: the job is all that knows of the refund."""
    order = await market.paid("basic")
    market.provider.give_back(order.id, order.due)
    market.provider.away = True
    await market.hook("refunded", order)
    for _ in range(70):
        market.pass_time(hours=1)
        await market.work()
    assert "payment_stuck" in market.actions()
    market.provider.away = False
    market.pass_time(hours=1)
    await market.work()
    assert market.state(order) == "refunded" and market.held().until <= market.clock.now()


async def test_a_checkout_that_cannot_be_made_is_said_and_tried_again_with_the_same_order(market: Market) -> None:
    market.provider.away = True
    with pytest.raises(Unavailable):
        await market.buy("basic")
    [order] = market.orders.of("anna")
    assert order.state == "created"
    market.provider.away = False
    again, _ = await market.buy("basic")
    assert (again.id, again.state) == (order.id, "pending")


async def test_who_has_a_plan_by_their_role_is_sold_nothing_they_have(market: Market) -> None:
    boss = market.person("boss", "admin")
    offers = await market.till.offers(boss, "USD")
    assert offers.house and offers.plan.id == "plus" and offers.options == ()
    with pytest.raises(Conflict, match="plan_by_role"):
        await market.buy("plus", user=boss)


async def test_books_that_do_not_sum_to_zero_are_told(market: Market) -> None:
    await market.paid("basic")
    assert await market.till.audit_books()
    [pay] = market.orders.book.transactions.values()
    msgspec.structs.force_setattr(pay, "entries", pay.entries[:1])
    assert not await market.till.audit_books()
    assert market.actions()[-1] == "ledger_broken"


async def test_an_end_that_came_before_the_payment_was_known_still_counts(market: Market) -> None:
    order, _ = await market.buy("basic")
    market.provider.pay(order)
    await market.tell("ended", order, subscription=f"sub_{order.id}")
    await market.hook("paid", order)
    assert market.state(order) == "granted" and not market.held().renews


async def test_nothing_more_is_taken_from_whoever_is_suspended_and_they_can_take_that_back(market: Market) -> None:
    order = await market.paid("basic")
    await market.till.locked_out("anna")
    assert market.provider.cards[f"sub_{order.id}"].cancelled
    assert not market.held().renews and market.entitlements.holding("anna").plan.id == "basic"
    await market.till.resume(market.anna)
    market.provider.away = True
    await market.till.locked_out("anna")
    assert market.actions()[-1] == "payment_stuck" and market.held().renews
