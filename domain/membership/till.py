"""All that is done with plans and money, over the ports of domain/membership/ports.py.

    Buying       offers, buy, drop
    Changing     change, cancel, resume, leave
    Receiving    receive
    Working      work
    Reconciling  reconcile, audit_books
    Settling     settle, renewed: under all of them
    Till         orders, order, look, receipt, and the operator's refund and coupons

Every use case is async, audits and mails by itself; what it raises has a code with words in web/error_words.py.
"""

from datetime import datetime

import msgspec

from domain.errors import Conflict, Unavailable
from domain.membership import coupons
from domain.membership.model import Coupon, Order
from domain.membership.orders import GOING
from domain.membership.reconciling import Reconciling
from domain.membership.shop import FAIL_POINTS as FAIL_POINTS
from domain.membership.words import bought
from domain.people import User


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody has paid for. Amounts in minor units of the order's currency."""

    number: int
    order: Order
    what: str  # in the reader's language
    username: str
    email: str


class Till(Reconciling):
    async def orders(self, user: User, limit: int = 50, before: datetime | None = None) -> list[Order]:
        """Newest first."""
        return await self._do(self._orders.of, user.id, limit, before)

    async def order(self, user: User, order_id: str) -> Order:
        """Raises NotFound("order_gone")."""
        return await self._do(self._orders.get, order_id, user.id)

    async def look(self, user: User, order_id: str) -> Order:
        """Return an order as the provider's books have it now, for the page that somebody comes back to from paying.

        That page grants nothing; it asks the books, as a webhook makes us do. Raises NotFound, Unavailable.
        """
        order = await self._do(self._orders.get, order_id, user.id)
        return await self.settle(order.id) if order.state in GOING else order

    async def receipt(self, user: User, order_id: str) -> Receipt:
        """Raises NotFound("order_gone"), Conflict("receipt_none") where nothing was granted."""
        order = await self._do(self._orders.get, order_id, user.id)
        if order.receipt is None:
            raise Conflict("receipt_none")
        what = bought(self.plans, order, user.language)
        return Receipt(number=order.receipt, order=order, what=what, username=user.username, email=user.email)

    async def refund(self, order_id: str, amount: int, by: str, seen: int | None = None) -> Order:
        """Give money back, all of it or a part. `by` is the operator, for the audit log; `seen` is how much had been
        given back when they decided, so that pressed twice it is done once.

        All of it takes away the time that is left of it. What the provider does not answer now is done later.

        Raises NotFound("order_gone"), BadInput("refund_large"), Conflict("refund_none", "refund_refused",
        "order_state").
        """
        order = await self._do(self._orders.get, order_id)
        order = await self._decide_refund(order, amount, by, seen)
        self.wake()
        try:
            return await self.settle(order.id)
        except Unavailable:  # the job is written
            return order

    async def keep_coupon(self, coupon: Coupon, by: str) -> Coupon:
        """Make a coupon, or change one. Raises BadInput("coupon_bad", "coupon_unknown")."""
        kept = coupons.check(msgspec.structs.replace(coupon, code=coupons.spelled(coupon.code)))
        await self._do(self._orders.keep_coupon, kept)
        await self._note("coupon_kept", by, kept.code, most=kept.most)
        return kept
