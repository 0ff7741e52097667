"""The file in which the sandbox keeps its books: orders, their payments, and what it still has to tell.

Nothing here knows HTTP or the app. Every method is one transaction; threads take turns.
"""

import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from domain.errors import Conflict
from domain.membership.model import EventKind, ProviderEvent
from domain.membership.ports import PaymentState
from infra.payments.sandbox_letters import Letters
from infra.payments.sandbox_records import Bill, Payment
from infra.payments.sandbox_wire import ACCOUNT, SWITCHES, Ask, Switch

REVERSED_S = 2.0  # so long events wait for later ones, to go out behind them
_TABLES = """
CREATE TABLE IF NOT EXISTS orders(
    order_id TEXT PRIMARY KEY, ref TEXT UNIQUE, ask BLOB, state TEXT, until TEXT, subscription TEXT, renews INTEGER,
    print TEXT, made TEXT, switches BLOB, -- renews: 1, 0 when cancelled, -1 when it has ended
    price INTEGER, usual INTEGER, period TEXT);
CREATE TABLE IF NOT EXISTS payments(
    ref TEXT PRIMARY KEY, order_id TEXT, amount INTEGER, currency TEXT, account TEXT, live INTEGER,
    refunded INTEGER DEFAULT 0, disputed INTEGER DEFAULT 0, until TEXT, number INTEGER, UNIQUE(order_id, number));
CREATE TABLE IF NOT EXISTS refunds(key TEXT PRIMARY KEY, ref TEXT, amount INTEGER);
CREATE TABLE IF NOT EXISTS events(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, order_id TEXT, kind TEXT, body BLOB, turn INTEGER, due REAL, copies INTEGER,
    tries INTEGER DEFAULT 0, arrived INTEGER DEFAULT 0, last TEXT DEFAULT '');
CREATE INDEX IF NOT EXISTS waiting ON events(arrived, due);
CREATE INDEX IF NOT EXISTS of_order ON events(order_id, seq);
CREATE TABLE IF NOT EXISTS switches(name TEXT PRIMARY KEY, value INTEGER);
"""


