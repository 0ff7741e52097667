"""Buying: an order is kept, and its checkout begun; or given up again."""

from domain.errors import Conflict, NotFound
from domain.membership.granting import left_of
from domain.membership.model import Coupon, Currency, Order, Period
from domain.membership.offers import Offer, parts
from domain.membership.orders import OPEN
from domain.membership.ports import Checkout, Provider
from domain.membership.quoting import Quoting
from domain.membership.shop import CHECKOUT, HOUSE, keyed_id, new_id
from domain.membership.words import bill
from domain.people import User

STILL = CHECKOUT / 6  # an open checkout that is good for less is not offered again


class Buying(Quoting):
    async def buy(
        self, user: User, plan_id: str, period: Period, currency: Currency, coupon: str, language: str, back: str,
        provider: str = "", key: str = "",
    ) -> tuple[Order, Checkout]:  # fmt: skip
        """Order what is to be had now: a first plan, a higher one, the same for longer. Clicked twice it is one order.

        Where nothing is to be paid it is granted at once and the checkout leads to `back`, which may have `{order}` in
        it for the order's id. The same `key` again is the same order, also when that is paid long since.

        Raises NotFound("plan_unknown"), Conflict("plan_yours", "plan_by_role", "change_later", "currency_other",
        "nothing_sold", "order_busy", "order_key"), those of coupons, and Unavailable.
        """
        if key and (before := await self._keyed(user, key)) is not None:
            if (before.plan_id, before.period) != (plan_id, period):
                raise Conflict("order_key")
            open_ = before.state in OPEN and before.provider != HOUSE
            return await self.checkout(user, before.id, language, back) if open_ else (before, Checkout(""))
        with_ = self.provider_for(currency, provider)
        holding = await self._do(self._entitlements.holding, user.id)
        plan = self.plans.get(plan_id)
        if holding.house and plan is not None and plan.rank <= holding.plan.rank:
            raise Conflict("plan_by_role")
        reduced = await self._coupon(coupon)
        orders = await self._all_of(user.id)
        wanted = await self._quote(user, orders, plan_id, period, currency, with_, reduced)
        if wanted.way == "later":
            raise Conflict("change_later", until=f"{wanted.starts:%Y-%m-%d}")
        for _ in range(2):
            order = await self._placed(user, wanted, with_, reduced, key)
            self._point("buy:created")
            if order.provider == HOUSE:
                return await self.settle(order.id), Checkout("", _filled(back, order))
            try:
                return await self._checkout(user, order, language, back)
            except Conflict:  # it was over there sooner than here: look, and order anew
                await self.settle(order.id)
                key = ""
        raise Conflict("order_busy")

    async def checkout(self, user: User, order_id: str, language: str, back: str) -> tuple[Order, Checkout]:
        """Return again where an order that nobody has paid yet is paid.

        Raises NotFound("order_gone"), Conflict("order_state") for one that is not open any more, and Unavailable.
        """
        order = await self._do(self._orders.get, order_id, user.id)
        if order.state not in OPEN or order.provider == HOUSE:
            raise Conflict("order_state")
        try:
            return await self._checkout(user, order, language, back)
        except Conflict:  # it is over there, so it is here
            await self.settle(order.id)
            raise Conflict("order_state") from None

    async def _checkout(self, user: User, order: Order, language: str, back: str) -> tuple[Order, Checkout]:
        tells = bill(self.plans, order.plan_id, order.period, user.language)
        back = _filled(back, order)
        checkout = await self._provider(order.provider).checkout(order, user.email, language, back, tells)
        self._point("buy:checkout")
        if order.state == "created":
            await self._do(self._orders.move, order, "pending", self._now(), provider_ref=checkout.ref)
            self._point("buy:pending")
        return await self._do(self._orders.get, order.id), checkout

    async def _keyed(self, user: User, key: str) -> Order | None:
        try:
            return await self._do(self._orders.get, keyed_id(user.id, key), user.id)
        except NotFound:
            return None

    async def _placed(
        self, user: User, wanted: Offer, provider: Provider, coupon: Coupon | None, key: str
    ) -> Order:
        """Keep the order, or return the one that is open already and is the same."""
        order = self._made(user, wanted, provider, keyed_id(user.id, key) if key else new_id())
        before = await self._all_of(user.id)
        for other in before:  # those of more of the same have no slot in the store
            if other.state in OPEN and other.kind == order.kind == "renew" and self._same(other, order, before):
                return other
        for _ in range(len(before) + 1):
            kept = await self._do(self._orders.create, order, coupon)
            if kept.id == order.id or self._same(kept, order, before):
                return kept
            await self._drop(kept)
        raise Conflict("order_busy")

    def _made(self, user: User, wanted: Offer, provider: Provider, order_id: str) -> Order:
        now, free = self._now(), wanted.due == 0 and not wanted.trial_days
        return Order(
            id=order_id,
            user_id=user.id,
            kind=wanted.kind,
            plan_id=wanted.plan.id,
            period=wanted.period,
            amount=wanted.amount,
            currency=wanted.currency,
            list_amount=wanted.list_amount,
            credit=wanted.credit,
            discount=wanted.discount,
            coupon=wanted.coupon,
            provider=HOUSE if free else provider.name,
            live=provider.live,
            account="" if free else provider.account,
            trial_days=wanted.trial_days,
            created_at=now,
            expires_at=now + CHECKOUT,
        )

    def _same(self, open_: Order, order: Order, orders: list[Order]) -> bool:
        """Tell whether somebody who wants `order` can pay this one: the price is the same but for minutes of credit."""
        names = (
            "kind", "plan_id", "period", "currency", "list_amount", "coupon", "provider", "live", "account",
            "trial_days",
        )  # fmt: skip
        alike = all(getattr(open_, name) == getattr(order, name) for name in names)
        good = open_.expires_at - self._now() > STILL and open_.state in OPEN
        return alike and good and (open_.kind != "upgrade" or self._stands(open_, orders))

    def _stands(self, upgrade: Order, orders: list[Order]) -> bool:
        """Tell whether its credit is what is left of the plan before, by what is known of that today."""
        if upgrade.provider == HOUSE:
            return min(left_of(upgrade, orders), upgrade.list_amount) == upgrade.credit
        least = self._provider(upgrade.provider).least.get(upgrade.currency, 1)
        return parts(upgrade.list_amount, left_of(upgrade, orders), upgrade.discount, least)[0] == upgrade.credit

    async def drop(self, user: User, order_id: str) -> Order:
        """Give up an order that is not paid. One that is paid stays so. Raises NotFound("order_gone")."""
        return await self._drop(await self._do(self._orders.get, order_id, user.id))

    async def _drop(self, order: Order) -> Order:
        if order.state in OPEN and order.provider != HOUSE:
            await self._provider(order.provider).withdraw(order)
            self._point("drop:withdrawn")
            order = await self.settle(order.id)
        if order.state in OPEN:
            await self._do(self._orders.move, order, "cancelled", self._now())
            self._point("settle:cancelled")
        return await self._do(self._orders.get, order.id)


def _filled(back: str, order: Order) -> str:
    return back.replace("{order}", order.id)
