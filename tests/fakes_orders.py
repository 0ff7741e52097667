"""Orders, memberships, coupons and the books in memory. tests/db holds them to the contract of SQL."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import wraps
from itertools import count
from threading import RLock
from typing import Any, Concatenate, ParamSpec, TypeVar

import msgspec

from db.books import check_transaction
from db.coupons import coupon_row
from db.memberships import membership_row
from db.order_jobs import event_row
from db.order_rows import check_fields, is_ref, new_fields, order_row, slot_of
from db.work import known
from domain.errors import Conflict, NotFound
from domain.membership.model import Coupon, Membership, Order, OrderState, ProviderEvent, Transaction
from domain.membership.orders import GOING
from domain.membership.ports import Job

Given = ParamSpec("Given")
Result = TypeVar("Result")
replace = msgspec.structs.replace
FREEING = ("expired", "cancelled", "failed")


class Waiting(msgspec.Struct):
    job: Job
    seq: int


class Orderbook:
    """What the stores look at, as they would look at one database; also whoever erases accounts."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.orders: dict[str, Order] = {}
        self.moved: dict[str, datetime] = {}
        self.events: dict[tuple[str, str], ProviderEvent] = {}
        self.jobs: dict[str, Waiting] = {}
        self.memberships: dict[str, Membership] = {}
        self.coupons: dict[str, Coupon] = {}
        self.uses: dict[str, dict[int, tuple[str, str] | None]] = {}  # code -> number -> (order, whose), None: free
        self.trials: dict[str, tuple[str, str]] = {}  # order -> (user, print)
        self.transactions: dict[str, Transaction] = {}
        self.receipts = 0
        self.seq = count(1)


