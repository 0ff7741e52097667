"""Plans as they are offered: what each costs somebody now, what it gives, and what follows."""

import msgspec

from domain.membership.model import FEATURES, Currency, Period, Plan
from domain.membership.offers import Offer, Offers
from domain.membership.plans import Plans
from web.amounts import day, given, money, per_period
from web.error_words import words
from web.i18n import gettext, language, ngettext


class Card(msgspec.Struct, frozen=True):
    """A plan as it is offered. `act` is what its button does, "" where there is none; `notes` say why, or what follows.

    `today` is what is paid now; `struck` the price without what is taken off.
    """

    plan: Plan
    gives: list[str]
    price: str  # per period
    month: str = ""  # of a yearly price: what that is a month
    mine: bool = False
    act: str = ""  # buy, renew, upgrade, later
    today: str = ""
    struck: str = ""
    notes: tuple[str, ...] = ()
    problem: str = ""  # the code why a coupon takes nothing off


def cards_for_guests(plans: Plans, period: Period, currency: Currency) -> list[Card]:
    """To be called while reading the language of the page, like all of these."""
    found = [Card(plans.everybodys, gives(plans.everybodys), gettext("Nothing to pay"))]
    for plan in plans.for_sale:
        price = plans.price(plan.id, period, currency)
        if price is not None:
            notes = (_trial(plan.trial_days),) if plan.trial_days else ()
            found.append(Card(plan, gives(plan), *_price(price.amount, currency, period), notes=notes))
    return found


def cards_for(plans: Plans, there: Offers, period: Period) -> list[Card]:
    """Return what somebody has and can get, in one period."""
    options = {each.plan.id: each for each in there.options if each.period == period}
    found = []
    for plan in (plans.everybodys, *plans.for_sale):
        offer, price = options.get(plan.id), plans.price(plan.id, period, there.currency)
        held = there.membership is not None and there.membership.plan_id == plan.id == there.plan.id
        mine = there.plan.id == plan.id and (not held or there.membership is None or there.membership.period == period)
        if plan.rank and price is None:
            continue
        shown = _price(price.amount, there.currency, period) if price is not None else (gettext("Nothing to pay"), "")
        if offer is None:
            found.append(Card(plan, gives(plan), *shown, mine=mine, notes=_without(plan, there, mine)))
        else:
            found.append(_offered(plan, offer, shown, mine))
    return found


def gives(plan: Plan) -> list[str]:
    return [given(name, gift) for name in FEATURES if (gift := plan.gives.get(name)) is not None and gift.limit]


def _offered(plan: Plan, offer: Offer, shown: tuple[str, str], mine: bool) -> Card:
    price, month = shown
    less = offer.credit + offer.discount
    today = money(offer.due, offer.currency) if offer.way != "later" else ""
    struck = money(offer.list_amount, offer.currency) if less and offer.way != "later" else ""
    return Card(
        plan, gives(plan), price, month, mine, offer.way, today, struck, _notes(offer), offer.problem
    )  # fmt: skip


def _notes(offer: Offer) -> tuple[str, ...]:
    notes, again = [], per_period(offer.list_amount, offer.currency, offer.period)
    if offer.problem:
        notes.append(words(offer.problem, {}, language()))
    if offer.trial_days:
        then = {"price": again, "days": offer.trial_days}
        notes.append(gettext("Free for %(days)s days, then %(price)s. Cancel before that and nothing is paid.") % then)
    if offer.credit:
        sum_ = {"sum": money(offer.credit, offer.currency)}
        notes.append(gettext("%(sum)s is left of what you have, and is taken off.") % sum_)
    if offer.beyond:
        sum_ = {"sum": money(offer.beyond, offer.currency)}
        notes.append(gettext("%(sum)s more is left than can be taken off; you get time for it.") % sum_)
    if offer.discount:
        sum_ = {"sum": money(offer.discount, offer.currency)}
        notes.append(gettext("The coupon takes %(sum)s off the first payment.") % sum_)
    if offer.way == "upgrade":
        notes.append(gettext("A new month begins today, also for what the plan gives each month."))
    if offer.way == "later":
        from_ = {"day": day(offer.starts)}
        notes.append(gettext("From %(day)s on; nothing is paid now, and you keep what you have until then.") % from_)
    elif offer.way == "renew":
        notes.append(gettext("From %(day)s on, when what you have ends.") % {"day": day(offer.starts)})
    if offer.renews and offer.way != "later" and not offer.trial_days:
        notes.append(gettext("Renews by itself for %(price)s, until you cancel.") % {"price": again})
    elif not offer.renews and offer.way != "later":
        notes.append(gettext("Does not renew by itself."))
    return tuple(notes)


def _without(plan: Plan, there: Offers, mine: bool) -> tuple[str, ...]:
    held = there.membership
    if mine:
        return (gettext("You have this without paying."),) if there.house else ()
    if held is not None and held.next_plan == plan.id:
        return (gettext("You change to this on %(day)s.") % {"day": day(held.until)},)
    if held is not None and plan.prices and not held.renews:  # lower, or for shorter
        return (gettext("To be had from %(day)s on, when what you have ends.") % {"day": day(held.until)},)
    return ()


def _price(amount: int, currency: Currency, period: Period) -> tuple[str, str]:
    """Return a price in words, and what a yearly one is a month, rounded up."""
    a_month = gettext("that is %(price)s a month") % {"price": money(-(-amount // 12), currency)}
    return per_period(amount, currency, period), a_month if period == "year" else ""


def _trial(days_: int) -> str:
    return ngettext("The first %(num)s day is free.", "The first %(num)s days are free.", days_) % {"num": days_}
