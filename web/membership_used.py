"""What is used and left of a plan, as bars and day by day."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

import msgspec

from domain.membership.entitlements import NO_LIMIT
from domain.membership.model import Entitlement, Feature, UsedDay
from web.amounts import day, so_much
from web.i18n import gettext

DAYS = 30
_HEIGHT = 100  # of the highest bar of the chart


class Bar(msgspec.Struct, frozen=True):
    """How much of a feature is used: `used` of `limit` for the bar, and in words."""

    feature: Feature
    used: int
    limit: int
    words: str
    left: str
    again: str  # when there is more, "" where never

    @property
    def full(self) -> bool:
        return self.used * 10 >= self.limit * 9


class Day(msgspec.Struct, frozen=True):
    """A bar of the chart: `height` of 100."""

    day: date
    minutes: str
    height: int


def bars(there: Mapping[Feature, Entitlement], now: datetime) -> list[Bar]:
    """Return a bar for each feature that somebody has some of; nothing of what has no limit."""
    return [_bar(one, now) for one in there.values() if 0 < one.limit < NO_LIMIT]


def days(used: Sequence[UsedDay], today: date) -> list[Day]:
    """Return a bar for each of the last thirty days of UTC; `amount` is in milliseconds."""
    by_day = {each.day: each.amount for each in used}
    span = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    most = max([60_000, *(by_day.get(each, 0) for each in span)])
    return [
        Day(each, f"{by_day.get(each, 0) / 60_000:.1f}", -(-by_day.get(each, 0) * _HEIGHT // most)) for each in span
    ]


def _bar(one: Entitlement, now: datetime) -> Bar:
    used = min(one.used + one.held, one.limit)
    words = gettext("%(used)s of %(limit)s") % {
        "used": so_much(one.feature, used, down=False), "limit": so_much(one.feature, one.limit)
    }  # fmt: skip
    left = gettext("%(left)s left") % {"left": so_much(one.feature, one.limit - used)}
    again = ""
    if one.until is not None and one.until > now:
        again = gettext("starts anew on %(day)s") % {"day": day(one.until)}
    return Bar(one.feature, used, one.limit, words, left, again)
