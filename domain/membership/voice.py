"""Minutes of voice: kept for a turn before it begins, counted when it ends, by the ledger's rows of its calls.

What counts is what was heard and spoken in a turn: the transcript of its recording, and every piece of the reply that
sounds, also one that had been made before. Greetings, reading ahead, openings that are prepared and lines that are
played again belong to no turn and cost nothing. Milliseconds within, seconds for people. docs/membership.md tells more.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol
from weakref import WeakValueDictionary

from domain.errors import NeedsMembership
from domain.membership.held import (
    FEATURE,
    HELD_FOR,
    LEAST_MS,
    REPLY_MS,
    Counts,
    Free,
    Held,
    Silent,
    Voice,
    heard_and_spoken,
)
from domain.membership.model import Allowance, Hold, Use
from domain.membership.networks import Networks
from domain.membership.ports import Allowances, Meters
from domain.membership.spoken_on import SpokenOn
from domain.ports import Clock
from domain.usage import Call, Ledger

log = logging.getLogger(__name__)
REMEMBERED = 4_096  # turns whose calls are kept in memory, many times those that can run at once


class Metering(Protocol):
    """Who keeps voice for turns: VoiceMeter, or Unmetered where nobody counts."""

    def warm(self, owner: str, network: str = "") -> None:
        """A turn is on its way: look up what can be looked up before it is all here. Waits for the store."""

    def begin(self, owner: str, turn_id: str, heard_ms: int | None, network: str = "") -> Voice:
        """Keep voice for a turn; waits for the store, so call it in a thread.

        `heard_ms` is how long the recording is, None for typed words, which are answered in text when nothing is left.
        Raises NeedsMembership("voice_spent", ...) for a recording. `network` is where a guest comes from.
        """

    def left(self, owner: str, network: str = "") -> tuple[int | None, NeedsMembership | None]:
        """Return how many seconds are left and with what a recording would be refused now, if it would.

        Waits for the store.
        """


class Unmetered:
    """Nobody counts: in benches, and where nothing is sold."""

    def warm(self, owner: str, network: str = "") -> None:
        return

    def begin(self, owner: str, turn_id: str, heard_ms: int | None, network: str = "") -> Voice:
        return Free()

    def left(self, owner: str, network: str = "") -> tuple[int | None, NeedsMembership | None]:
        return None, None


class VoiceMeter:
    def __init__(
        self,
        meters: Meters,
        allowances: Allowances,
        ledger: Ledger,
        clock: Clock,
        pseudonym: Callable[[str], str] = lambda network: network,
    ) -> None:
        """`pseudonym` turns a network into what may be kept of it, at most 50 characters."""
        self._meters, self._allowances, self._ledger, self._clock = meters, allowances, ledger, clock
        self._networks = Networks(meters, clock, pseudonym)
        self._calls: OrderedDict[str, list[Call]] = OrderedDict()
        # Turns that go on. Of one that never began, its request being over before that, nobody has the voice.
        self._open: WeakValueDictionary[str, Held] = WeakValueDictionary()
        self._spoken_on = SpokenOn()
        self._lock = threading.Lock()

    def note(self, call: Call) -> None:
        """Remember a call of a turn until that ends; some come before it begins. Neither blocks nor raises."""
        if not call.turn_id or call.kind not in ("asr", "tts"):
            return
        with self._lock:
            self._calls.setdefault(call.turn_id, []).append(call)
            self._calls.move_to_end(call.turn_id)
            while len(self._calls) > REMEMBERED:
                self._calls.popitem(last=False)

    def warm(self, owner: str, network: str = "") -> None:
        allowance = self._allowances.allowance(owner, FEATURE)
        if network:
            self._networks.crowded(network, allowance)

    def begin(self, owner: str, turn_id: str, heard_ms: int | None, network: str = "") -> Voice:
        allowance = self._allowances.allowance(owner, FEATURE)
        limit, heard, now = allowance.limit * 1000, heard_ms or 0, self._clock.now()
        if (dropped := self._spoken_on.due(owner, heard)) is not None:
            self._count_late(dropped, owner, allowance)
        crowded = bool(network) and self._networks.crowded(network, allowance)
        hold = Hold(
            id=turn_id, owner=owner, feature=FEATURE, window=allowance.window, amount=heard + REPLY_MS,
            at=now, expires_at=now + HELD_FOR,
        )  # fmt: skip
        kept = 0 if crowded else self._meters.hold(hold, limit, heard + LEAST_MS)
        if not kept:
            refusal = self._refusal(owner, allowance, crowded)
            if heard_ms is not None:
                raise refusal
            return Silent(refusal)

        def settle(counts: Counts) -> int:
            calls = self._taken(turn_id)
            if counts == "spoken" and not self._spoken_on.waits(owner, _heard(calls)):
                counts = "all"
            elif counts == "all":
                self._spoken_on.counted(owner)
            self._settle(hold, [call for call in calls if counts == "all" or call.kind == "tts"], counts, network)
            return self._left_ms(owner, allowance) // 1000

        voice = Held(
            kept,
            heard,
            more=lambda more: self._meters.extend(turn_id, more, limit),
            refuse=lambda: self._refusal(owner, allowance, False),
            settle=settle,
            release=lambda: self._meters.release(turn_id),
        )
        with self._lock:
            self._open[turn_id] = voice
        return voice

    def _settle(self, hold: Hold, calls: Sequence[Call], counts: Counts, network: str = "") -> None:
        counted = 0
        try:
            if counts == "nothing":
                self._meters.release(hold.id)
            else:
                counted = self._meters.settle(hold.id, _uses(calls), self._clock.now())
        finally:
            with self._lock:
                self._open.pop(hold.id, None)
        if counted and network:
            self._networks.count(hold.id, network, counted)

    def _taken(self, turn_id: str) -> list[Call]:
        with self._lock:
            return self._calls.pop(turn_id, [])

    def left(self, owner: str, network: str = "") -> tuple[int | None, NeedsMembership | None]:
        allowance = self._allowances.allowance(owner, FEATURE)
        crowded = bool(network) and self._networks.crowded(network, allowance)
        left = 0 if crowded else self._left_ms(owner, allowance)
        return left // 1000, None if left >= LEAST_MS else self._refusal(owner, allowance, crowded)

    def _left_ms(self, owner: str, allowance: Allowance) -> int:
        used, held = self._meters.used(owner, FEATURE, allowance.window)
        return max(0, allowance.limit * 1000 - used - held)

    def _refusal(self, owner: str, allowance: Allowance, crowded: bool) -> NeedsMembership:
        code = "voice_spent_here" if crowded else "voice_spent" if allowance.limit else "voice_not_given"
        left = 0 if crowded else self._left_ms(owner, allowance) // 1000
        return NeedsMembership(code, feature=FEATURE, better=allowance.better, until=allowance.until, left=left)

    def _count_late(self, use: Use, owner: str, allowance: Allowance) -> None:
        """Count a recording whose turn is over, as far as there is something left."""
        now, name = self._clock.now(), f"late-{use.call_id}"
        hold = Hold(
            id=name, owner=owner, feature=FEATURE, window=allowance.window, amount=use.amount, at=now,
            expires_at=now + HELD_FOR,
        )  # fmt: skip
        if self._meters.hold(hold, allowance.limit * 1000, 1):
            self._meters.settle(name, [use], now)

    def sweep(self) -> int:
        """Settle what nobody has, by the rows of the ledger: a program that was killed leaves its turns behind.

        Return how many. Waits for the stores; raises Unavailable.
        """
        swept = 0
        for hold in self._meters.stale(self._clock.now(), FEATURE):
            with self._lock:
                ours = hold.id in self._open  # a turn that takes long, of this very process
            if not ours:
                self._settle(hold, [] if hold.id.startswith("net-") else self._ledger.turn(hold.id), "all")
                swept += 1
        if swept:
            log.info("settled the voice of %d turns that nobody had ended", swept)
        return swept


def _heard(calls: Sequence[Call]) -> list[Use]:
    return [use for use in _uses(calls) if use.kind == "asr"]


def _uses(calls: Sequence[Call]) -> list[Use]:
    return [Use(call.id, call.kind, call.audio_ms) for call in heard_and_spoken(calls)]
