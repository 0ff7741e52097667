"""A limit of a plan that somebody has met: what it is, when there is more, and which plan gives more.

Shown wherever NeedsMembership is answered: as a page, as a fragment for htmx, in the room.
"""

import math
from collections.abc import Callable
from datetime import datetime

import msgspec

from domain.membership.model import Plan, Price
from domain.persona import Language
from web.amounts import given, priced
from web.error_words import words
from web.i18n import ngettext, reading

PlanOf = Callable[[str], Plan | None]
MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
_PREFERRED: dict[Language, str] = {"en": "USD", "zh": "CNY"}


class Offer(msgspec.Struct, frozen=True):
    """The cheapest plan that gives more, in the reader's words. `price` is empty where it is not for sale."""

    id: str
    name: str
    gives: str
    price: str


class Met(msgspec.Struct, frozen=True):
    code: str
    message: str
    feature: str
    left: str  # what is still there, too little for what was asked; "" where nothing is
    renews: str  # when there is more without paying, "" where never
    offer: Offer | None


def met(code: str, detail: dict[str, object], language: Language, now: datetime, plan_of: PlanOf) -> Met:
    """Return what is told of a refusal with this code and detail (domain.errors.NeedsMembership)."""
    feature, until, left = str(detail.get("feature", "")), detail.get("until"), detail.get("left")
    plan = plan_of(str(detail.get("better") or ""))
    with reading(language):
        return Met(
            code,
            words(code, detail, language),
            feature,
            _left(left) if feature == "voice_seconds" and isinstance(left, int) and left > 0 else "",
            _renews(math.ceil((until - now).total_seconds())) if isinstance(until, datetime) and until > now else "",
            _offer(plan, feature, language) if plan is not None else None,
        )


def _left(seconds: int) -> str:
    return ngettext("%(num)s second is left, less than this takes.", "%(num)s seconds are left, less than this takes.",
                    seconds) % {"num": seconds}  # fmt: skip


def _renews(seconds: int) -> str:
    """Return when there is more. Told as a stretch of time: it is the same wherever the reader's clock is set."""
    if seconds <= 2 * HOUR_S:
        many = math.ceil(seconds / MINUTE_S)
        text = ngettext("There is more in %(num)s minute.", "There is more in %(num)s minutes.", many)
    elif seconds <= 2 * DAY_S:
        many = math.ceil(seconds / HOUR_S)
        text = ngettext("There is more in %(num)s hour.", "There is more in %(num)s hours.", many)
    else:
        many = math.ceil(seconds / DAY_S)
        text = ngettext("There is more in %(num)s day.", "There is more in %(num)s days.", many)
    return text % {"num": many}


def _offer(plan: Plan, feature: str, language: Language) -> Offer:
    gift = next((gift for name, gift in plan.gives.items() if name == feature), None)
    price = _chosen(plan.prices, language)
    return Offer(
        plan.id,
        plan.names.get(language) or plan.names.get("en") or plan.id,
        given(feature, gift) if gift is not None and feature else "",  # type: ignore[arg-type]
        priced(price) if price is not None else "",
    )


def _chosen(prices: tuple[Price, ...], language: Language) -> Price | None:
    """Return the price of a month, in the currency of the language where there is one."""
    wanted = _PREFERRED[language]
    return min(prices, key=lambda price: (price.currency != wanted, price.period != "month"), default=None)
