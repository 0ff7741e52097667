"""Money, days and amounts of what plans give, in the language that is being read."""

from datetime import date

from domain.filing.rooms import MB
from domain.membership.model import Currency, Feature, Gift, Price
from domain.membership.words import day as day_in
from web.i18n import gettext, language, ngettext

HOUR_S, MINUTE_S = 3_600, 60
LONG_S = 2 * HOUR_S  # from here on voice is told in hours
_SIGNS: dict[str, dict[str, str]] = {"en": {"USD": "US$", "CNY": "CN¥"}, "zh": {"USD": "US$", "CNY": "¥"}}


def money(amount: int, currency: Currency | str) -> str:
    """Return minor units as money: US$4.99. Both currencies have a hundred of them."""
    whole, minor = divmod(amount, 100)
    return f"{_SIGNS[language()].get(currency, currency + ' ')}{whole:,}.{minor:02}"


def signed(amount: int, currency: Currency | str) -> str:
    """Return money that may be owed."""
    return f"−{money(-amount, currency)}" if amount < 0 else money(amount, currency)


def day(moment: date | None) -> str:
    """Return the day, of a moment that of UTC; "" for none."""
    return day_in(moment, language()) if moment is not None else ""


def priced(price: Price) -> str:
    """Return US$4.99 a month."""
    return per_period(price.amount, price.currency, price.period)


def per_period(amount: int, currency: Currency, period: str) -> str:
    text = gettext("%(price)s a month") if period == "month" else gettext("%(price)s a year")
    return text % {"price": money(amount, currency)}


def given(feature: Feature, gift: Gift) -> str:
    """Return what a plan gives of a feature: 10 hours of voice each month."""
    what = _gift(feature, gift.limit)
    if gift.window == "day":
        return gettext("%(what)s a day") % {"what": what}
    return gettext("%(what)s each month") % {"what": what} if gift.window == "month" else what


def _gift(feature: Feature, limit: int) -> str:
    many = limit
    match feature:
        case "voice_seconds" if limit >= LONG_S:
            return gettext("%(num)s hours of voice") % {"num": _hours(limit // MINUTE_S)}
        case "voice_seconds":
            many = limit // MINUTE_S
            text = ngettext("%(num)s minute of voice", "%(num)s minutes of voice", many)
        case "attachments":
            text = ngettext("%(num)s attachment", "%(num)s attachments", many)
        case "own_voices":
            text = ngettext("%(num)s voice of your own", "%(num)s voices of your own", many)
        case "knowledge_pages":
            text = ngettext("%(num)s page to answer from", "%(num)s pages to answer from", many)
        case "files":
            text = ngettext("%(num)s file", "%(num)s files", many)
        case "file_bytes":
            many = limit // MB
            text = gettext("%(num)s MB for files")
        case "saved_chats":
            text = ngettext("%(num)s saved conversation", "%(num)s saved conversations", many)
    return text % {"num": f"{many:,}"}


def so_much(feature: Feature, many: int, down: bool = True) -> str:
    """Return an amount beside the feature's name: seconds as minutes or hours, bytes as megabytes. What is left is
    rounded down, what is used up.
    """
    if feature == "voice_seconds":
        minutes = many // MINUTE_S if down else -(-many // MINUTE_S)
        if minutes >= LONG_S // MINUTE_S:
            return gettext("%(num)s h") % {"num": _hours(minutes, down)}
        return gettext("%(num)s min") % {"num": minutes}
    if feature == "file_bytes":
        return f"{many / MB:.0f} MB" if not many or many >= MB else f"{many / MB:.1f} MB"
    return f"{many:,}"


def _hours(minutes: int, down: bool = True) -> str:
    """Return hours with a tenth, rounded to where it promises no more than there is."""
    tenths = minutes // 6 if down else -(-minutes // 6)
    return f"{tenths // 10:,}.{tenths % 10}".removesuffix(".0")
