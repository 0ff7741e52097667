"""Going down a plan, stopping, and taking either back. Each is one press, as buying is."""

from domain.audit import Action
from domain.errors import Conflict, NotFound, Unavailable
from domain.membership.buying import Buying
from domain.membership.granting import held, runs_until
from domain.membership.model import Membership, Order, Period
from domain.membership.offers import Offer, currency_of, recurring
from domain.membership.ports import Checkout
from domain.membership.shop import RACES, replace
from domain.membership.words import bill, day, plan_name
from domain.people import User


class Changing(Buying):
    async def change(
        self, user: User, plan_id: str, period: Period, coupon: str, language: str, back: str, provider: str = ""
    ) -> tuple[Order, Checkout] | Membership:
        """Go up now, for what is left to pay; or down from the end of what is paid on, without paying anything now.

        Raises NotFound("membership_gone") besides what `buy` does.
        """
        membership = await self._held(user.id)
        orders, now = await self._all_of(user.id), self._now()
        currency = currency_of(membership, orders, now) or (orders[0].currency if orders else "USD")
        with_ = self.provider_for(currency, provider)
        wanted = await self._quote(user, orders, plan_id, period, currency, with_, None)
        if wanted.way != "later":
            return await self.buy(user, plan_id, period, currency, coupon, language, back, provider)
        return await self._switch(user, membership, wanted)

    async def _switch(self, user: User, membership: Membership, wanted: Offer) -> Membership:
        """We know it first: a renewal is told from one at the old price by what it took, and both are granted."""
        changed = replace(
            membership, next_plan=wanted.plan.id, next_period=wanted.period, next_amount=wanted.list_amount
        )
        if not await self._do(self._orders.change, changed, membership.version):
            raise Conflict("membership_moved")
        self._point("change:kept")
        tells = bill(self.plans, wanted.plan.id, wanted.period, user.language)
        await self._provider(membership.provider).switch(
            membership, wanted.list_amount, wanted.currency, wanted.period, tells
        )
        self._point("change:switched")
        await self._changed("membership_changed", user.id, plan=wanted.plan.id, period=wanted.period)
        return await self._held(user.id)

    async def cancel(self, user: User) -> Membership:
        """Nothing is taken any more; what is paid stays to its end. Cancelling twice is no error.

        Raises NotFound("membership_gone"), Unavailable("payments_unavailable").
        """
        for _ in range(RACES):
            membership = await self._held(user.id)
            await self._stop(membership.provider, membership.subscription, membership)  # once more does no harm
            self._point("cancel:told")
            if not membership.renews:
                return membership
            stopped = replace(membership, renews=False)
            if await self._do(self._orders.change, stopped, membership.version):
                self._point("cancel:kept")
                await self._changed("membership_cancelled", user.id, plan=membership.plan_id)
                name = f"cancelled-{user.id}-{membership.version}"
                plan = plan_name(self.plans, membership.plan_id, user.language)
                until = day(runs_until(stopped), user.language)
                await self._mail("membership_cancelled", user.id, name, "/membership", plan=plan, until=until)
                return replace(stopped, version=membership.version + 1)
        raise Unavailable("store_unavailable")

    async def resume(self, user: User) -> Membership:
        """Take back a cancellation or, where there is none, the change to another plan that was to come.

        Twice is no error. Raises NotFound("membership_gone"), Conflict("resume_late"), Unavailable.
        """
        for _ in range(RACES):
            membership = await self._held(user.id)
            if membership.renews and membership.next_plan:
                changed = await self._stays(user, membership)
                self._point("resume:told")
                kept = await self._do(self._orders.change, changed, membership.version)
            else:
                kept = await self._resumed(membership)
            if kept:
                self._point("resume:kept")
                await self._changed("membership_resumed", user.id, plan=membership.plan_id)
                return await self._held(user.id)
        raise Unavailable("store_unavailable")

    async def _resumed(self, membership: Membership) -> bool:
        """We know it first: nobody is charged whose page says that they are not."""
        if membership.until <= self._now() or not membership.subscription:
            raise Conflict("resume_late")
        if not await self._do(self._orders.change, replace(membership, renews=True), membership.version):
            return False
        self._point("resume:told")
        try:
            await self._provider(membership.provider).resume(membership)
        except Conflict:
            version = membership.version + 1
            await self._do(self._orders.change, replace(membership, renews=False, version=version), version)
            raise
        return True

    async def _stays(self, user: User, membership: Membership) -> Membership:
        orders = await self._all_of(user.id)
        currency = currency_of(membership, orders, self._now())
        if currency is None:
            raise Conflict("resume_late")
        tells = bill(self.plans, membership.plan_id, membership.period, user.language)
        price = recurring(membership, orders)
        await self._provider(membership.provider).switch(membership, price, currency, membership.period, tells)
        return replace(membership, next_plan="", next_period="", next_amount=0)

    async def leave(self, user_id: str) -> None:
        """An account goes for good: nothing is taken any more. Before its membership is erased.

        Raises Unavailable: then it is to be tried again, and the account stays until it succeeds.
        """
        membership = await self._do(self._orders.membership, user_id)
        if membership is not None and membership.renews:
            await self._stop(membership.provider, membership.subscription, membership)
            await self._do(self._orders.change, replace(membership, renews=False), membership.version)

    async def locked_out(self, user_id: str) -> None:
        """An account is suspended: nothing is taken any more, and what is paid stays to its end. Where the provider is
        away an operator has to tell it; the audit log says so.
        """
        try:
            await self.leave(user_id)
        except Unavailable:
            await self._note("payment_stuck", "system", user_id)

    async def _held(self, user_id: str) -> Membership:
        membership = held(await self._do(self._orders.membership, user_id), self._now())
        if membership is None:
            raise NotFound("membership_gone")
        return membership

    async def _changed(self, action: Action, user_id: str, **detail: str | int) -> None:
        self._entitlements.forget(user_id)
        await self._note(action, user_id, user_id, **detail)
