"""Minutes of voice in this process: who counts them, and who settles what a program that was killed has left."""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial

from domain.errors import Unavailable
from domain.membership.model import Plan
from domain.membership.ports import Allowances, Meters
from domain.membership.voice import Metering, Unmetered, VoiceMeter
from domain.ports import Clock
from domain.usage import Call, Ledger
from infra.background import Background
from infra.local_limits import LocalLimits

log = logging.getLogger(__name__)
SWEEP_S = 60.0
# Reading ahead costs nobody anything but us: as often as turns may begin (domain/limits.py), and who pauses more often
# than that is heard at the end. Of one process, and waits for nothing: words are being spoken.
MOST_AHEAD, MOST_AHEAD_THERE, MINUTE_S = 60, 240, 60


def _no_plan(plan_id: str) -> Plan | None:
    return None


class Minutes:
    """Without a `meter` nobody counts: in benches, and where nothing is sold."""

    def __init__(
        self,
        meter: VoiceMeter | None = None,
        plan_of: Callable[[str], Plan | None] = _no_plan,
        sweep_s: float = SWEEP_S,
    ) -> None:
        """`plan_of` returns a plan by its id, for prompts that offer it; it waits for nothing."""
        self._meter, self.plan_of, self._sweep_s = meter, plan_of, sweep_s
        self.metering: Metering = meter or Unmetered()
        self._background = Background()
        self._ahead = LocalLimits(10_000)

    def reads_ahead(self, owner: str, network: str, now: datetime) -> bool:
        """Count a pause; tell whether what was said before it is read ahead. Neither blocks nor raises."""
        wanted = [(owner, MOST_AHEAD, MINUTE_S), (f"from {network}", MOST_AHEAD_THERE, MINUTE_S)]
        return self._meter is None or not any(self._ahead.hit_all(wanted, now))

    def note(self, call: Call) -> None:
        """Take notice of a finished call. Neither blocks nor raises."""
        if self._meter is not None:
            self._meter.note(call)

    def start(self) -> None:
        if self._meter is not None:
            self._background.start(partial(self._sweep, self._meter))

    async def stop(self) -> None:
        await self._background.stop()

    async def _sweep(self, meter: VoiceMeter) -> None:
        while True:
            try:
                await asyncio.to_thread(meter.sweep)
            except Unavailable:
                log.warning("the database is away: what killed programs have left is settled later")
            except Exception:
                log.exception("what killed programs have left could not be settled")
            await asyncio.sleep(self._sweep_s)


def minutes(
    meters: Meters, allowances: Allowances, ledger: Ledger, clock: Clock, secret_key: str,
    plan_of: Callable[[str], Plan | None],
) -> Minutes:  # fmt: skip
    def pseudonym(network: str) -> str:
        """Not to be turned back by trying out all networks, of which there are few."""
        return hmac.new(secret_key.encode(), b"network " + network.encode(), hashlib.sha256).hexdigest()[:32]

    return Minutes(VoiceMeter(meters, allowances, ledger, clock, pseudonym), plan_of)
