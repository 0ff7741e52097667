"""The plans there are: which is whose, what the next one gives, what one costs."""

from collections.abc import Collection, Sequence
from itertools import pairwise

import msgspec

from domain.membership.model import FEATURES, Currency, Feature, Gift, Period, Plan, Price
from domain.persona import LANGUAGES

LONGEST_MONTH = 31  # days: what a day gives is compared with what a month gives
NONE = Gift(0)
GUESTS: tuple[Feature, ...] = ("voice_seconds",)


class Plans:
    def __init__(self, plans: Sequence[Plan], house: str, guests: Collection[Feature] = GUESTS) -> None:
        """`house` is the plan of those who have one without paying; `guests`: which features the first gives to guests.

        Raises ValueError, which names the plan and what is wrong with it.
        """
        self.all = tuple(sorted(plans, key=lambda plan: plan.rank))
        self._by_id = {plan.id: plan for plan in self.all}
        _check(self.all)
        if house not in self._by_id:
            raise ValueError(f"house is {house!r}, which is no plan")
        if unknown := set(guests) - set(FEATURES):
            raise ValueError(f"guests: there is no feature {min(unknown)!r}")
        self.guests = frozenset(guests)
        self.everybodys, self.house = self.all[0], self._by_id[house]

    @property
    def top(self) -> Plan:
        return self.all[-1]

    @property
    def for_sale(self) -> tuple[Plan, ...]:
        return tuple(plan for plan in self.all if plan.prices)

    def get(self, plan_id: str) -> Plan | None:
        """Waits for nothing."""
        return self._by_id.get(plan_id)

    def price(self, plan_id: str, period: Period, currency: Currency) -> Price | None:
        """Return what it costs, None where it is not sold so."""
        plan = self._by_id.get(plan_id)
        prices = plan.prices if plan is not None else ()
        return next((price for price in prices if (price.period, price.currency) == (period, currency)), None)

    def gift(self, plan: Plan, feature: Feature, guest: bool = False) -> Gift:
        return plan.gives.get(feature, NONE) if not guest or feature in self.guests else NONE

    def better(self, than: Gift, feature: Feature) -> str:
        """Return the id of the cheapest plan that gives more of it, "" where none does."""
        more = (plan for plan in self.all if monthly(self.gift(plan, feature)) > monthly(than))
        return next((plan.id for plan in more if plan.prices or plan.rank == self.everybodys.rank), "")

    def with_room(self, files: int, file_bytes: int) -> "Plans":
        """Return these plans with so much room for files in those that are sold; the first gives no more than that."""
        room: dict[Feature, int] = {"files": files, "file_bytes": file_bytes}

        def changed(plan: Plan) -> Plan:
            most = {
                feature: Gift(limit if plan.prices else min(limit, self.gift(plan, feature).limit))
                for feature, limit in room.items()
            }
            return msgspec.structs.replace(plan, gives={**plan.gives, **most})

        return Plans([changed(plan) for plan in self.all], self.house.id, self.guests)


def monthly(gift: Gift) -> int:
    """Return what a gift comes to in a month, for comparing gifts of different windows."""
    return gift.limit * LONGEST_MONTH if gift.window == "day" else gift.limit


def _check(plans: Sequence[Plan]) -> None:
    if not plans:
        raise ValueError("there are no plans")
    for plan in plans:
        _check_plan(plan)
    if len({plan.id for plan in plans}) < len(plans) or len({plan.rank for plan in plans}) < len(plans):
        raise ValueError("two plans have the same id or rank")
    if plans[0].prices:
        raise ValueError(f"{plans[0].id}: the first plan is everybody's and has no price")
    for lower, higher in pairwise(plans):
        _check_order(lower, higher)


def _check_plan(plan: Plan) -> None:
    if not plan.id.isascii() or not plan.id.replace("-", "").isalnum():
        raise ValueError(f"{plan.id!r}: an id of a plan is letters, digits and hyphens")
    for language in LANGUAGES:
        if not plan.names.get(language) or not plan.tells.get(language):
            raise ValueError(f"{plan.id}: no name or no lines of what it is in {language!r}")
    for feature, gift in plan.gives.items():
        if feature not in FEATURES or gift.limit < 0 or gift.window not in ("", "day", "month"):
            raise ValueError(f"{plan.id}: {feature} cannot be {gift.limit} in a window {gift.window!r}")
    kinds = [(price.period, price.currency) for price in plan.prices]
    if len(set(kinds)) < len(kinds):
        raise ValueError(f"{plan.id}: two prices for the same period and currency")
    for price in plan.prices:
        if price.amount <= 0:
            raise ValueError(f"{plan.id}: a price is positive, in minor units, and not {price.amount}")
        year = [each for each in plan.prices if (each.period, each.currency) == ("year", price.currency)]
        if price.period == "month" and any(each.amount < price.amount for each in year):
            raise ValueError(f"{plan.id}: a year costs less than a month in {price.currency}")
    if plan.trial_days < 0 or (plan.trial_days and not plan.prices):
        raise ValueError(f"{plan.id}: a trial of {plan.trial_days} days, and nothing to buy after it")


def _check_order(lower: Plan, higher: Plan) -> None:
    for feature in FEATURES:
        less, more = lower.gives.get(feature, NONE), higher.gives.get(feature, NONE)
        if monthly(less) > monthly(more):
            raise ValueError(f"{higher.id} gives less of {feature} than {lower.id}, which is below it")
    for price in higher.prices:
        for other in lower.prices:
            if (other.period, other.currency) == (price.period, price.currency) and other.amount > price.amount:
                raise ValueError(f"{higher.id} costs less than {lower.id} for a {price.period} in {price.currency}")
