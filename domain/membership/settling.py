"""An order brought to where the provider's books say it is; the one way to a grant. With it come the later payments of
its subscription, each an order of its own.
"""

import base64
import hashlib

from domain.errors import NotFound
from domain.membership.giving import Giving
from domain.membership.model import Order, Period
from domain.membership.months import DAY
from domain.membership.offers import recurring
from domain.membership.ports import PaymentState
from domain.membership.returning import Returning
from domain.membership.shop import ALL, replace
from domain.membership.steps import nobodys

RENEWAL = 30 * DAY  # for how long the reconciler asks about one that is not paid


class Settling(Giving, Returning):
    async def settle(self, order_id: str, ref: str = "") -> Order:
        """Ask the provider and do what follows. `ref` is what it calls an order of which we know no name yet.

        Raises NotFound("order_gone"), Unavailable.
        """
        order = await self._do(self._orders.get, order_id)
        books = await self._ask(order if order.provider_ref else replace(order, provider_ref=ref))
        self._point("settle:asked")
        order = await self._follow(order, books)
        if order.state == "paid":
            order = await self._follow(await self._grant(order, books), books)
        if order.state == "refund_pending":
            order = await self._give_back(order, books)
        if order.granted_at is None:
            await self._stop_nobodys(order, books)
        elif order.user_id and order.state != "refund_pending":
            await self._repair(order)
        if books.renewal and order.kind != "renew":
            await self.renewed(order, books.renewal)
        return order

    async def _stop_nobodys(self, order: Order, books: PaymentState) -> None:
        """What was begun with a payment that gave nothing would be charged on and on."""
        if books.subscription and order.state in ("failed", "refunded", "disputed"):
            await self._stop(order.provider, books.subscription, nobodys(order))

    async def renewed(self, first: Order, ref: str) -> Order:
        """See to a later payment of a subscription. `first` is the order that began it, `ref` the provider's name of
        the payment, which makes the id of its order: however often it is told, it is one.
        """
        order_id = renewal_id(first.provider, ref)
        try:
            order = await self._do(self._orders.get, order_id)
        except NotFound:
            order = await self._do(self._orders.create, await self._renewal(first, ref, order_id), None)
            self._point("renewal:kept")
        return await self.settle(order.id)

    async def _renewal(self, first: Order, ref: str, order_id: str) -> Order:
        """Return an order as it was agreed on: at the price of the plan that is held, or of the one that comes next.

        What was really taken is compared with it like with any other.
        """
        now = self._now()
        order = Order(
            id=order_id, user_id=first.user_id, kind="renew", plan_id=first.plan_id, period=first.period,
            amount=first.list_amount, list_amount=first.list_amount, currency=first.currency, provider=first.provider,
            provider_ref=ref, live=first.live, account=first.account, created_at=now, expires_at=now + RENEWAL,
        )  # fmt: skip
        books = await self._ask(order)
        plan_id, period, price = await self._agreed(order, books)
        return replace(order, plan_id=plan_id, period=period, amount=price, list_amount=price)

    async def _agreed(self, order: Order, books: PaymentState) -> tuple[str, Period, int]:
        there = await self._do(self._orders.membership, order.user_id)
        if there is None or (there.provider, there.subscription) != (order.provider, books.subscription):
            return order.plan_id, order.period, order.list_amount
        price = recurring(there, await self._do(self._orders.of, order.user_id, ALL)) or order.list_amount
        if there.next_plan and there.next_period and books.amount == there.next_amount != price:
            return there.next_plan, there.next_period, there.next_amount
        return there.plan_id, there.period, price


def renewal_id(provider: str, ref: str) -> str:
    return base64.b32encode(hashlib.sha256(f"renewal {provider} {ref}".encode()).digest())[:20].decode().lower()
