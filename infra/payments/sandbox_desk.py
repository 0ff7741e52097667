"""What the app asks the sandbox, and what somebody does on its page."""

import re

from domain.errors import Conflict
from infra.payments.sandbox_books import Books
from infra.payments.sandbox_records import Bill
from infra.payments.sandbox_wire import SWITCHES, Answer, Ask

LATE_S = 20  # what the page's switch for late events means
_ADDRESS = re.compile(r"https?://[!-~]{1,2000}", re.ASCII)


class Desk:
    """`address` is where browsers find the pages."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.address = ""

    def answer(self, ask: Ask) -> Answer:
        try:
            return self._answer(ask)
        except Conflict as wrong:
            return Answer(error=wrong.code)

    def _answer(self, ask: Ask) -> Answer:
        books, order_id = self.books, ask.order_id
        match ask.what:
            case "checkout":
                if not _ADDRESS.fullmatch(ask.back):
                    ask.back = ""
                bill = books.checkout(ask)
                if bill.state != "open":
                    raise Conflict("order_state")
                return Answer(ref=bill.ref, url=f"{self.address}/pay/{bill.ref}")
            case "state":
                return Answer(state=books.state(order_id, ask.ref))
            case "withdraw":
                books.withdraw(order_id)
            case "refund":
                books.refund(order_id, ask.ref, ask.amount, ask.key)
            case "cancel":
                books.cancel(ask.subscription)
            case "resume":
                books.resume(ask.subscription)
            case "change":
                books.change(ask.subscription, ask.amount, ask.currency, ask.period)
            case "pay":
                books.pay(order_id, ask.card, ask.switches)
            case "decline":
                books.decline(order_id)
            case "later":
                books.later(order_id)
            case "end":
                books.end(order_id)
            case "dispute" | "dispute_won":
                books.dispute(order_id, won=ask.what == "dispute_won")
            case "switch":
                books.switch(ask.switches)
        return Answer()

    def press(self, bill: Bill, form: dict[str, str]) -> bool:
        """Do what a button of the page says; tell whether the browser goes back to the app."""
        what, order_id = form.get("do", ""), bill.order_id
        last = bill.payments[-1] if bill.payments else None
        if what == "pay":
            known = {name: LATE_S if name == "late" else 1 for name in SWITCHES if form.get(name)}
            self.books.pay(order_id, form.get("card", "")[:40], known)
        elif what == "decline":
            self.books.decline(order_id)
        elif what in ("later", "later_fails"):
            self.books.later(order_id, fails=what == "later_fails")
        elif what == "end":
            self.books.end(order_id)
        elif what in ("dispute", "dispute_won"):
            self.books.dispute(order_id, won=what == "dispute_won")
        elif what in ("refund", "refund_half") and last is not None:
            left = last.amount - last.refunded
            amount = left if what == "refund" else left // 2
            self.books.refund(order_id, last.ref, amount, f"page:{last.ref}:{last.refunded + amount}")
        return what in ("pay", "decline", "leave")
