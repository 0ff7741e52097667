"""The meter itself: what counts of a turn's calls, what a program that died has left, what a database that is away."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from db.connect import connect, disconnect
from db.ledger import SqlLedger
from db.meters import SqlMeters
from db.migrate import upgrade
from domain.errors import NeedsMembership, Unavailable
from domain.membership.held import BEYOND_MS, HELD_FOR, LEAST_MS, REPLY_MS, Free, heard_and_spoken
from domain.membership.model import Hold, Use
from domain.membership.ports import Meters
from domain.membership.voice import REMEMBERED, Unmetered, VoiceMeter
from domain.usage import Call, CallKind, Outcome
from tests.fakes import HandClock
from tests.fakes_meters import MemoryMeters
from tests.metered import Book, Gives

pytestmark = pytest.mark.anyio
AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
WINDOW = "2026-01-01"


def call(number: int, kind: CallKind, ms: int, turn: str = "turn-1", outcome: Outcome = "done") -> Call:
    return Call(
        id=f"call-{number}", turn_id=turn, kind=kind, at=AT + timedelta(seconds=number), runtime="inline", remote_id="",
        container="here", outcome=outcome, engine_ms=1, audio_ms=ms, tokens_in=0, tokens_out=0, price_class="own",
        price_version="1", microusd=0,
    )  # fmt: skip


class House:
    def __init__(self, seconds: int = 60, meters: Meters | None = None) -> None:
        self.meters, self.book, self.clock, self.gives = meters or MemoryMeters(), Book(), HandClock(), Gives(seconds)
        self.meter = self.again()

    def again(self) -> VoiceMeter:
        """The same house after a new start."""
        return VoiceMeter(self.meters, self.gives, self.book, self.clock)  # type: ignore[arg-type]

    def used(self, owner: str = "ann") -> tuple[int, int]:
        return self.meters.used(owner, "voice_seconds", WINDOW)


def test_of_a_turn_counts_what_heard_it_last_and_all_that_spoke() -> None:
    calls = [
        call(1, "asr", 1_000), call(2, "asr", 900, outcome="stopped"), call(3, "asr", 2_000), call(4, "llm", 0),
        call(5, "embed", 0), call(6, "tts", 500), call(7, "tts", 0), call(8, "tts", 300, outcome="stopped"),
        call(9, "asr", 2_500, outcome="failed"),
    ]  # fmt: skip
    assert [each.id for each in heard_and_spoken(calls)] == ["call-3", "call-6", "call-8"]


async def test_the_calls_of_a_turn_count_once_however_often_they_are_told() -> None:
    house = House()
    voice = house.meter.begin("ann", "turn-1", 1_000)
    for each in (call(1, "asr", 1_000), call(2, "tts", 700), call(2, "tts", 700), call(3, "tts", 50, turn="turn-2")):
        house.meter.note(each)
    assert await voice.end("all") == 58
    assert house.used() == (1_700, 0)


async def test_calls_that_came_before_the_turn_began_are_remembered_but_not_for_ever() -> None:
    house = House()
    house.meter.note(call(1, "asr", 1_000))
    for number in range(REMEMBERED - 1):
        house.meter.note(call(number + 10, "tts", 1, turn=f"other-{number}"))
    await house.meter.begin("ann", "turn-1", 1_000).end("all")
    assert house.used() == (1_000, 0)
    house.meter.note(call(2, "asr", 1_000, turn="turn-2"))
    for number in range(REMEMBERED):
        house.meter.note(call(number + 10, "tts", 1, turn=f"other-{number}"))
    assert len(house.meter._calls) == REMEMBERED
    await house.meter.begin("ann", "turn-2", 1_000).end("all")
    assert house.used() == (1_000, 0)


async def test_more_is_kept_only_when_a_piece_would_not_fit() -> None:
    house = House()
    voice = house.meter.begin("ann", "turn-1", 1_000)
    assert await voice.covers(REPLY_MS, begun=False) and house.used() == (0, 16_000)
    assert await voice.covers(REPLY_MS + 1, begun=False) and house.used() == (0, 31_000)
    assert await voice.covers(44_000, begun=False) and house.used() == (0, 46_000)
    assert not await voice.covers(60_000, begun=False)
    assert house.used() == (0, 60_000) and voice.refusal is not None and voice.refusal.code == "voice_spent"
    assert await voice.covers(59_000 + BEYOND_MS, begun=True)
    assert not await voice.covers(59_001 + BEYOND_MS, begun=True)
    await voice.end("nothing")
    assert house.used() == (0, 0)


async def test_the_least_that_is_kept_is_the_recording_and_a_sentence() -> None:
    house = House(seconds=10)
    with pytest.raises(NeedsMembership):
        house.meter.begin("ann", "turn-1", 10_000 - LEAST_MS + 1)
    voice = house.meter.begin("ann", "turn-1", 10_000 - LEAST_MS)
    assert house.used() == (0, 10_000)
    await voice.end("nothing")


def test_what_is_left_tells_what_a_recording_would_meet() -> None:
    house = House(seconds=60)
    assert house.meter.left("ann") == (60, None)
    house.meter.begin("ann", "turn-1", 1_000)
    assert house.meter.left("ann") == (44, None)
    for number in range(2, 5):
        house.meter.begin("ann", f"turn-{number}", None)
    left, refusal = house.meter.left("ann")
    assert left == 0 and refusal is not None and refusal.detail["better"] == "basic"
    assert Unmetered().left("ann") == (None, None)


async def test_where_nobody_counts_nothing_is_refused() -> None:
    voice = Unmetered().begin("ann", "turn-1", 60_000)
    assert isinstance(voice, Free) and await voice.covers(10**9, begun=False)
    voice.waive()
    assert voice.refusal is None and await voice.end("all") is None


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    upgrade(f"sqlite:///{tmp_path / 'core.db'}")
    engine = connect(f"sqlite:///{tmp_path / 'core.db'}")
    yield engine
    disconnect(engine)


@pytest.fixture(params=["memory", "sqlite"])
def meters(request: pytest.FixtureRequest) -> Meters:
    return MemoryMeters() if request.param == "memory" else SqlMeters(request.getfixturevalue("database"))


async def test_what_a_program_that_died_has_kept_is_settled_by_the_ledger_once(meters: Meters) -> None:
    house = House(meters=meters)
    house.meter.begin("ann", "turn-1", 1_000)
    house.meter.begin("ann", "turn-2", None)
    house.book.rows = [call(1, "asr", 1_000), call(2, "tts", 700), call(3, "tts", 300)]
    assert house.used() == (0, 31_000)
    survivor = house.again()
    assert survivor.sweep() == 0  # they may still be going on elsewhere
    house.clock.seconds += HELD_FOR.total_seconds()
    assert survivor.sweep() == 2
    assert house.used() == (2_000, 0)
    assert survivor.sweep() == 0 and house.again().sweep() == 0
    assert house.used() == (2_000, 0)


async def test_a_turn_that_takes_long_is_not_swept_by_its_own_program() -> None:
    house = House()
    voice = house.meter.begin("ann", "turn-1", 1_000)
    house.meter.note(call(1, "asr", 1_000))
    house.clock.seconds += HELD_FOR.total_seconds() + 60
    assert house.meter.sweep() == 0
    await voice.end("all")
    assert house.used() == (1_000, 0)


async def test_a_turn_that_others_have_swept_counts_its_calls_once() -> None:
    house = House()
    voice = house.meter.begin("ann", "turn-1", 1_000)
    house.book.rows = [call(1, "asr", 1_000)]
    house.meter.note(house.book.rows[0])
    house.clock.seconds += HELD_FOR.total_seconds()
    assert house.again().sweep() == 1
    await voice.end("all")
    assert house.used() == (1_000, 0)


async def test_the_sweep_leaves_what_is_no_voice_alone() -> None:
    house = House()
    hold = Hold(id="att-1", owner="ann", feature="attachments", window=WINDOW, amount=1, at=AT, expires_at=AT)
    house.meters.hold(hold, 10, 1)
    house.clock.seconds += 10**6
    assert house.meter.sweep() == 0
    assert house.meters.used("ann", "attachments", WINDOW) == (0, 1)


class Away(MemoryMeters):
    """Meters whose database is away while `away` is set."""

    away = False

    def settle(self, hold_id: str, uses: object, now: datetime) -> int:
        if self.away:
            raise Unavailable("store_unavailable")
        return super().settle(hold_id, uses, now)  # type: ignore[arg-type]

    def extend(self, hold_id: str, more: int, limit: int) -> int:
        if self.away:
            raise Unavailable("store_unavailable")
        return super().extend(hold_id, more, limit)


async def test_while_the_database_is_away_a_reply_goes_on_and_is_counted_later_from_the_ledger() -> None:
    meters = Away()
    house = House(meters=meters)
    voice = house.meter.begin("ann", "turn-1", 1_000)
    house.book.rows = [call(1, "asr", 1_000), call(2, "tts", 700)]
    for each in house.book.rows:
        house.meter.note(each)
    meters.away = True
    assert await voice.covers(REPLY_MS + 1, begun=False)
    assert await voice.end("all") is None
    meters.away = False
    house.clock.seconds += HELD_FOR.total_seconds()
    assert house.meter.sweep() == 1
    assert house.used() == (1_700, 0)


async def test_fifty_turns_at_once_never_use_more_than_a_minute(meters: Meters) -> None:
    house = House(seconds=60, meters=meters)

    async def turn(number: int) -> int:
        """Return how much of this turn was made, 0 when it was refused."""
        try:
            voice = await asyncio.to_thread(house.meter.begin, "ann", f"turn-{number}", 1_000)
        except NeedsMembership:
            return 0
        house.meter.note(call(10 * number, "asr", 1_000, turn=f"turn-{number}"))
        spoken = 0
        for piece in range(1, 9):
            if not await voice.covers(spoken + 2_500, begun=False):
                break
            spoken += 2_500
            house.meter.note(call(10 * number + piece, "tts", 2_500, turn=f"turn-{number}"))
        await voice.end("all")
        return 1_000 + spoken

    made = await asyncio.gather(*[turn(number) for number in range(1, 51)])
    assert any(made) and not all(made)
    used, held = await asyncio.to_thread(house.used)
    assert held == 0 and used == sum(made) <= 60_000


async def test_the_rows_of_the_real_ledger_settle_a_turn(database: Engine) -> None:
    meters, ledger, clock = SqlMeters(database), SqlLedger(database), HandClock()
    VoiceMeter(meters, Gives(60), ledger, clock).begin("ann", "turn-1", 1_000)
    ledger.record([call(1, "asr", 1_000), call(2, "llm", 0), call(3, "tts", 250), call(4, "tts", 9, turn="turn-2")])
    clock.seconds += HELD_FOR.total_seconds()
    assert VoiceMeter(meters, Gives(60), ledger, clock).sweep() == 1
    assert meters.used("ann", "voice_seconds", WINDOW) == (1_250, 0)
    assert meters.settle("turn-1", [Use("call-1", "asr", 1_000)], clock.now()) == 0
