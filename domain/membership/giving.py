"""A paid order becomes a membership, exactly once; or it can't, and the money goes back."""

from datetime import datetime

from domain.errors import Unavailable
from domain.membership import books as ledger
from domain.membership.granting import Granted, Refusal, reckon
from domain.membership.model import Membership, Order
from domain.membership.ports import PaymentState
from domain.membership.shop import HOUSE, RACES
from domain.membership.steps import Steps, nobodys
from domain.membership.telling import dated


class Giving(Steps):
    async def _grant(self, order: Order, books: PaymentState) -> Order:
        for _ in range(RACES):
            order = await self._do(self._orders.get, order.id)
            if order.state != "paid":
                return order
            before, now = await self._do(self._orders.membership, order.user_id), self._now()
            found = await self._reckoned(order, books, before, now)
            self._point("grant:reckoned")
            if not isinstance(found, Granted):
                return await self._refuse(order, found, books)
            if before is not None and before.renews and before.subscription != found.membership.subscription:
                await self._stop(before.provider, before.subscription, before)  # or both would be charged
                self._point("grant:cancelled")
            if books.subscription == found.membership.subscription and not found.membership.renews:
                await self._stop(order.provider, books.subscription, found.membership)  # whoever was to, had died
            granted = await self._do(
                self._orders.grant, found.order, found.membership, found.expects, now, books.print_,
                dated(now, "granted"),
            )
            self._point("grant:kept")
            if granted is not None:
                self._entitlements.forget(order.user_id)
                self.wake()
                return granted
        raise Unavailable("store_unavailable")

    async def _reckoned(
        self, order: Order, books: PaymentState, before: Membership | None, now: datetime
    ) -> Granted | Refusal:
        if order.trial_days and await self._do(self._orders.had_trial, order.user_id, books.print_):
            return "trial_used"
        orders = await self._all_of(order.user_id)
        told = await self._do(self._orders.events, order.id)
        written = await self._do(self._orders.transactions, order.id)
        # Its subscription has ended, or was stopped when a bank took the money back.
        over = any(event.kind == "ended" and event.subscription == books.subscription for event in told)
        over = over or bool(ledger.disputes(written))
        renews = order.provider != HOUSE and self._provider(order.provider).renews and not over
        return reckon(order, books.subscription, before, orders, self.plans, now, renews=renews)

    async def _refuse(self, order: Order, why: Refusal, books: PaymentState) -> Order:
        """What was made with the payment is stopped first, so that no second one follows."""
        if order.provider != HOUSE and books.subscription:
            await self._stop(order.provider, books.subscription, nobodys(order))
            self._point("grant:cancelled")
        now = self._now()
        tell = dated(now, f"returned:{why}")
        if order.due:
            back = ledger.refund(order, order.due, 0, now)
            await self._do(
                self._orders.move, order, "refund_pending", now, job="apply", transaction=back, tell=tell, problem=why
            )
        else:
            void = ledger.void(order, now)
            await self._do(self._orders.move, order, "failed", now, transaction=void, tell=tell, problem=why)
        self._point("grant:refused")
        self.wake()
        return await self._do(self._orders.get, order.id)
