"""Money, times and plans in words, for bills and mails: what no page shows."""

from datetime import UTC, date, datetime

from domain.membership.model import Currency, Order, Period
from domain.membership.plans import Plans
from domain.persona import Language

_PERIODS: dict[Language, dict[Period, str]] = {
    "en": {"month": "one month", "year": "one year"}, "zh": {"month": "一个月", "year": "一年"}
}  # fmt: skip
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_TRIALS: dict[Language, str] = {"en": "{days} days to try", "zh": "试用 {days} 天"}


def money(amount: int, currency: Currency) -> str:
    """Return minor units in words: 12.99 USD. Both currencies have a hundred of them."""
    return f"{amount // 100}.{amount % 100:02} {currency}"


def day(moment: date, language: Language) -> str:
    """Return the day in words, of a moment that of UTC: 29 December 2026, 2026年12月29日."""
    on = moment.astimezone(UTC) if isinstance(moment, datetime) else moment
    if language == "zh":
        return f"{on.year}年{on.month}月{on.day}日"
    return f"{on.day} {_MONTHS[on.month - 1]} {on.year}"


def plan_name(plans: Plans, plan_id: str, language: Language) -> str:
    plan = plans.get(plan_id)
    return plan.names[language] if plan is not None else plan_id


def bought(plans: Plans, order: Order, language: Language) -> str:
    """Return what was bought: Plus, one month."""
    if not order.trial_days:
        return sold(plans, order.plan_id, order.period, language)
    days = _TRIALS[language].format(days=order.trial_days)
    return _joined(plan_name(plans, order.plan_id, language), days, language)


def sold(plans: Plans, plan_id: str, period: Period, language: Language) -> str:
    return _joined(plan_name(plans, plan_id, language), _PERIODS[language][period], language)


def bill(plans: Plans, plan_id: str, period: Period, language: Language) -> str:
    """Return what a provider's page and bill call it."""
    return f"Parley {sold(plans, plan_id, period, language)}"


def _joined(name: str, how_long: str, language: Language) -> str:
    return f"{name}{', ' if language == 'en' else '，'}{how_long}"
