"""Double entry: every cause is one transaction, and every transaction sums to zero."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.membership import books
from domain.membership.model import Entry, Transaction
from tests.domain.membership.test_proration import NOON, order


def test_what_does_not_sum_to_zero_in_each_currency_cannot_be_made() -> None:
    for entries in (
        (),
        (Entry("clearing", 5, "USD"), Entry("revenue", -4, "USD")),
        (Entry("clearing", 5, "USD"), Entry("revenue", -5, "CNY")),
    ):
        with pytest.raises(ValueError, match="sum to zero"):
            Transaction(id="x", order_id="one", at=NOON, entries=entries)


@given(st.integers(1, 10**8), st.integers(0, 10**8), st.integers(0, 10**8), st.lists(st.integers(1, 10**8), max_size=4))
def test_paying_giving_back_and_disputing_leave_what_is_really_there(
    price: int, off: int, taken: int, parts: list[int]
) -> None:
    off = min(off, price)
    taken = min(taken, price - off)
    bought = order(amount=price - off - taken, list_amount=price, discount=off, credit=taken)
    written = [t for t in [books.pay(bought, NOON)] if t is not None]
    for part in parts:
        already = books.owed(written)
        total = min(bought.due, already + part)
        if (back := books.refund(bought, total, already, NOON)) is not None:
            written.append(back)
    left = bought.due - books.owed(written)
    if (lost := books.dispute(bought, written, NOON)) is not None:
        written.append(lost)
    assert _sum(written, "clearing") == 0 or not left
    if (again := books.won(written, NOON)) is not None:
        written.append(again)
    assert _sum(written, "clearing") == left
    assert len({t.id for t in written}) == len(written)


def test_ids_tell_the_cause_so_that_the_same_is_booked_once() -> None:
    bought = order()
    paid, back = books.pay(bought, NOON), books.refund(bought, 300, 0, NOON)
    assert paid is not None and back is not None
    assert (paid.id, back.id) == ("pay:one", "refund:one:300")
    assert books.refund(bought, 300, 300, NOON) is None
    no = books.refused(bought, back, NOON)
    assert no.id == "refused:one:300" and books.owed([paid, back, no]) == 0
    lost = books.dispute(bought, [paid], NOON)
    assert lost is not None and lost.id == "dispute:one:1"
    again = books.won([paid, lost], NOON)
    assert again is not None and again.id == "won:one:1"
    second = books.dispute(bought, [paid, lost, again], NOON + timedelta(days=1))
    assert second is not None and second.id == "dispute:one:2"


def test_what_was_never_granted_is_turned_round_whole_and_a_trial_sells_nothing() -> None:
    bought = order(granted_at=None, amount=300, list_amount=1_000, credit=500, discount=200)
    paid, back = books.pay(bought, NOON), books.refund(bought, 300, 0, NOON)
    assert paid is not None and back is not None
    assert all(_sum([paid, back], account) == 0 for account in ("clearing", "revenue", "credits", "discounts"))
    assert books.pay(order(trial_days=7), NOON) is None
    free = order(amount=0, list_amount=1_000, discount=1_000)
    void = books.void(free, NOON)
    assert void is not None and _sum([void], "revenue") == 1_000


def _sum(written: list[Transaction], account: str) -> int:
    return sum(entry.amount for each in written for entry in each.entries if entry.account == account)
