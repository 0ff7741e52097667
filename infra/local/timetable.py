"""When scheduled functions are due. Pure: the time is told, as Unix seconds."""

import calendar
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from modal_proto import api_pb2

Key = tuple[str, int]  # a function and the version that deployed it: a new version begins its period anew


def next_due(schedule: api_pb2.Schedule, after: datetime) -> datetime:
    """Return the first time after `after` (which knows its zone). Raises ValueError for a schedule without one.

    A cron line follows the clocks of its zone, summer time included. A period of months or years keeps the day of the
    month where there is one; days are days of UTC.
    """
    if schedule.HasField("cron"):
        try:
            zone = ZoneInfo(schedule.cron.timezone or "UTC")
            return next(CronSim(schedule.cron.cron_string, after.astimezone(zone))).astimezone(UTC)
        except (CronSimError, StopIteration, OSError, ValueError) as error:  # ZoneInfoNotFoundError is a KeyError
            raise ValueError(f"cron {schedule.cron.cron_string!r}: {error or 'no such time'}") from error
        except KeyError as error:
            raise ValueError(f"cron: no time zone is called {schedule.cron.timezone!r}") from error
    period = schedule.period
    months = period.years * 12 + period.months
    due = _months_later(after, months) + timedelta(
        weeks=period.weeks, days=period.days, hours=period.hours, minutes=period.minutes, seconds=period.seconds
    )
    if due <= after:
        raise ValueError("a period must be longer than nothing")
    return due


def _months_later(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


class Timetable:
    """The next time of every scheduled function."""

    def __init__(self) -> None:
        self._schedules: dict[Key, api_pb2.Schedule] = {}
        self._due: dict[Key, float] = {}

    def look(self, now: float, functions: Iterable[tuple[str, int, api_pb2.Schedule]]) -> list[str]:
        """Take over what is deployed now as (function id, version, schedule); return what is wrong with any of them."""
        wrong = []
        found: dict[Key, api_pb2.Schedule] = {}
        for function_id, version, schedule in functions:
            key = (function_id, version)
            found[key] = schedule
            if key not in self._schedules:
                try:
                    self._due[key] = _after(schedule, now)
                except ValueError as error:
                    wrong.append(f"{function_id} never runs: {error}")
        self._schedules = found
        self._due = {key: due for key, due in self._due.items() if key in found}
        return wrong

    def due(self, now: float) -> list[str]:
        """Return the functions whose time has come, once, however many times were missed."""
        ready = sorted((due, key) for key, due in self._due.items() if due <= now)
        for due, key in ready:
            following = _after(self._schedules[key], due)
            # After a pause (a laptop that slept) the rhythm begins anew instead of catching up.
            self._due[key] = following if following > now else _after(self._schedules[key], now)
        return [function_id for _, (function_id, _) in ready]

    def next(self) -> float | None:
        return min(self._due.values(), default=None)

    def times(self) -> dict[str, float]:
        """Return the next time of each function, for the dashboard."""
        return {function_id: due for (function_id, _), due in self._due.items()}


def _after(schedule: api_pb2.Schedule, now: float) -> float:
    return next_due(schedule, datetime.fromtimestamp(now, UTC)).timestamp()
