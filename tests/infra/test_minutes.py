"""Minutes in a process: the sweep that goes on beside the serving, and where nobody counts."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.audio import HEARD_RATE, Audio
from domain.errors import Unavailable
from domain.events import Done
from domain.membership.model import Feature, Hold
from domain.membership.voice import Unmetered, VoiceMeter
from domain.turn import Ask
from infra.config import read
from infra.minutes import Minutes, minutes
from infra.wiring import Services, assemble, migrate
from tests.fakes import HandClock
from tests.fakes_meters import MemoryMeters
from tests.metered import Book, Gives

pytestmark = pytest.mark.anyio
AT = datetime(2025, 12, 31, tzinfo=UTC)
LEFT = Hold(
    id="turn-1", owner="ann", feature="voice_seconds", window="2026-01-01", amount=16_000, at=AT, expires_at=AT
)


class Shaky(MemoryMeters):
    """A store that is away, then broken, and then there."""

    def __init__(self) -> None:
        super().__init__()
        self.troubles: list[Exception] = [Unavailable("store_unavailable"), RuntimeError("broken")]

    def stale(self, now: datetime, feature: Feature, limit: int = 100) -> list[Hold]:
        if self.troubles:
            raise self.troubles.pop(0)
        return super().stale(now, feature, limit)


async def test_what_a_killed_program_left_is_settled_beside_the_serving_whatever_happens_to_the_store() -> None:
    meters = Shaky()
    meters.hold(LEFT, 60_000, 1)
    meter = VoiceMeter(meters, Gives(60), Book(), HandClock())  # type: ignore[arg-type]
    running = Minutes(meter, sweep_s=0.01)
    running.start()
    running.start()  # once is enough
    async with asyncio.timeout(60):
        while meters.used("ann", "voice_seconds", "2026-01-01") != (0, 0):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
    await running.stop()
    assert not meters.troubles and not meters.holds
    await running.stop()


async def test_a_network_is_kept_as_a_hash_that_needs_the_key() -> None:
    names: list[set[str]] = []
    for key in ("k" * 32, "l" * 32):
        meters = MemoryMeters()
        counted = minutes(meters, Gives(60), Book(), HandClock(), key, lambda _: None)  # type: ignore[arg-type]
        voice = counted.metering.begin("guest-1", "turn-1", 1_000, "203.0.113.7")
        await voice.end("all")
        meter = counted.metering
        assert isinstance(meter, VoiceMeter)
        meter._networks.count("turn-2", "203.0.113.7", 500)
        names.append({owner for owner, *_ in meters.meters if owner.startswith("net-")})
    assert all(len(name) == 1 and "203" not in next(iter(name)) for name in names)
    assert names[0] != names[1]


@pytest.mark.parametrize(
    ("setting", "counts"), [({}, True), ({"PAYMENTS": "off"}, False), ({"BENCH": "1"}, False)], ids=str
)
async def test_voice_is_counted_where_plans_are_sold_and_not_in_benches(
    tmp_path: Path, setting: dict[str, str], counts: bool
) -> None:
    config = read({"DATA_DIR": str(tmp_path), "ENGINES": "scripted", "CRAWL": "0", **setting})
    migrate(config)
    services: Services = assemble(config)
    try:
        metering = services.minutes.metering
        assert isinstance(metering, VoiceMeter if counts else Unmetered)
        left, refusal = await asyncio.to_thread(metering.left, "guest-1")
        assert (left, refusal) == (600 if counts else None, None)
    finally:
        await services.stop()


async def test_in_the_program_as_it_is_a_turn_counts_what_its_rows_in_the_ledger_say(tmp_path: Path) -> None:
    config = read({"DATA_DIR": str(tmp_path), "ENGINES": "scripted", "CRAWL": "0"})
    migrate(config)
    services = assemble(config)
    try:
        await services.engines.wake()
        chat = services.chats.create("guest-1", "socrates", "en", "", services.clock.now())
        speech = Audio(b"\x10\x20\xf0\xdf" * HEARD_RATE, HEARD_RATE).wav()
        turn = await services.turns.begin("guest-1", chat.id, Ask("turn-key-0001", 0.0, speech))
        events = [event async for _, event in turn.events()]
    finally:
        await services.stop()
    done = events[-1]
    assert isinstance(done, Done)
    voiced = [row.audio_ms for row in services.ledger.turn(turn.id) if row.kind in ("asr", "tts")]
    assert sum(voiced) == 2_000 + done.ms > 7_000
    allowance = services.selling.entitlements.allowance("guest-1", "voice_seconds")
    assert services.selling.meters.used("guest-1", "voice_seconds", allowance.window) == (sum(voiced), 0)
    assert done.left == 600 - 1 - sum(voiced) // 1000
