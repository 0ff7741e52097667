"""The transactions of the money ledger, one for each cause. Debits are positive, credits negative; each sums to zero.

    pay      clearing + amount, discounts + discount, credits + credit, revenue - list_amount
    refund   clearing - part, refunds + part; of an order that was never granted, the payment turned round
    refused  a refund that the provider does not make, turned round
    dispute  clearing - what is left, disputes + what is left; won: turned round
    void     a payment of nothing that could not be granted, turned round

A refund is booked when it is decided: from then on the provider owes us less. Ids are made from the cause, so that the
same cause is booked once however often it is told.
"""

from collections.abc import Iterable
from datetime import datetime

from domain.membership.model import Account, Currency, Entry, Order, Transaction


def pay(order: Order, at: datetime) -> Transaction | None:
    """None on trial: nothing was sold yet."""
    if order.trial_days:
        return None
    sold: tuple[tuple[Account, int], ...] = (
        ("clearing", order.amount), ("discounts", order.discount), ("credits", order.credit),
        ("revenue", -order.list_amount),
    )  # fmt: skip
    return _transaction(f"pay:{order.id}", order, at, sold)


def void(order: Order, at: datetime) -> Transaction | None:
    paid = pay(order, at)
    return None if paid is None else _turned(f"void:{order.id}", paid)


def refund(order: Order, total: int, already: int, at: datetime) -> Transaction | None:
    """`total`: given back in all from now on, `already` of it booked before. None where nothing is added."""
    part, id_ = total - already, f"refund:{order.id}:{total}"
    if part <= 0:
        return None
    if order.granted_at is None and part == order.due:
        paid = pay(order, at)
        return None if paid is None else _turned(id_, paid)
    return _transaction(id_, order, at, (("clearing", -part), ("refunds", part)))


def refused(order: Order, booked: Transaction, at: datetime) -> Transaction:
    """The provider does not give it back."""
    return _turned(f"refused:{booked.id.removeprefix('refund:')}", booked, at)


def dispute(order: Order, written: Iterable[Transaction], at: datetime) -> Transaction | None:
    """The bank takes what is left; None where that is nothing."""
    known = list(written)
    left, number = order.due - owed(known), len(disputes(known)) + 1
    entries: tuple[tuple[Account, int], ...] = (("clearing", -left), ("disputes", left))
    return _transaction(f"dispute:{order.id}:{number}", order, at, entries) if left > 0 else None


def won(written: Iterable[Transaction], at: datetime) -> Transaction | None:
    """The bank gives it back: the last dispute turned round."""
    lost = disputes(written)
    return _turned(f"won:{lost[-1].id.removeprefix('dispute:')}", lost[-1], at) if lost else None


def disputes(written: Iterable[Transaction]) -> list[Transaction]:
    """Oldest first."""
    found = [each for each in written if each.id.startswith("dispute:")]
    return sorted(found, key=lambda each: int(each.id.rpartition(":")[2]))


def refunds(written: Iterable[Transaction]) -> list[Transaction]:
    """Those that the provider has not refused, the last one decided last."""
    known = list(written)
    no = {each.id.removeprefix("refused:") for each in known if each.id.startswith("refused:")}
    found = [each for each in known if each.id.startswith("refund:") and each.id.removeprefix("refund:") not in no]
    return sorted(found, key=lambda each: int(each.id.rpartition(":")[2]))


def owed(written: Iterable[Transaction]) -> int:
    """Return how much is given back in all, or will be: what the last refund says in its id."""
    last = refunds(written)
    return int(last[-1].id.rpartition(":")[2]) if last else 0


def _turned(id_: str, what: Transaction, at: datetime | None = None) -> Transaction:
    entries = tuple(Entry(each.account, -each.amount, each.currency) for each in what.entries)
    return Transaction(id=id_, order_id=what.order_id, at=at or what.at, entries=entries)


def _transaction(
    id_: str, order: Order, at: datetime, amounts: tuple[tuple[Account, int], ...]
) -> Transaction | None:
    """None where nothing of worth moves."""
    currency: Currency = order.currency
    entries = tuple(Entry(account, amount, currency) for account, amount in amounts if amount)
    return Transaction(id=id_, order_id=order.id, at=at, entries=entries) if entries else None
