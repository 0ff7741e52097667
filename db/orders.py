"""Orders in SQL: domain.membership.ports.Orders on SQLite, MySQL or PostgreSQL."""

from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from db import order_sql as sql
from db.again import again
from db.books import SqlBooks, write
from db.coupons import SqlCoupons, free_coupon, use_coupon, use_trial
from db.memberships import SqlMemberships, count_on, give
from db.order_jobs import SqlOrderJobs, add_job
from db.order_owners import erase_orders
from db.order_rows import check_fields, new_fields, order_row, slot_of, to_order
from db.work import forget_log, known, reading, writing
from domain.errors import Conflict, NotFound
from domain.membership.model import Coupon, Membership, Order, OrderState, Transaction
from domain.membership.orders import GOING, OPEN

FREEING: tuple[OrderState, ...] = ("expired", "cancelled", "failed")  # their coupon is somebody else's to use


class _TooLate(Exception):
    """Somebody else was faster: nothing of this is kept."""


class _NoCounter(Exception):
    """The first receipt of all."""


class SqlOrders(SqlMemberships, SqlOrderJobs, SqlCoupons, SqlBooks):
    @again(_TooLate)
    def create(self, order: Order, coupon: Coupon | None) -> Order:
        """Raises BadInput for one that no database could hold, Conflict("order_exists") for an id of somebody else."""
        row = order_row(order) | {"slot": slot_of(order), "moved_at": order.created_at}
        try:
            with writing(self._engine) as connection:
                before = _same(connection, order)
                if before is not None:
                    return before
                if coupon is not None:
                    use_coupon(connection, coupon.code, order)
                connection.execute(sql.ADD, row)
                return order
        except IntegrityError:  # a second click came between the look and the writing
            raise _TooLate from None

    def get(self, order_id: str, user_id: str = "") -> Order:
        statement, values = (sql.GET_OWN, {"whose": user_id}) if user_id else (sql.GET, {})
        if not known(order_id) or (user_id and not known(user_id)):
            raise NotFound("order_gone")
        with reading(self._engine) as connection:
            row = connection.execute(statement, {"which": order_id, **values}).mappings().first()
        if row is None:
            raise NotFound("order_gone")
        return to_order(row)

    def of(self, user_id: str, limit: int = 50, before: datetime | None = None) -> list[Order]:
        if not known(user_id):
            return []
        values: dict[str, object] = {"whose": user_id, "most": max(limit, 0), "before": before}
        with reading(self._engine) as connection:
            rows = connection.execute(sql.OF if before is None else sql.OF_BEFORE, values).mappings()
            return [to_order(row) for row in rows]

    def find(self, state: OrderState | None = None, limit: int = 50, before: datetime | None = None) -> list[Order]:
        first, later = (sql.ALL, sql.ALL_BEFORE) if state is None else (sql.ALL_IN, sql.ALL_IN_BEFORE)
        values: dict[str, object] = {"now_in": state, "most": max(limit, 0), "before": before}
        with reading(self._engine) as connection:
            rows = connection.execute(first if before is None else later, values).mappings()
            return [to_order(row) for row in rows]

    def open(self, before: datetime, limit: int = 100) -> list[Order]:
        """The longest unmoved first."""
        with reading(self._engine) as connection:
            rows = [
                row
                for state in GOING
                for row in connection.execute(
                    sql.LONGEST, {"now_in": state, "before": before, "most": max(limit, 0)}
                ).mappings()
            ]
        return [to_order(row) for row in sorted(rows, key=lambda row: (row["moved_at"], row["id"]))[: max(limit, 0)]]

    @again()
    def move(
        self, order: Order, state: OrderState, now: datetime, /, *, job: str = "",
        transaction: Transaction | None = None, beside: Membership | None = None, tell: str = "", **changes: object,
    ) -> bool:  # fmt: skip
        """A transaction that is in the books already is not written again. Raises BadInput for what cannot change."""
        check_fields({"state": state})
        new = new_fields(changes)
        values = {"which": order.id, "was": order.state, "was_refunded": order.refunded, "to_state": state, "now": now}
        values |= {f"new_{name}": value for name, value in new.items()}
        statement = sql.move(state not in OPEN, frozenset(new))
        if not known(order.id):
            return False
        try:
            with writing(self._engine) as connection:
                if not connection.execute(statement, values).rowcount:
                    return False
                if beside is not None and not count_on(connection, beside):
                    raise _TooLate
                if state in FREEING and order.coupon:
                    free_coupon(connection, order)
                if transaction is not None:
                    write(connection, transaction)
                if job:
                    add_job(connection, order.id, job, now)
                if tell:
                    add_job(connection, order.id, "tell", now, event_id=tell)
        except _TooLate:
            return False
        return True

    @again(_NoCounter)
    def grant(
        self, order: Order, membership: Membership, expects: int, now: datetime, print_: str = "", tell: str = ""
    ) -> Order | None:
        if not known(order.id, order.user_id) or membership.user_id != order.user_id:
            return None
        granted = {"which": order.id, "whose": order.user_id, "now": now, "new_from": order.from_, "new_to": order.to}
        try:
            with writing(self._engine) as connection:
                if not connection.execute(sql.GRANT, granted).rowcount or not give(connection, membership, expects):
                    raise _TooLate
                if membership.trial:
                    use_trial(connection, order, print_)
                add_job(connection, order.id, "receipt", now)
                if tell:
                    add_job(connection, order.id, "tell", now, event_id=tell)
                if not connection.execute(sql.NEXT).rowcount:
                    raise _NoCounter
                connection.execute(sql.NUMBER, {"which": order.id, "number": connection.scalar(sql.TAKEN)})
        except (_TooLate, IntegrityError):  # the latter: a membership, or a trial, that was not there a moment ago
            return None
        except _NoCounter:
            self._begin_counting()
            raise
        return self.get(order.id)

    @again()
    def _begin_counting(self) -> None:
        try:
            with writing(self._engine) as connection:
                connection.execute(sql.BEGIN_COUNTING)
        except IntegrityError:
            return

    @again()
    def erase_owner(self, user_id: str) -> None:
        if known(user_id):
            with writing(self._engine) as connection:
                erase_orders(connection, user_id)
            forget_log(self._engine)


def _same(connection: Connection, order: Order) -> Order | None:
    """Return the order that is there already and is meant. Raises Conflict("order_exists")."""
    row = connection.execute(sql.GET, {"which": order.id}).mappings().first()
    if row is None:
        in_slot = {"whose": order.user_id, "in_slot": slot_of(order)}
        row = connection.execute(sql.IN_SLOT, in_slot).mappings().first()
    if row is not None and row["user_id"] != order.user_id:
        raise Conflict("order_exists")
    return None if row is None else to_order(row)