class Store:
    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._turn = threading.RLock()
        self.news = threading.Event()  # set when there is something to tell
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.executescript(_TABLES)
        self.letters = Letters(self._db, self._turn)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._turn:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        self.news.set()

    def close(self) -> None:
        with self._turn:
            self._db.close()

    def find(self, ref: str) -> Bill | None:
        return self._found("ref", ref)

    def order(self, order_id: str) -> Bill | None:
        return self._found("order_id", order_id)

    def newest(self, limit: int = 50) -> list[Bill]:
        with self._turn:
            rows = self._db.execute("SELECT order_id FROM orders ORDER BY made DESC LIMIT ?", (limit,)).fetchall()
            return [self._bill("order_id", row[0]) for row in rows]

    def state(self, order_id: str, ref: str) -> PaymentState:
        """Return what the books say of an order, or of a renewal by its own `ref`."""
        bill = self.order(order_id) or self._renewed(ref)
        if bill is None:
            return PaymentState(state="unknown")
        paid = bill.payments
        one = next((each for each in paid if each.ref == ref), paid[0] if paid else None)
        told = PaymentState(
            state="open",
            order_id=order_id,
            ref=one.ref if one else bill.ref,
            amount=bill.ask.due,
            currency=bill.ask.currency,
            account=ACCOUNT,
            subscription=bill.subscription,
            period_end=bill.until,
            print_=bill.print_,
            renewal=paid[-1].ref if len(paid) > 1 else "",
        )
        if one is None:
            return msgspec.structs.replace(told, state=bill.state)
        after = "refunded" if 0 < one.amount <= one.refunded else "part_refunded" if one.refunded else "paid"
        return msgspec.structs.replace(
            told,
            state="disputed" if one.disputed == 1 else after,
            amount=one.amount,
            currency=one.currency,
            account=one.account,
            live=one.live,
            refunded=one.refunded,
            period_end=one.until if one.ref != bill.ref else bill.until,
        )

    def _found(self, column: str, value: str) -> Bill | None:
        with self._turn:
            try:
                return self._bill(column, value)
            except KeyError:
                return None

    def _renewed(self, ref: str) -> Bill | None:
        """Return the bill that a renewal belongs to."""
        with self._turn:
            row = self._db.execute("SELECT order_id FROM payments WHERE ref=?", (ref,)).fetchone()
            return self.order(row[0]) if row else None

    def _open(self, order_id: str) -> Bill:
        bill = self.order(order_id)
        if bill is None or bill.state not in ("open", "paid"):
            raise Conflict("order_state")
        return bill

    def _bought(self, order_id: str) -> Bill:
        bill = self.order(order_id)
        if bill is None or not bill.payments:
            raise Conflict("order_state")
        return bill

    def _bill(self, column: str, value: str) -> Bill:
        row = self._db.execute(f"SELECT * FROM orders WHERE {column}=?", (value,)).fetchone()  # noqa: S608 - ours
        if row is None:
            raise KeyError(value)
        payments = self._db.execute("SELECT * FROM payments WHERE order_id=? ORDER BY number", (row["order_id"],))
        return Bill(
            order_id=row["order_id"],
            ref=row["ref"],
            ask=msgspec.json.decode(row["ask"], type=Ask),
            state=row["state"],
            until=_time(row["until"]),
            subscription=row["subscription"],
            renews=row["renews"] == 1,
            print_=row["print"],
            switches=msgspec.json.decode(row["switches"], type=dict[Switch, int]),
            price=row["price"],
            usual=row["usual"],
            period=row["period"],
            payments=[
                Payment(
                    ref=each["ref"], amount=each["amount"], currency=each["currency"], account=each["account"],
                    live=bool(each["live"]), refunded=each["refunded"], disputed=each["disputed"],
                    until=_time(each["until"]),
                )
                for each in payments.fetchall()
            ],
        )  # fmt: skip

    def _switches(self, bill: Bill) -> dict[Switch, int]:
        always = dict(self._db.execute("SELECT name, value FROM switches").fetchall())
        return {name: bill.switches.get(name, 0) or always.get(name, 0) for name in SWITCHES}

    def _tell(self, bill: Bill, kind: EventKind, one: Payment | None, **more: Any) -> None:
        """Write an event down; the postman takes it from there."""
        wrong = self._switches(bill)
        if wrong.get("silent"):
            return
        event = ProviderEvent(
            provider="sandbox",
            id=f"evt_{secrets.token_hex(12)}",
            kind=kind,
            order_id=bill.order_id,
            ref=one.ref if one else bill.ref,
            amount=one.amount if one else bill.ask.due,
            currency=one.currency if one else bill.ask.currency,
            account=one.account if one else ACCOUNT,
            live=one.live if one else False,
            subscription=bill.subscription,
            period_end=one.until if one else bill.until,
            at=now(),
        )
        event = msgspec.structs.replace(event, **more)
        reverse = bool(wrong.get("reversed"))
        due = now().timestamp() + wrong.get("late", 0) + (REVERSED_S if reverse else 0.0)
        seq = self._db.execute(
            "INSERT INTO events(order_id, kind, body, due, copies) VALUES(?, ?, ?, ?, ?)",
            (bill.order_id, kind, msgspec.json.encode(event), due, 1 + wrong.get("doubled", 0)),
        ).lastrowid
        self._db.execute("UPDATE events SET turn=? * seq WHERE seq=?", (-1 if reverse else 1, seq))
        if reverse:  # those before it wait for it
            self._db.execute(
                "UPDATE events SET due=? WHERE order_id=? AND arrived=0 AND turn<0", (due, bill.order_id)
            )


def now() -> datetime:
    return datetime.now(UTC)


def text(time: datetime) -> str:
    return time.isoformat()


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
