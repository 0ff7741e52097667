"""Looking at what there is: what somebody has, what they can get, and for how much now."""

from domain.errors import NotFound, ParleyError
from domain.membership import coupons
from domain.membership.model import Coupon, Currency, Order, Period
from domain.membership.offers import Offer, Offers, currency_of, next_amount, offer
from domain.membership.ports import Provider
from domain.membership.settling import Settling
from domain.membership.shop import replace
from domain.people import User


class Quoting(Settling):
    async def offers(self, user: User, currency: Currency, coupon: str = "") -> Offers:
        """Return what somebody has and what they can get, each with its exact price of now.

        Where they hold something, in its currency. A coupon that is good for none of it is told in the offers; raises
        BadInput("coupon_unknown") and NotFound("coupon_unknown") for one that is none.
        """
        holding = await self._do(self._entitlements.holding, user.id)
        membership = await self._do(self._orders.membership, user.id)
        orders, now = await self._all_of(user.id), self._now()
        reduced = await self._coupon(coupon)
        currency = currency_of(membership, orders, now) or currency
        options: list[Offer] = []
        for plan in self.plans.for_sale if self._sold(currency) else ():
            if holding.house and plan.rank <= holding.plan.rank:
                continue
            for period in ("month", "year"):
                if membership is not None and (plan.id, period) == (membership.next_plan, membership.next_period):
                    continue
                found = await self._offer(user, orders, plan.id, period, currency, reduced)
                options += [found] if found is not None else []
        return Offers(
            plan=holding.plan, membership=membership, house=holding.house, currency=currency, options=tuple(options),
            next_amount=next_amount(membership, orders, now),
        )  # fmt: skip

    async def _offer(
        self, user: User, orders: list[Order], plan_id: str, period: Period, currency: Currency, coupon: Coupon | None
    ) -> Offer | None:
        """None where it is not to be had."""
        problem, provider = "", self.provider_for(currency)
        for reduced in (coupon, None):
            try:
                found = await self._quote(user, orders, plan_id, period, currency, provider, reduced)
                return replace(found, problem=problem)
            except ParleyError as error:
                problem = error.code
                if coupon is None or not problem.startswith("coupon_"):
                    return None
        return None

    async def _quote(
        self, user: User, orders: list[Order], plan_id: str, period: Period, currency: Currency, provider: Provider,
        coupon: Coupon | None,
    ) -> Offer:  # fmt: skip
        membership = await self._do(self._orders.membership, user.id)
        trial = provider.renews and not await self._do(self._orders.had_trial, user.id, "")
        return offer(
            self.plans, membership, orders, plan_id, period, currency, self._now(), coupon, trial, provider.renews,
            provider.least.get(currency, 1),
        )  # fmt: skip

    async def _coupon(self, code: str) -> Coupon | None:
        if not code.strip():
            return None
        found = await self._do(self._orders.coupon, coupons.spelled(code))
        if found is None:
            raise NotFound("coupon_unknown", field="coupon")
        return found

    def _sold(self, currency: Currency) -> bool:
        return any(currency in provider.currencies for provider in self._providers.values())
