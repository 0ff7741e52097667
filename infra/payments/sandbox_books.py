"""The sandbox's own books: what can be done with an order there, and what is told of it."""

import hashlib
import secrets
from datetime import datetime, timedelta

import msgspec

from domain.errors import Conflict
from infra.payments.sandbox_records import Bill, Payment, later
from infra.payments.sandbox_store import Store, now, text
from infra.payments.sandbox_wire import ACCOUNT, Ask, Switch


class Books(Store):
    def checkout(self, ask: Ask) -> Bill:
        """The same order twice is one checkout, as it was asked for first."""
        with self._writing() as db:
            db.execute(
                "INSERT INTO orders VALUES(?, ?, ?, 'open', NULL, ?, ?, '', ?, '{}', ?, ?, ?) ON CONFLICT DO NOTHING",
                (
                    ask.order_id, f"pay_{secrets.token_urlsafe(18)}", msgspec.json.encode(ask),
                    f"sub_{secrets.token_hex(10)}" if ask.renews else "", ask.renews, text(now()),
                    ask.amount if ask.trial_days else ask.list_amount, ask.list_amount, ask.period,
                ),
            )  # fmt: skip
            return self._bill("order_id", ask.order_id)

    def pay(self, order_id: str, card: str = "", switches: dict[Switch, int] | None = None) -> Bill:
        """Raises Conflict("order_state") when it cannot be paid any more. Paying twice pays once."""
        with self._writing() as db:
            bill = self._open(order_id)
            if bill.state == "paid":
                return bill
            start = now()
            trial = bill.ask.trial_days
            until = start + timedelta(days=trial) if trial else later(start, bill.ask.period)
            seen = hashlib.sha256((card or bill.ask.email or order_id).encode()).hexdigest()[:24]
            db.execute(
                "UPDATE orders SET state='paid', until=?, print=?, switches=? WHERE order_id=?",
                (text(until), seen, msgspec.json.encode(switches or {}), order_id),
            )
            bill = self._bill("order_id", order_id)
            self._tell(bill, "other", None)  # as real ones do: something of no use comes first
            self._tell(bill, "paid", self._paid(bill, bill.ref, bill.ask.due, until))
            return self._bill("order_id", order_id)

    def decline(self, order_id: str) -> Bill:
        with self._writing() as db:
            bill = self._open(order_id)
            if bill.state == "open":
                db.execute("UPDATE orders SET state='failed' WHERE order_id=?", (order_id,))
                self._tell(bill, "failed", None)
            return self._bill("order_id", order_id)

    def withdraw(self, order_id: str) -> None:
        with self._writing() as db:
            bill = self.order(order_id)
            if bill is not None and bill.state == "open":
                db.execute("UPDATE orders SET state='expired' WHERE order_id=?", (order_id,))
                self._tell(bill, "expired", None)

    def expire(self, moment: datetime) -> None:
        """End what nobody has paid in time."""
        with self._turn:
            rows = self._db.execute("SELECT order_id, ask FROM orders WHERE state='open'").fetchall()
        for row in rows:
            ends = msgspec.json.decode(row["ask"], type=Ask).ends
            if ends is not None and ends < moment:
                self.withdraw(row["order_id"])

    def later(self, order_id: str, fails: bool = False) -> Bill:
        """A period goes by: the subscription renews, its card is declined, or it ends because it was cancelled."""
        with self._writing() as db:
            bill = self._bought(order_id)
            if not bill.subscription or bill.until is None:
                raise Conflict("order_state")
            if not bill.renews:
                return self._end(bill)
            ref = f"ren_{secrets.token_urlsafe(18)}"
            due = max(now(), bill.until)  # nobody waits for a month here; what is told is of then
            if fails or self._switches(bill).get("renewals_fail"):
                self._tell(bill, "renewal_failed", None, ref=ref, amount=bill.price, period_end=bill.until, at=due)
                return bill
            until = later(bill.until, bill.period)
            db.execute("UPDATE orders SET until=?, price=usual WHERE order_id=?", (text(until), order_id))
            self._tell(bill, "renewed", self._paid(bill, ref, bill.price, until), at=due)
            return self._bill("order_id", order_id)

    def end(self, order_id: str) -> Bill:
        """The provider gives the subscription up."""
        with self._writing():
            return self._end(self._bought(order_id))

    def _end(self, bill: Bill) -> Bill:
        self._db.execute("UPDATE orders SET renews=-1 WHERE order_id=?", (bill.order_id,))
        self._tell(bill, "ended", None)
        return self._bill("order_id", bill.order_id)

    def cancel(self, subscription: str) -> None:
        with self._writing() as db:
            if subscription:
                db.execute("UPDATE orders SET renews=min(renews, 0) WHERE subscription=?", (subscription,))

    def resume(self, subscription: str) -> None:
        """Raises Conflict("resume_late") for what has ended, or never was."""
        with self._writing() as db:
            found = db.execute(
                "UPDATE orders SET renews=1 WHERE subscription=? AND subscription!='' AND until>? AND renews>=0",
                (subscription, text(now())),
            )
            if not found.rowcount:
                raise Conflict("resume_late")

    def change(self, subscription: str, amount: int, currency: str, period: str) -> None:
        """From the next payment on it costs this. Raises Conflict("resume_late")."""
        with self._writing() as db:
            rows = db.execute("SELECT order_id FROM orders WHERE subscription=?", (subscription,)).fetchall()
            bill = self.order(rows[0][0]) if subscription and rows else None
            if bill is None or bill.ask.currency != currency:
                raise Conflict("resume_late")
            db.execute(
                "UPDATE orders SET price=?, usual=?, period=? WHERE order_id=?", (amount, amount, period, bill.order_id)
            )

    def refund(self, order_id: str, ref: str, amount: int, key: str) -> None:
        """Raises Conflict("refund_refused") for more than is left. The same key twice gives back once."""
        with self._writing() as db:
            if db.execute("SELECT 1 FROM refunds WHERE key=?", (key,)).fetchone():
                return
            bill = self.order(order_id) or self._renewed(ref)
            payments = bill.payments if bill else []
            one = next((each for each in payments if each.ref == ref), payments[0] if payments else None)
            if bill is None or one is None or not 0 < amount <= one.amount - one.refunded:
                raise Conflict("refund_refused")
            db.execute("INSERT INTO refunds VALUES(?, ?, ?)", (key, one.ref, amount))
            db.execute("UPDATE payments SET refunded = refunded + ? WHERE ref=?", (amount, one.ref))
            self._tell(bill, "refunded", one, amount=one.refunded + amount)

    def dispute(self, order_id: str, won: bool = False) -> Bill:
        """A bank takes the last payment back; or gives it to us again, after that."""
        with self._writing() as db:
            bill = self._bought(order_id)
            one = bill.payments[-1]
            if one.disputed == (1 if won else 0):
                db.execute("UPDATE payments SET disputed=? WHERE ref=?", (2 if won else 1, one.ref))
                self._tell(bill, "dispute_won" if won else "disputed", one)
            return self._bill("order_id", order_id)

    def switch(self, switches: dict[Switch, int]) -> None:
        """Set what goes wrong from now on, with every payment."""
        with self._writing() as db:
            db.executemany("INSERT OR REPLACE INTO switches VALUES(?, ?)", list(switches.items()))

    def _paid(self, bill: Bill, ref: str, amount: int, until: datetime) -> Payment:
        """Put a payment into the books, with what the switches make of it."""
        wrong = self._switches(bill)
        one = Payment(
            ref=ref,
            amount=amount + 1 if wrong.get("wrong_amount") else amount,
            currency={"USD": "CNY"}.get(bill.ask.currency, "USD") if wrong.get("wrong_currency") else bill.ask.currency,
            account="somebody-else" if wrong.get("wrong_account") else ACCOUNT,
            live=bool(wrong.get("other_mode")),
            refunded=0,
            disputed=0,
            until=until,
        )
        self._db.execute(
            "INSERT INTO payments(ref, order_id, amount, currency, account, live, until, number) "
            "VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
            (ref, bill.order_id, one.amount, one.currency, one.account, one.live, text(until), len(bill.payments)),
        )
        return one
