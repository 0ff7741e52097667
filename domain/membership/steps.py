"""An order on its way to where the provider's books say it is, step by step.

Every step is one unit of work, guarded by the state before it: whoever asks, a webhook, a timer or a page, and however
many at once, it is made once. What a crash leaves undone the next who asks does.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from domain.errors import Conflict
from domain.membership import books as ledger
from domain.membership.effects import effects, taken_at
from domain.membership.granting import held
from domain.membership.model import Membership, Order, Transaction
from domain.membership.orders import GIVING, Move, may, next_move
from domain.membership.ports import PaymentState
from domain.membership.shop import Shop

log = logging.getLogger(__name__)
MOST_MOVES = 12  # more than any way through the table has


def nobodys(order: Order) -> Membership:
    """For a subscription that becomes nobody's membership."""
    return Membership(
        user_id=order.user_id, plan_id=order.plan_id, since=order.created_at, until=order.created_at,
        period=order.period, renews=True,
    )  # fmt: skip


class Steps(Shop):
    async def _follow(self, order: Order, books: PaymentState) -> Order:
        """Go to what the books say."""
        for _ in range(MOST_MOVES):
            written = await self._do(self._orders.transactions, order.id)
            move = next_move(order, books, ledger.owed(written), self._now())
            if move is None:
                return order
            order = await self._move(order, move, written)
        log.error("order %s goes round in circles at %s", order.id, order.state)
        return order

    async def _move(self, order: Order, move: Move, written: Sequence[Transaction]) -> Order:
        """Make one step, if nobody else has; return the order as it then is. Raises Conflict("order_state")."""
        if not may(order.state, move.to):  # a mistake of ours: nothing moves, and somebody is told
            await self._note("payment_stuck", "system", order.id, was=order.state, to=move.to)
            raise Conflict("order_state")
        now = self._now()
        brings = effects(order, move, written, now)
        changes = dict(brings.changes)
        if order.state == "disputed" and move.to in GIVING:
            changes |= await self._given_again(order, written)
        moved = await self._do(
            self._orders.move, order, move.to, now, job=brings.job, transaction=brings.transaction, tell=brings.tell,
            **changes,
        )
        self._point(f"settle:{move.to}")
        if moved and brings.tell:
            self.wake()
        return await self._do(self._orders.get, order.id)

    async def _given_again(self, order: Order, written: Sequence[Transaction]) -> dict[str, Any]:
        """The bank decided for us: what was left when it took the money goes on where it still runs, or from now on."""
        if order.granted_at is None or order.from_ is None or order.to is None:
            return {}
        now = self._now()
        membership = await self._do(self._orders.membership, order.user_id)
        if membership is not None and held(membership, now) is not None and membership.until > now:
            return {}
        left = max(timedelta(0), order.to - max(order.from_, taken_at(written) or now))
        return {"granted_at": now, "from_": now, "to": now + left}
