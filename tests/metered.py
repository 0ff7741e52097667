"""Turns whose voice is counted: real turns and real calls, over ears and mouths that do what the test says."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.membership.model import Allowance, Feature
from domain.membership.ports import Meters
from domain.membership.voice import Metering, VoiceMeter
from domain.ports import Clock, Speaker, Transcriber
from domain.usage import Call, Ledger, Meter
from functions.pools import Name
from infra.calls import Calls
from infra.pricing import Pricing
from infra.runtime import RuntimeSpeaker, RuntimeTranscriber
from tests.fakes_meters import MemoryMeters

PATIENT_S = 60.0
TOMORROW = datetime(2026, 1, 2, tzinfo=UTC)


class Gives:
    """Plans that give everybody so many seconds a day, and some more."""

    def __init__(self, seconds: int, better: str = "basic", **more: int) -> None:
        self.seconds, self.better, self.more = seconds, better, more
        self.until = TOMORROW

    def allowance(self, owner: str, feature: Feature) -> Allowance:
        limit = self.more.get(owner, self.seconds)
        return Allowance(limit, "2026-01-01", self.until - timedelta(days=1), self.until, self.better)


class Stage:
    """A backend over a fake ear and a fake mouth, with meters like those of real functions."""

    def __init__(self, ear: Transcriber, mouth: Speaker) -> None:
        self._ear, self._mouth = ear, mouth

    async def call(self, function: Name, method: str, *args: Any, meter: Meter) -> Any:
        speech, language = args
        meter.audio_ms, meter.container = speech.ms, "here"
        return await self._ear.transcribe(speech, language)

    async def stream(self, function: Name, method: str, *args: Any, meter: Meter) -> AsyncGenerator[Any, None]:
        meter.container = "here"
        async with aclosing(self._mouth.speak(*args)) as sounds:
            async for audio in sounds:
                yield audio

    def patience(self, function: Name) -> float:
        return 0.0


class Book:
    """A ledger in memory; what is noted is kept at once."""

    def __init__(self) -> None:
        self.rows: list[Call] = []

    def turn(self, turn_id: str) -> list[Call]:
        return [row for row in self.rows if row.turn_id == turn_id]

    def voiced(self, turn_id: str = "") -> list[tuple[str, int]]:
        """The kinds and lengths of a turn's calls that heard or spoke."""
        return [(row.kind, row.audio_ms) for row in self.rows if row.turn_id == turn_id and row.audio_ms]


class Metered:
    """A meter, what it counts in, and the model ports of a Turns that report to it."""

    def __init__(
        self, clock: Clock, gives: Gives, ear: Transcriber, mouth: Speaker,
        meters: Meters | None = None, ledger: Ledger | None = None,
    ) -> None:  # fmt: skip
        self.meters = meters if meters is not None else MemoryMeters()
        self.book, self.gives, self.clock = Book(), gives, clock
        self.meter = VoiceMeter(self.meters, gives, ledger or self.book, clock)  # type: ignore[arg-type]
        calls = Calls(Stage(ear, mouth), Pricing("inline"), self._note)
        self.asr, self.tts = RuntimeTranscriber(calls), RuntimeSpeaker(calls)

    def _note(self, call: Call) -> None:
        self.book.rows.append(call)
        self.meter.note(call)

    @property
    def metering(self) -> Metering:
        return self.meter

    def used(self, owner: str) -> tuple[int, int]:
        return self.meters.used(owner, "voice_seconds", "2026-01-01")


async def settled(metered: Metered, owner: str) -> int:
    """Return what was counted, in ms, once nothing is held any more."""
    end = time.monotonic() + PATIENT_S
    while True:
        used, held = await asyncio.to_thread(metered.used, owner)
        if not held:
            return used
        assert time.monotonic() < end, f"still held: {held} ms"
        await asyncio.sleep(0.01)
