"""Turns whose program is killed between any two steps of counting voice: the helper of test_minutes_killed.py.

The stores of meters and of calls are real, on SQLite; what is heard and spoken is made up.
"""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import select

from db.connect import connect, disconnect
from db.ledger import SqlLedger
from db.meters import SqlMeters
from db.migrate import upgrade
from db.tables.membership import holds, use_days, uses
from domain.errors import NeedsMembership
from domain.membership.held import HELD_FOR
from domain.membership.voice import VoiceMeter
from domain.usage import Call, CallKind
from tests.fakes import HandClock
from tests.metered import Gives
from tests.stories.dying import Dying, serve

READS = frozenset(("used", "days", "stale", "turn"))
SECONDS = 60  # that anna has a day
TURNS = 3
PIECES_MS = (9_000, 8_000, 2_500)  # of each reply; the second does not fit what is kept at first
HEARD_MS = 1_500


class Order(msgspec.Struct):
    what: str  # "talk" or "look"
    folder: str
    die_at: int = 0  # before which change to a store; 0: never


class House:
    def __init__(self, folder: Path, dying: Dying, later: timedelta = timedelta()) -> None:
        upgrade(url := f"sqlite:///{folder / 'core.db'}")
        self.engine = connect(url)
        self.clock = HandClock()
        self.clock.seconds += later.total_seconds()
        self.meters, self.ledger = SqlMeters(self.engine), SqlLedger(self.engine)
        dead_meters, self.book = dying.around("meters", self.meters), dying.around("ledger", self.ledger)
        self.meter = VoiceMeter(dead_meters, Gives(SECONDS), self.book, self.clock)

    def call(self, turn: str, number: int, kind: CallKind, ms: int) -> None:
        """A function has done something: it is in the ledger, and the meter has heard of it."""
        call = Call(
            id=f"{turn}-{number}", turn_id=turn, kind=kind, at=self.clock.now(), runtime="inline", remote_id="",
            container="here", outcome="done", engine_ms=1, audio_ms=ms, tokens_in=0, tokens_out=0, price_class="own",
            price_version="1", microusd=0,
        )  # fmt: skip
        self.book.record([call])
        self.meter.note(call)

    async def turn(self, turn: str) -> None:
        voice = self.meter.begin("anna", turn, HEARD_MS)
        self.call(turn, 0, "asr", HEARD_MS)
        spoken = 0
        for number, ms in enumerate(PIECES_MS, 1):
            if await voice.covers(spoken + ms, begun=False):
                self.call(turn, number, "tts", ms)
                spoken += ms
        await voice.end("all")


async def talk(house: House, dying: Dying) -> dict[str, Any]:
    refused = 0
    for number in range(TURNS):
        try:
            await house.turn(f"turn-{number}")
        except NeedsMembership:
            refused += 1
    return {"steps": dying.names, "refused": refused}


async def look(house: House) -> dict[str, Any]:
    """What is there after the death, and after the sweep of the next program, which comes twice."""
    window = "2026-01-01"
    before = house.meters.used("anna", "voice_seconds", window)
    swept = [house.meter.sweep(), house.meter.sweep()]
    used, held = house.meters.used("anna", "voice_seconds", window)
    with house.engine.connect() as connection:
        counted = {row.call_id: row.amount for row in connection.execute(select(uses))}
        days = [row.amount for row in connection.execute(select(use_days))]
        left = len(connection.execute(select(holds)).all())
    told = {call.id: call.audio_ms for number in range(TURNS) for call in house.ledger.turn(f"turn-{number}")}
    return {
        "before": before, "used": used, "held": held, "holds": left, "counted": counted, "days": sum(days),
        "told": told, "swept": swept,
    }  # fmt: skip


def do(order: Order) -> dict[str, Any]:
    dying = Dying(order.die_at, READS)
    later = HELD_FOR if order.what == "look" else timedelta()
    house = House(Path(order.folder), dying, later)
    answer = asyncio.run(talk(house, dying) if order.what == "talk" else look(house))
    disconnect(house.engine)
    return answer


if __name__ == "__main__":
    serve(Order, do)