def one_at_a_time(method: Callable[Concatenate[Any, Given], Result]) -> Callable[Concatenate[Any, Given], Result]:
    @wraps(method)
    def locked(self: Any, /, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        with self.book.lock:
            return method(self, *args, **kwargs)

    return locked


class _Store:
    def __init__(self, book: Orderbook | None = None) -> None:
        self.book = book or Orderbook()

    def _add_job(self, order_id: str, what: Any, now: datetime, provider: str = "", event_id: str = "") -> None:
        seq = next(self.book.seq)
        job = Job(f"job{seq}", order_id, what, 0, now, provider, event_id)
        self.book.jobs[job.id] = Waiting(job, seq)


class _Memberships(_Store):
    @one_at_a_time
    def membership(self, user_id: str) -> Membership | None:
        return self.book.memberships.get(user_id)

    @one_at_a_time
    def change(self, membership: Membership, expects: int) -> bool:
        membership_row(membership)
        if not self._fits(membership, expects):
            return False
        self.book.memberships[membership.user_id] = replace(membership, version=expects + 1)
        return True

    @one_at_a_time
    def end(self, user_id: str, expects: int) -> bool:
        there = self.book.memberships.get(user_id)
        if there is None or there.version != expects:
            return False
        del self.book.memberships[user_id]
        return True

    @one_at_a_time
    def by_subscription(self, provider: str, subscription: str) -> Membership | None:
        named = (provider, subscription)
        there = self.book.memberships.values()
        return next((m for m in there if subscription and (m.provider, m.subscription) == named), None)

    @one_at_a_time
    def ending(self, before: datetime, limit: int = 100) -> list[Membership]:
        found = [m for m in self.book.memberships.values() if (m.grace_until or m.until) < before]
        return sorted(found, key=lambda m: m.grace_until or m.until)[: max(limit, 0)]

    def _fits(self, membership: Membership, expects: int) -> bool:
        there = self.book.memberships.get(membership.user_id)
        return expects == (there.version if there is not None else 0)


class _Jobs(_Store):
    @one_at_a_time
    def receive(self, event: ProviderEvent, now: datetime) -> bool:
        event_row(event)
        if (event.provider, event.id) in self.book.events:
            return False
        self.book.events[event.provider, event.id] = event
        self._add_job(event.order_id, "apply", now, event.provider, event.id)
        return True

    @one_at_a_time
    def events(self, order_id: str) -> list[ProviderEvent]:
        return [event for event in self.book.events.values() if order_id and event.order_id == order_id]

    @one_at_a_time
    def event(self, provider: str, event_id: str) -> ProviderEvent | None:
        return self.book.events.get((provider, event_id))

    @one_at_a_time
    def jobs(self, now: datetime, limit: int = 20, lease_s: int = 60) -> list[Job]:
        due = [waiting for waiting in self.book.jobs.values() if waiting.job.due <= now]
        due.sort(key=lambda waiting: (waiting.job.due, waiting.seq))
        leased = []
        for waiting in due[: max(limit, 0)]:
            due_then = waiting.job.due
            waiting.job = replace(
                waiting.job, tries=waiting.job.tries + 1, due=now + timedelta(seconds=lease_s)
            )
            leased.append(replace(waiting.job, due=due_then))
        return leased

    @one_at_a_time
    def done(self, job_id: str) -> None:
        self.book.jobs.pop(job_id, None)

    @one_at_a_time
    def again(self, job_id: str, due: datetime) -> None:
        if waiting := self.book.jobs.get(job_id):
            waiting.job = replace(waiting.job, due=due)


class _Coupons(_Store):
    @one_at_a_time
    def keep_coupon(self, coupon: Coupon) -> None:
        coupon_row(coupon)
        self.book.coupons[coupon.code] = coupon
        self.book.uses.setdefault(coupon.code, {})

    @one_at_a_time
    def coupon(self, code: str) -> Coupon | None:
        return self.book.coupons.get(code)

    @one_at_a_time
    def coupons(self, limit: int = 50, after: str = "") -> list[Coupon]:
        if after and not known(after):
            return []
        found = sorted((each for each in self.book.coupons.values() if each.code > after), key=lambda each: each.code)
        return found[: max(limit, 0)]

    @one_at_a_time
    def coupon_uses(self, code: str) -> int:
        return sum(use is not None for use in self.book.uses.get(code, {}).values())

    @one_at_a_time
    def had_trial(self, user_id: str, print_: str) -> bool:
        had = self.book.trials.values()
        return any((user_id and user == user_id) or (print_ and other == print_) for user, other in had)

    def _use(self, code: str, order: Order) -> tuple[int, tuple[str, str]]:
        """Return the number and the use, which is not kept yet."""
        coupon = self.book.coupons.get(code)
        if coupon is None:
            raise Conflict("coupon_spent")
        uses = self.book.uses[code]
        whose = order.user_id if coupon.once_each else order.id
        if any(use is not None and use[1] == whose for use in uses.values()):
            raise Conflict("coupon_used")
        free = (number for number, use in sorted(uses.items()) if use is None and number < coupon.most)
        number = next(free, len(uses))
        if number >= coupon.most:
            raise Conflict("coupon_spent")
        return number, (order.id, whose)

    def _free(self, order: Order) -> None:
        for number, use in self.book.uses.get(order.coupon, {}).items():
            if use is not None and use[0] == order.id:
                self.book.uses[order.coupon][number] = None


class _Books(_Store):
    @one_at_a_time
    def transactions(self, order_id: str) -> list[Transaction]:
        found = [t for t in self.book.transactions.values() if t.order_id == order_id]
        return sorted(found, key=lambda t: (t.at, t.id))

    @one_at_a_time
    def balance(self) -> dict[tuple[str, str], int]:
        sums: Counter[tuple[str, str]] = Counter()
        for transaction in self.book.transactions.values():
            for entry in transaction.entries:
                sums[entry.account, entry.currency] += entry.amount
        return dict(sums)

    @one_at_a_time
    def books(self, since: date, until: date) -> list[tuple[str, str, str, int]]:
        sums: Counter[tuple[str, str, str]] = Counter()
        for transaction in self.book.transactions.values():
            day = transaction.at.astimezone(UTC).date()
            for entry in transaction.entries if since <= day <= until else ():
                sums[f"{day:%Y-%m}", entry.account, entry.currency] += entry.amount
        return [(*key, sum_) for key, sum_ in sorted(sums.items())]


class MemoryOrders(_Memberships, _Jobs, _Coupons, _Books):
    """domain.membership.ports.Orders; every method is one unit of work, as all of them hold one lock."""

    @one_at_a_time
    def create(self, order: Order, coupon: Coupon | None) -> Order:
        order_row(order)
        orders = self.book.orders
        before = orders.get(order.id) or next(
            (o for o in orders.values() if o.user_id == order.user_id and slot_of(o) == slot_of(order)), None
        )
        if before is not None:
            if before.user_id != order.user_id:
                raise Conflict("order_exists")
            return before
        if coupon is not None:
            number, use = self._use(coupon.code, order)
            self.book.uses[coupon.code][number] = use
        orders[order.id], self.book.moved[order.id] = order, order.created_at
        return order

    @one_at_a_time
    def get(self, order_id: str, user_id: str = "") -> Order:
        order = self.book.orders.get(order_id)
        if order is None or (user_id and order.user_id != user_id):
            raise NotFound("order_gone")
        return order

    @one_at_a_time
    def of(self, user_id: str, limit: int = 50, before: datetime | None = None) -> list[Order]:
        return self._newest((o for o in self.book.orders.values() if user_id and o.user_id == user_id), limit, before)

    @one_at_a_time
    def find(self, state: OrderState | None = None, limit: int = 50, before: datetime | None = None) -> list[Order]:
        return self._newest((o for o in self.book.orders.values() if state in (None, o.state)), limit, before)

    def _newest(self, found: Any, limit: int, before: datetime | None) -> list[Order]:
        some = [order for order in found if before is None or order.created_at < before]
        return sorted(some, key=lambda o: (o.created_at, o.id), reverse=True)[: max(limit, 0)]

    @one_at_a_time
    def open(self, before: datetime, limit: int = 100) -> list[Order]:
        moved = self.book.moved
        found = [o for o in self.book.orders.values() if o.state in GOING and moved[o.id] < before]
        return sorted(found, key=lambda o: (moved[o.id], o.id))[: max(limit, 0)]

    @one_at_a_time
    def move(
        self, order: Order, state: OrderState, now: datetime, /, *, job: str = "",
        transaction: Transaction | None = None, beside: Membership | None = None, tell: str = "", **changes: object,
    ) -> bool:  # fmt: skip
        new_fields(changes)
        check_fields({"state": state})
        there = self.book.orders.get(order.id)
        if there is None or (there.state, there.refunded) != (order.state, order.refunded):
            return False
        if beside is not None and self.book.memberships.get(beside.user_id) != beside:
            return False
        if transaction is not None:
            check_transaction(transaction)
            self.book.transactions.setdefault(transaction.id, transaction)
        if state in FREEING and order.coupon:
            self._free(order)
        self.book.orders[order.id] = replace(there, state=state, **changes)
        self.book.moved[order.id] = now
        if beside is not None:
            self.book.memberships[beside.user_id] = replace(beside, version=beside.version + 1)
        if job:
            self._add_job(order.id, job, now)
        if tell:
            self._add_job(order.id, "tell", now, event_id=tell)
        return True

    @one_at_a_time
    def grant(
        self, order: Order, membership: Membership, expects: int, now: datetime, print_: str = "", tell: str = ""
    ) -> Order | None:
        membership_row(membership)
        there = self.book.orders.get(order.id)
        if there is None or there.state != "paid" or not order.user_id or there.user_id != order.user_id:
            return None
        if membership.user_id != order.user_id or not self._fits(membership, expects):
            return None
        if membership.trial:
            kept = print_ if is_ref(print_) else ""
            if self.had_trial(order.user_id, kept):
                return None
            self.book.trials[order.id] = (order.user_id, kept)
        self.book.memberships[order.user_id] = replace(membership, version=expects + 1)
        self.book.receipts += 1
        granted = replace(
            there, state="granted", granted_at=now, from_=order.from_, to=order.to, receipt=self.book.receipts
        )
        self.book.orders[order.id], self.book.moved[order.id] = granted, now
        self._add_job(order.id, "receipt", now)
        if tell:
            self._add_job(order.id, "tell", now, event_id=tell)
        return granted

    @one_at_a_time
    def erase_owner(self, user_id: str) -> None:
        if not known(user_id):
            return
        self.book.memberships.pop(user_id, None)
        for order in [o for o in self.book.orders.values() if o.user_id == user_id]:
            self.book.orders[order.id] = replace(order, user_id="")
        for uses in self.book.uses.values():
            for number, use in uses.items():
                if use is not None and use[1] == user_id:
                    uses[number] = (use[0], use[0])
        for order_id, (user, print_) in self.book.trials.items():
            if user == user_id:
                self.book.trials[order_id] = ("", print_)
