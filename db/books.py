"""The books of money: what was written is never changed, and every transaction sums to zero."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, bindparam, func, insert, select

from db.order_rows import MOST, whole
from db.tables.membership import entries, transactions
from db.work import known, reading
from domain.membership.model import Entry, Transaction

_ADD = insert(transactions)
_ADD_ENTRIES = insert(entries)
_WRITTEN = select(transactions.c.id).where(transactions.c.id == bindparam("which"))
_OF = (
    select(transactions.c.id, transactions.c.at, entries.c.account, entries.c.amount, entries.c.currency)
    .join(entries, entries.c.transaction_id == transactions.c.id)
    .where(transactions.c.order_id == bindparam("which"))
    .order_by(transactions.c.at, transactions.c.id, entries.c.place)
)
_BALANCE = select(entries.c.account, entries.c.currency, func.sum(entries.c.amount)).group_by(
    entries.c.account, entries.c.currency
)
_DAYS = (
    select(entries.c.day, entries.c.account, entries.c.currency, func.sum(entries.c.amount))
    .where(entries.c.day.between(bindparam("first"), bindparam("last")))
    .group_by(entries.c.day, entries.c.account, entries.c.currency)
)
ID_CHARS = 160


class SqlBooks:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def transactions(self, order_id: str) -> list[Transaction]:
        """Oldest first."""
        if not known(order_id):
            return []
        with reading(self._engine) as connection:
            return _gathered(order_id, connection.execute(_OF, {"which": order_id}))

    def balance(self) -> dict[tuple[str, str], int]:
        with reading(self._engine) as connection:
            return {(account, currency): int(sum_) for account, currency, sum_ in connection.execute(_BALANCE)}

    def books(self, since: date, until: date) -> list[tuple[str, str, str, int]]:
        """Both days are among them."""
        sums: Counter[tuple[str, str, str]] = Counter()
        with reading(self._engine) as connection:
            for day, account, currency, sum_ in connection.execute(_DAYS, {"first": since, "last": until}):
                sums[f"{day:%Y-%m}", account, currency] += int(sum_)
        return [(*key, sum_) for key, sum_ in sorted(sums.items())]


def write(connection: Connection, transaction: Transaction) -> bool:
    """Write it in the books, once; tell whether it was new. Raises ValueError for one that cannot be."""
    check_transaction(transaction)
    if connection.scalar(_WRITTEN, {"which": transaction.id}) is not None:
        return False
    day = transaction.at.astimezone(UTC).date()
    connection.execute(_ADD, {"id": transaction.id, "order_id": transaction.order_id, "at": transaction.at})
    rows = [
        {
            "transaction_id": transaction.id, "place": place, "day": day, "account": entry.account,
            "currency": entry.currency, "amount": entry.amount,
        }
        for place, entry in enumerate(transaction.entries)
    ]  # fmt: skip
    connection.execute(_ADD_ENTRIES, rows)
    return True


def check_transaction(transaction: Transaction) -> None:
    """Only the program makes them: a wrong one is its own mistake, and nothing of it may reach the books."""
    for entry in transaction.entries:
        if not whole(entry.amount, MOST, -MOST) or not known(entry.account, entry.currency):
            raise ValueError(f"no entry: {entry}")
    ids = transaction.id.isascii() and " " not in transaction.id and 0 < len(transaction.id) <= ID_CHARS
    if not ids or not known(transaction.order_id) or transaction.at.tzinfo is None:
        raise ValueError(f"{transaction.id!r} of {transaction.order_id!r} cannot be written")


def _gathered(order_id: str, rows: Iterable[Row[*tuple[Any, ...]]]) -> list[Transaction]:
    found: dict[str, tuple[datetime, list[Entry]]] = {}
    for id_, at, account, amount, currency in rows:
        found.setdefault(id_, (at, []))[1].append(Entry(account, amount, currency))
    return [
        Transaction(id=id_, order_id=order_id, at=at, entries=tuple(some))
        for id_, (at, some) in found.items()
    ]
