"""When scheduled functions are due."""

from datetime import UTC, datetime

import modal
import pytest
from modal_proto import api_pb2

from infra.local.timetable import Timetable, next_due


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def cron(line: str, timezone: str = "UTC") -> api_pb2.Schedule:
    return modal.Cron(line, timezone=timezone).proto_message


@pytest.mark.parametrize(
    ("schedule", "after", "due"),
    [
        (cron("*/30 * * * *"), "2026-03-01T10:00:00", "2026-03-01T10:30:00"),
        (cron("0 6 * * *", "Asia/Shanghai"), "2026-03-01T10:00:00", "2026-03-01T22:00:00"),
        # Berlin puts its clocks forward on 29 March 2026: 06:00 there is an hour earlier from then on.
        (cron("0 6 * * *", "Europe/Berlin"), "2026-03-28T05:30:00", "2026-03-29T04:00:00"),
        (cron("0 6 * * *", "Europe/Berlin"), "2026-03-27T05:30:00", "2026-03-28T05:00:00"),
        (modal.Period(hours=4).proto_message, "2026-03-01T10:00:00", "2026-03-01T14:00:00"),
        (modal.Period(seconds=1.5).proto_message, "2026-03-01T10:00:00", "2026-03-01T10:00:01.500"),
        (modal.Period(months=1).proto_message, "2026-01-31T10:00:00", "2026-02-28T10:00:00"),
        (modal.Period(years=1, days=2).proto_message, "2024-02-29T10:00:00", "2025-03-02T10:00:00"),
    ],
)
def test_a_schedule_says_when(schedule: api_pb2.Schedule, after: str, due: str) -> None:
    assert next_due(schedule, at(after)) == at(due)


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (cron("every day"), "every day"),
        (cron("61 * * * *"), "minute"),
        (cron("0 0 31 2 *"), "no such time|0 0 31 2"),
        (cron("* * * * *", "Mars/Olympus"), "Mars/Olympus"),
        (cron("* * * * *", "../etc/passwd"), "etc/passwd"),
        (modal.Period().proto_message, "longer than nothing"),
        (modal.Period(hours=-1).proto_message, "longer than nothing"),
    ],
)
def test_a_schedule_that_can_never_be_due_is_told(schedule: api_pb2.Schedule, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        next_due(schedule, at("2026-03-01T10:00:00"))


START = at("2026-03-01T10:00:00").timestamp()
MINUTE = modal.Period(minutes=1).proto_message


def test_every_function_runs_at_its_own_times() -> None:
    table = Timetable()
    assert table.look(START, [("fu-1", 1, MINUTE), ("fu-2", 1, cron("*/2 * * * *"))]) == []
    runs = [(minute, table.due(START + 60 * minute)) for minute in range(5)]
    assert runs == [(0, []), (1, ["fu-1"]), (2, ["fu-1", "fu-2"]), (3, ["fu-1"]), (4, ["fu-1", "fu-2"])]
    assert table.next() == START + 300


def test_times_that_were_slept_through_are_not_caught_up() -> None:
    table = Timetable()
    table.look(START, [("fu-1", 1, MINUTE)])
    assert table.due(START + 3_600.5) == ["fu-1"]
    assert table.due(START + 3_600.6) == []
    assert table.next() == START + 3_660.5


def test_a_period_begins_anew_with_a_new_version_and_only_then() -> None:
    table = Timetable()
    table.look(START, [("fu-1", 1, MINUTE)])
    table.look(START + 30, [("fu-1", 1, MINUTE), ("fu-2", 1, MINUTE)])
    assert table.times() == {"fu-1": START + 60, "fu-2": START + 90}
    table.look(START + 40, [("fu-1", 2, MINUTE)])
    assert table.times() == {"fu-1": START + 100}
    table.look(START + 50, [])
    assert table.next() is None


def test_a_wrong_schedule_is_told_once_and_keeps_nobody_else_from_running() -> None:
    table = Timetable()
    functions = [("fu-1", 1, cron("nonsense")), ("fu-2", 1, MINUTE)]
    [wrong] = table.look(START, functions)
    assert "fu-1 never runs" in wrong
    assert table.look(START + 1, functions) == []
    assert table.due(START + 60) == ["fu-2"]
