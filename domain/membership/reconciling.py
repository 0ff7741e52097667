"""What no event told: orders left between two states, memberships whose time is over, books that do not sum to zero."""

import logging
from collections import OrderedDict
from collections.abc import Awaitable

from domain.errors import ParleyError
from domain.membership.granting import runs_until
from domain.membership.model import Membership, Order
from domain.membership.months import DAY
from domain.membership.shop import ALL
from domain.membership.words import day, plan_name
from domain.membership.working import Working

log = logging.getLogger(__name__)
LOOKS = 1_000  # at most, of either kind
FIRST_S, LONGEST_S = 15.0, 3_600.0  # between two looks at the same, doubled each time
REMEMBERED = 20_000
# Providers write a bill an hour or more after a period ends, and try again themselves. After a day it has failed.
SLOW = DAY


class Reconciling(Working):
    _looks: OrderedDict[str, tuple[float, float]]

    async def reconcile(self) -> int:
        """Look at what is unfinished, and finish it; return how many were looked at. One that fails stops no other.

        Raises Unavailable when the store is away.
        """
        now, done = self._now(), 0
        for order in await self._do(self._orders.open, now, LOOKS):
            if self._is_due(order.id):
                done += await self._quietly(order.id, self.settle(order.id))
        for membership in await self._do(self._orders.ending, now, LOOKS):
            if self._is_due(f"{membership.user_id} {membership.version}"):
                done += await self._quietly(membership.user_id, self._look_after(membership))
        await self.audit_books()
        return done

    async def audit_books(self) -> bool:
        """Return whether every currency sums to zero. If not, nobody has to look for it: the audit log has it."""
        sums: dict[str, int] = {}
        for (_, currency), amount in (await self._do(self._orders.balance)).items():
            sums[currency] = sums.get(currency, 0) + amount
        wrong = {currency: amount for currency, amount in sums.items() if amount}
        if wrong and self._is_due("the books"):
            log.error("the money ledger does not sum to zero: %s", wrong)
            await self._note("ledger_broken", "system", "", **{name: str(amount) for name, amount in wrong.items()})
        return not wrong

    async def _look_after(self, there: Membership) -> None:
        """Its time is over: the next payment has come, is late, has failed; or that was it."""
        now = self._now()
        if now >= runs_until(there):
            await self._over(there)
        elif there.grace_until is None and there.renews:
            await self._find_payment(there)
            after = await self._do(self._orders.membership, there.user_id)
            if after == there and now >= there.until + SLOW:
                await self._grace(there)

    async def _over(self, there: Membership) -> None:
        if there.renews:
            await self._stop(there.provider, there.subscription, there)  # or it would be charged for nothing
            self._point("end:cancelled")
        if not await self._do(self._orders.end, there.user_id, there.version):
            return
        self._point("end:kept")
        self._entitlements.forget(there.user_id)
        await self._note("membership_ended", there.user_id, there.user_id, plan=there.plan_id)
        user_id, name = there.user_id, f"ended-{there.user_id}-{there.until:%Y%m%d%H%M}"
        language = await self._language(user_id)
        plan, until = plan_name(self.plans, there.plan_id, language), day(runs_until(there), language)
        await self._mail("membership_ended", user_id, name, "/membership", plan=plan, until=until)

    async def _find_payment(self, there: Membership) -> None:
        """Ask for a later payment of which nobody told us: the order that began the subscription knows it."""
        for order in await self._do(self._orders.of, there.user_id, ALL):
            if await self._began(order, there):
                await self.settle(order.id)
                return

    async def _began(self, order: Order, there: Membership) -> bool:
        if order.kind == "renew" or order.granted_at is None or order.provider != there.provider:
            return False
        return (await self._ask(order)).subscription == there.subscription

    def _is_due(self, name: str) -> bool:
        """Tell whether it is time to look at it again: soon at first, then ever more seldom."""
        if not hasattr(self, "_looks"):
            self._looks = OrderedDict()
        now = self._clock.monotonic()
        then, wait = self._looks.get(name, (now, FIRST_S))
        if now < then:
            return False
        self._looks[name] = (now + wait, min(2 * wait, LONGEST_S))
        self._looks.move_to_end(name)
        while len(self._looks) > REMEMBERED:
            self._looks.popitem(last=False)
        return True

    async def _quietly(self, name: str, look: Awaitable[object]) -> int:
        try:
            await look
        except ParleyError as error:
            log.warning("what is left of %s waits: %s", name, error.code)
        except Exception:
            log.exception("what is left of %s could not be finished", name)
        return 1
