"""What every ledger does, the fake and the real one alike, on each database."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine

from db.chats import SqlChats
from db.ledger import SqlLedger
from domain.errors import BadInput
from domain.usage import Call, Day, Ledger, Sum, TurnCost
from tests.fakes_stores import MemoryLedger

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
TODAY = NOON.date()
EVER = date(2020, 1, 1)


def call(name: str, turn: str = "turn-1", minutes: float = 0, **fields: Any) -> Call:
    usual: dict[str, Any] = {
        "kind": "asr", "runtime": "modal", "remote_id": "fc-01", "container": "ta-01", "outcome": "done",
        "engine_ms": 412, "audio_ms": 3_200, "tokens_in": 0, "tokens_out": 0,
        "price_class": "L4", "price_version": "modal-2026-09-27", "microusd": 107,
    }  # fmt: skip
    return Call(**{**usual, "id": name, "turn_id": turn, "at": NOON + timedelta(minutes=minutes), **fields})


def test_a_call_comes_back_as_it_was_told(ledger: Ledger) -> None:
    told = [
        call("a", kind="asr"),
        call("b", kind="llm", minutes=1, remote_id="", container="", tokens_in=812, tokens_out=44, outcome="stopped"),
        call("c", kind="tts", minutes=2, engine_ms=2**40, microusd=2**53 + 1, outcome="failed"),
    ]

    assert ledger.record(told) == 3
    assert ledger.turn("turn-1") == told


def test_what_is_told_twice_is_one_row_and_the_first_one_counts(ledger: Ledger) -> None:
    ledger.record([call("a", microusd=107)])

    assert ledger.record([call("a", microusd=999, turn="turn-2"), call("b"), call("b", microusd=5)]) == 1
    assert ledger.record([]) == 0
    assert ledger.turn("turn-1") == [call("a"), call("b")]
    assert ledger.turn("turn-2") == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": ""}, {"id": "two words"}, {"id": "k" * 65}, {"turn_id": "\0"}, {"container": "容器"},
        {"price_class": ""}, {"microusd": -1}, {"microusd": 2**56}, {"microusd": 1.5}, {"engine_ms": -1},
        {"at": datetime(2026, 3, 1)},
    ],
    ids=str,
)  # fmt: skip
def test_of_rows_with_a_bad_one_among_them_none_is_written(ledger: Ledger, wrong: dict[str, Any]) -> None:
    bad = msgspec.structs.replace(call("b"), **wrong)

    with pytest.raises(BadInput):
        ledger.record([call("a"), bad, call("c")])

    assert ledger.turn("turn-1") == []
    assert ledger.days(EVER) == []


def test_more_rows_than_fit_one_statement_are_written_together(ledger: Ledger) -> None:
    many = [call(f"call-{number:05}", turn=f"turn-{number % 700}") for number in range(2_100)]

    assert ledger.record(many[:600]) == 600
    assert ledger.record(many) == 1_500
    assert sum(day.calls for day in ledger.days(EVER)) == 2_100
    assert sum(day.turns for day in ledger.days(EVER)) == 700


def test_sums_beyond_what_a_float_can_hold_are_exact(ledger: Ledger) -> None:
    ledger.record([call("a", microusd=2**53), call("b", microusd=1), call("c", microusd=2)])

    spent = 2**53 + 3
    assert ledger.days(EVER) == [Day(TODAY, 1, 3, spent)]
    assert ledger.sums(EVER, TODAY)[0].microusd == spent
    assert ledger.turns()[0].microusd == spent
    assert all(type(figure) is int for figure in msgspec.structs.astuple(ledger.sums(EVER, TODAY)[0])[1:])


def test_the_calls_of_a_turn_come_oldest_first_and_only_its_own(ledger: Ledger) -> None:
    ledger.record([call("late", minutes=2), call("z", minutes=1), call("a", minutes=1), call("other", turn="turn-2")])
    ledger.record([call("first", minutes=-1), call("greeting", turn="")])

    assert [row.id for row in ledger.turn("turn-1")] == ["first", "a", "z", "late"]
    for nobody in ("", "turn-3", "TURN-1", "\0", "\ud800", "x" * 5_000):
        assert ledger.turn(nobody) == []


def test_times_are_kept_in_utc_to_the_microsecond(ledger: Ledger) -> None:
    beijing = timezone(timedelta(hours=8))
    ledger.record([call("a", at=NOON.astimezone(beijing))])

    kept = ledger.turn("turn-1")[0].at
    assert kept == NOON
    assert ledger.turns()[0].at == NOON


def test_turns_come_newest_first_by_their_beginning(ledger: Ledger) -> None:
    ledger.record([call("a", "old", 0), call("b", "new", 5), call("c", "old", 9, engine_ms=8, microusd=3)])

    assert ledger.turns() == [
        TurnCost("new", NOON + timedelta(minutes=5), 1, 412, 107),
        TurnCost("old", NOON, 2, 420, 110),
    ]


def test_turns_can_be_read_page_by_page_without_loss(ledger: Ledger) -> None:
    """Turns overlap at will: some last longer than many others together, some have dozens of calls."""
    dice = random.Random(7)
    rows = [
        call(f"c{turn}-{number}", f"turn-{turn:03}", turn + (number and dice.choice([0.1, 0.5, 3, 40]) * number))
        for turn in range(60)
        for number in range(dice.choice([1, 2, 5, 40]))
    ]
    dice.shuffle(rows)
    ledger.record([*rows, *(call(f"ahead-{number}", "", number / 7) for number in range(500))])

    for size in (1, 7, 60, 100):
        read: list[TurnCost] = []
        while page := ledger.turns(size, read[-1].at if read else None):
            assert len(page) <= size
            read += page
        assert [cost.turn_id for cost in read] == [f"turn-{turn:03}" for turn in reversed(range(60))]
        assert sum(cost.calls for cost in read) == len(rows)


def test_what_is_no_turn_is_in_no_list_of_turns_but_in_the_sums(ledger: Ledger) -> None:
    ledger.record([call("greeting", turn="", kind="tts"), call("ingest", turn="", kind="embed")])

    assert ledger.turns() == []
    assert ledger.days(EVER) == [Day(TODAY, 0, 2, 214)]
    assert [total.kind for total in ledger.sums(EVER, TODAY)] == ["embed", "tts"]


def test_days_are_those_of_utc_whatever_the_clock_on_the_wall(ledger: Ledger) -> None:
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    beijing = timezone(timedelta(hours=8))
    ledger.record(
        [
            call("a", "t1", at=midnight - timedelta(microseconds=1)),
            call("b", "t1", at=midnight),
            call("c", "t2", at=(midnight + timedelta(hours=1)).astimezone(beijing)),
            call("e", "t1", at=(midnight - timedelta(hours=3)).astimezone(beijing)),  # there it is tomorrow
            call("d", "t3", at=datetime(2024, 2, 29, 23, 59, tzinfo=UTC)),
        ]
    )

    second, first, leap = Day(date(2026, 3, 2), 2, 2, 214), Day(TODAY, 1, 2, 214), Day(date(2024, 2, 29), 1, 1, 107)
    assert ledger.days(EVER) == [second, first, leap]
    assert ledger.days(date(2024, 3, 1)) == [second, first]
    assert ledger.days(TODAY) == [second, first]
    assert ledger.days(date(2026, 3, 2)) == [second]
    assert ledger.days(date(2026, 3, 3)) == []


def test_sums_hold_both_their_first_and_their_last_day(ledger: Ledger) -> None:
    last = datetime(2026, 3, 2, 23, 59, 59, 999_999, tzinfo=UTC)
    ledger.record(
        [
            call("a", kind="llm", engine_ms=1, audio_ms=2, tokens_in=3, tokens_out=4, microusd=5),
            call("b", kind="llm", engine_ms=10, audio_ms=20, tokens_in=30, tokens_out=40, microusd=50, at=last),
            call("c", kind="asr", at=last),
        ]
    )

    assert ledger.sums(TODAY, date(2026, 3, 2)) == [
        Sum("asr", 1, 412, 3_200, 0, 0, 107),
        Sum("llm", 2, 11, 22, 33, 44, 55),
    ]
    assert ledger.sums(TODAY, TODAY) == [Sum("llm", 1, 1, 2, 3, 4, 5)]
    assert ledger.sums(date(2026, 3, 3), date(2026, 4, 1)) == []
    assert ledger.sums(date(2026, 3, 2), TODAY) == []


def test_writers_of_the_same_rows_at_once_write_each_row_once(ledger: Ledger) -> None:
    """A call is told by its container and, after a restart, by the one that runs it again."""

    def write(number: int) -> int:
        rows = [call(f"call-{index:03}", f"turn-{index % 9}") for index in range(40)]
        random.Random(number).shuffle(rows)
        return sum(ledger.record(rows[start : start + 16]) for start in (0, 8, 16, 24))

    with ThreadPoolExecutor(8) as pool:
        new = sum(pool.map(write, range(8)))

    assert new == 40
    assert ledger.days(EVER) == [Day(TODAY, 9, 40, 40 * 107)]


def test_what_was_spent_stays_spent_when_a_chat_is_purged(engine: Engine) -> None:
    chats, ledger = SqlChats(engine), SqlLedger(engine)
    chat = chats.create("anna", "socrates", "en", "", NOON)
    chats.heard("anna", chat.id, "turn-1", "key-00001", "Hello", NOON)
    ledger.record([call("a")])
    chats.delete("anna", chat.id, NOON)

    assert chats.purge(NOON + timedelta(days=8)) == 1
    assert ledger.turn("turn-1") == [call("a")]


def test_the_sums_of_a_day_are_those_of_its_calls_whoever_wrote_at_once(engine: Engine) -> None:
    """Writers that meet in a day wait for each other, also on a day of which nobody had written yet."""
    ledger = SqlLedger(engine)
    dice = random.Random(11)
    rows = [
        call(f"c{number}", f"turn-{number % 37}", dice.randrange(-4_000, 0), kind=dice.choice(["asr", "llm", "tts"]))
        for number in range(240)
    ]

    def write(start: int) -> None:
        for at in range(start, len(rows), 3):  # each row is written by two of the six
            ledger.record(rows[at : at + 7])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, [0, 1, 2, 0, 1, 2]))

    truth = MemoryLedger()
    truth.record(rows)
    assert ledger.days(EVER) == truth.days(EVER)
    assert ledger.sums(EVER, TODAY) == truth.sums(EVER, TODAY)
