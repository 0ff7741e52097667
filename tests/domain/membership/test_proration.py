"""What is left of what was paid, to the unit: never more than it was worth, never less than nothing, no fractions."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.membership.model import Order, Period
from domain.membership.months import day_of, end_of, month_after, month_of, months_between
from domain.membership.proration import credit, more_time, refundable, stretch, until, unused, worth

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2032, 1, 1), timezones=st.just(UTC))
PERIODS: st.SearchStrategy[Period] = st.sampled_from(["month", "year"])
AMOUNTS = st.integers(1, 10**8)


def order(from_: datetime = NOON, period: Period = "month", amount: int = 1_000, **more: object) -> Order:
    told = {
        "id": "one", "user_id": "anna", "kind": "buy", "plan_id": "basic", "period": period, "amount": amount,
        "list_amount": amount, "currency": "USD", "provider": "scripted", "live": True, "created_at": from_,
        "expires_at": from_, "state": "granted", "granted_at": from_, "from_": from_,
        "to": end_of(from_, from_, period), "receipt": 1,
    }  # fmt: skip
    return Order(**{**told, **more})  # type: ignore[arg-type]


@given(MOMENTS, PERIODS, AMOUNTS, st.integers(-10**6, 4 * 10**7))
def test_what_is_left_lies_between_nothing_and_all_and_only_falls(
    from_: datetime, period: Period, amount: int, seconds: int
) -> None:
    bought, at = order(from_, period, amount), from_ + timedelta(seconds=seconds)
    left, later = unused(bought, at), unused(bought, at + timedelta(hours=1))
    assert type(left) is int and 0 <= later <= left <= amount
    assert left == amount if at <= from_ else True
    assert bought.to is not None
    if at >= bought.to:
        assert left == 0


@given(MOMENTS, PERIODS, AMOUNTS, st.integers(0, 3 * 10**7))
def test_it_is_rounded_by_less_than_a_unit_and_in_the_members_favour(
    from_: datetime, period: Period, amount: int, seconds: int
) -> None:
    bought = order(from_, period, amount)
    assert bought.to is not None
    whole = int((bought.to - from_).total_seconds())
    left = max(0, whole - seconds)
    exact_times_whole = amount * left
    found = unused(bought, from_ + timedelta(seconds=seconds))
    assert 0 <= found * whole - exact_times_whole < whole


@given(AMOUNTS, st.integers(0, 10**8), st.integers(0, 10**8))
def test_what_was_given_back_and_what_a_coupon_took_off_is_not_credited(amount: int, off: int, back: int) -> None:
    off, back = min(off, amount), min(back, amount)
    bought = order(amount=amount - off, list_amount=amount, discount=off, refunded=min(back, amount - off))
    assert worth(bought) == amount - off - min(back, amount - off)
    assert worth(order(trial_days=7)) == 0


def test_nothing_is_left_of_what_was_given_back_or_is_disputed() -> None:
    for state in ("refunded", "disputed", "failed", "paid"):
        assert unused(order(state=state), NOON) == 0
    assert unused(order(from_=NOON, state="part_refunded", refunded=400), NOON) == 600


def test_orders_that_follow_one_another_are_one_stretch_and_an_upgrade_begins_another() -> None:
    first = order(id="a")
    half, end = month_after(NOON, 1), month_after(month_after(NOON, 1), 1)
    second = order(id="b", from_=half, granted_at=NOON + timedelta(days=3), receipt=2)
    after = NOON + timedelta(days=5)
    upgrade = order(id="c", from_=after, granted_at=after, to=month_after(after, 1), receipt=3)
    assert [o.id for o in stretch([second, first], NOON)] == ["a", "b"]
    assert [o.id for o in stretch([second, upgrade, first], after)] == ["c"]
    assert credit([first, second], NOON, NOON) == 2_000
    assert until([first, second], NOON, {}) == end
    assert until([first, second], NOON, {"a": NOON + timedelta(days=1)}) == end - timedelta(days=27)


def test_what_replaced_another_in_the_same_moment_is_alone() -> None:
    first, second = order(id="a"), order(id="b", receipt=2)
    assert [o.id for o in stretch([first, second], NOON)] == ["b"]


@given(st.integers(0, 10**7), AMOUNTS)
def test_credit_beyond_a_price_becomes_time_and_no_more_than_it_pays_for(value: int, price: int) -> None:
    month = timedelta(days=30)
    found = more_time(value, price, month)
    assert found >= timedelta(0) and found.microseconds == 0
    assert int(found.total_seconds()) * price <= value * int(month.total_seconds())


def test_what_an_upgrade_took_over_is_no_longer_refundable() -> None:
    first = order(id="a")
    later = NOON + timedelta(days=5)
    upgrade = order(id="b", created_at=later, granted_at=later, from_=later, credit=822)
    assert refundable(first, 0, [first]) == 1_000
    assert refundable(first, 0, [first, upgrade]) == 178
    assert refundable(first, 200, [first, upgrade]) == 0
    assert refundable(upgrade, 0, [first, upgrade]) == 1_000


@given(MOMENTS, st.integers(0, 200))
def test_months_are_counted_from_the_day_it_began_and_follow_without_gap(since: datetime, months: int) -> None:
    begin, end = month_after(since, months), month_after(since, months + 1)
    assert months_between(since, begin) == months and months_between(since, end - timedelta(microseconds=1)) == months
    assert month_of(since, begin) == (begin, end)
    assert end_of(since, begin, "month") == end
    assert timedelta(days=28) <= end - begin <= timedelta(days=31)


@pytest.mark.parametrize(
    ("since", "months", "expected"),
    [
        ("2026-01-31", 1, "2026-02-28"), ("2026-01-31", 2, "2026-03-31"), ("2028-01-31", 1, "2028-02-29"),
        ("2028-02-29", 12, "2029-02-28"), ("2028-02-29", 48, "2032-02-29"), ("2026-12-15", 1, "2027-01-15"),
    ],
)  # fmt: skip
def test_a_month_that_has_no_such_day_ends_sooner_and_the_next_does_not(since: str, months: int, expected: str) -> None:
    assert f"{month_after(datetime.fromisoformat(since).replace(tzinfo=UTC), months):%Y-%m-%d}" == expected


def test_a_day_is_one_of_utc() -> None:
    east = datetime.fromisoformat("2026-05-01T07:59:00+08:00")
    assert day_of(east) == (datetime(2026, 4, 30, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC))
