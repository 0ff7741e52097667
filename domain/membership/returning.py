"""Money that goes back, and what becomes of the membership that it paid for."""

from collections.abc import Sequence
from datetime import datetime

from domain.errors import BadInput, Conflict, Unavailable
from domain.membership import books as ledger
from domain.membership.effects import taken_at
from domain.membership.granting import held
from domain.membership.model import Membership, Order
from domain.membership.orders import GIVING
from domain.membership.ports import PaymentState
from domain.membership.proration import refundable, stretch, until
from domain.membership.shop import ALL, RACES, replace
from domain.membership.steps import Steps
from domain.membership.taking_over import gone_time, share
from domain.membership.telling import dated


class Returning(Steps):
    async def refund_room(self, order_id: str) -> int:
        """Return how much of an order can still be given back, in minor units."""
        order = await self._do(self._orders.get, order_id)
        return await self._room(order)

    async def _room(self, order: Order) -> int:
        if order.state not in ("granted", "part_refunded"):
            return 0
        owed = ledger.owed(await self._do(self._orders.transactions, order.id))
        others = await self._do(self._orders.of, order.user_id, ALL) if order.user_id else []
        return refundable(order, owed, others)

    async def _decide_refund(self, order: Order, amount: int, by: str, seen: int | None) -> Order:
        """Book it, and leave the rest to whoever settles the order."""
        if seen not in (None, order.refunded):
            raise Conflict("order_state")
        # An upgrade may be taking over what is left of it at this very moment: of both, one comes too late.
        there = await self._do(self._orders.membership, order.user_id) if order.user_id else None
        most = await self._room(order)
        if most <= 0:
            raise Conflict("refund_none")
        if not 0 < amount <= most:
            raise BadInput("refund_large", field="amount", most=most)
        written, now = await self._do(self._orders.transactions, order.id), self._now()
        owed = ledger.owed(written)
        entry = ledger.refund(order, owed + amount, owed, now)
        if entry is None or entry.id in {each.id for each in written}:
            raise Conflict("refund_refused")  # it was, before: the same is not asked for twice
        self._point("refund:reckoned")
        moved = await self._do(
            self._orders.move, order, "refund_pending", now, job="apply", transaction=entry, beside=there,
            tell=dated(now, f"asked:{by}:{amount}"),
        )
        if not moved:
            raise Conflict("order_state")
        self._point("refund:decided")
        return await self._do(self._orders.get, order.id)

    async def _give_back(self, order: Order, books: PaymentState) -> Order:
        """Ask the provider for what was decided, less what was given back by hand meanwhile; look whether it came."""
        total = ledger.owed(await self._do(self._orders.transactions, order.id))
        if books.refunded < total:
            key = f"refund:{order.id}:{total}"
            try:
                await self._provider(order.provider).refund(order, total - books.refunded, key)
            except Conflict:
                return await self._refused(order)
            self._point("refund:asked")
            books = await self._ask(order)
        return await self._follow(order, books)

    async def _refused(self, order: Order) -> Order:
        """What was granted goes on as before; of what was not, somebody has to see to the money at the provider."""
        now = self._now()
        if order.granted_at is not None:
            decided = ledger.refunds(await self._do(self._orders.transactions, order.id))
            if not decided:  # somebody else has asked, and was refused, at the same time
                return await self._do(self._orders.get, order.id)
            no = ledger.refused(order, decided[-1], now)
            before = "part_refunded" if order.refunded else "granted"
            tell = dated(now, "refused")
            await self._do(self._orders.move, order, before, now, transaction=no, tell=tell)  # type: ignore[arg-type]
            self.wake()
        else:
            await self._note("refund_refused", "system", order.id)
        return await self._do(self._orders.get, order.id)

    async def _repair(self, order: Order) -> None:
        """Have a membership end where its orders say; one whose money was taken back takes no more."""
        taken = order.state in ("refunded", "disputed")
        for _ in range(RACES):
            there = await self._do(self._orders.membership, order.user_id)
            orders = await self._do(self._orders.of, order.user_id, ALL)
            membership = self._begun(order, there)
            mine = stretch(orders, membership.since) if membership is not None else []
            if membership is None or not any(share(each, orders, {order.id}) for each in mine):
                return  # nothing of it is in what is held, or that is over
            gone = await self._taken(orders)
            end = until(mine, membership.since, gone) - gone_time(mine, orders, gone)
            changed = replace(membership, until=max(membership.since, end))
            if membership.renews and (order.state == "disputed" or changed.until < membership.until):
                await self._stop(membership.provider, membership.subscription, membership)
                self._point("repair:cancelled")
                changed = replace(changed, renews=False, next_plan="", next_period="", next_amount=0)
            if taken and changed.until <= self._now():
                changed = replace(changed, grace_until=None)
            if changed == there:
                return
            if await self._do(self._orders.change, changed, membership.version):
                self._point("repair:kept")
                self._entitlements.forget(order.user_id)
                return
        raise Unavailable("store_unavailable")

    def _begun(self, order: Order, there: Membership | None) -> Membership | None:
        """Return the membership of an order: that which is there or, where a bank gave back what was left of an order
        whose membership had ended, a new one.
        """
        begins = order.state in GIVING and order.from_ is not None and order.from_ == order.granted_at
        if not begins or order.granted_at is None or order.to is None or order.to <= self._now():
            return there
        if there is not None and (held(there, self._now()) is not None or there.since >= order.granted_at):
            return there
        return Membership(
            user_id=order.user_id, plan_id=order.plan_id, since=order.granted_at, until=order.to, period=order.period,
            renews=False, provider=order.provider, version=there.version if there is not None else 0,
        )  # fmt: skip

    async def _taken(self, orders: Sequence[Order]) -> dict[str, datetime]:
        """Return since when a bank has the money of those that are disputed."""
        found: dict[str, datetime] = {}
        for order in orders:
            if order.state == "disputed":
                moment = taken_at(await self._do(self._orders.transactions, order.id))
                found[order.id] = moment or self._now()
        return found
