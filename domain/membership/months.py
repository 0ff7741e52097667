"""Months and years as people count them: from the day something began, shortened where a month has no such day."""

from datetime import UTC, datetime, timedelta

from dateutil.relativedelta import relativedelta

from domain.membership.model import Period

MONTHS: dict[Period, int] = {"month": 1, "year": 12}
DAY = timedelta(days=1)


def month_after(since: datetime, months: int) -> datetime:
    """Return the moment so many months later: of 31 January 28 February, and then 31 March again."""
    later: datetime = since + relativedelta(months=months)
    return later


def months_between(since: datetime, now: datetime) -> int:
    """Return how many whole months lie between; at least 0."""
    if now <= since:
        return 0
    months = (now.year - since.year) * 12 + now.month - since.month
    return months if month_after(since, months) <= now else months - 1


def end_of(since: datetime, from_: datetime, period: Period) -> datetime:
    """Return when a period ends that begins at `from_`, of a membership whose months are counted since `since`."""
    months = months_between(since, from_)
    if from_ >= since and month_after(since, months) == from_:
        return month_after(since, months + MONTHS[period])
    return month_after(from_, MONTHS[period])


def month_of(since: datetime, now: datetime) -> tuple[datetime, datetime]:
    """Return the month, counted since then, in which `now` lies."""
    months = months_between(since, now)
    return month_after(since, months), month_after(since, months + 1)


def day_of(now: datetime) -> tuple[datetime, datetime]:
    """Return the UTC day."""
    begin = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return begin, begin + DAY


def calendar_month(now: datetime) -> datetime:
    """Return its first moment: of those who hold no membership, months are the calendar's."""
    return day_of(now)[0].replace(day=1)
