"""What the guests of one network use together in a day: who forgets a cookie gets a new allowance, and no more here."""

import threading
from collections import OrderedDict
from collections.abc import Callable

from domain.membership.held import FEATURE, HELD_FOR
from domain.membership.model import Allowance, Hold, Use
from domain.membership.ports import Meters
from domain.ports import Clock

TIMES = 20  # they have together what so many guests have
FRESH_S = 2.0  # what a network has used is looked up at most so often
NETWORKS = 10_000  # that are remembered so
_UNLIMITED = 2**53


class Networks:
    """Thread-safe; waits for the store."""

    def __init__(self, meters: Meters, clock: Clock, pseudonym: Callable[[str], str]) -> None:
        """`pseudonym` turns a network into what may be kept of it, at most 50 characters."""
        self._meters, self._clock, self._pseudonym = meters, clock, pseudonym
        self._known: OrderedDict[str, tuple[float, int]] = OrderedDict()  # when it was looked up, and ms used
        self._lock = threading.Lock()

    def crowded(self, network: str, allowance: Allowance) -> bool:
        """Whether the guests of a network have used up what guests have there in a day."""
        now = self._clock.monotonic()
        with self._lock:
            known = self._known.get(network)
        if known is None or now - known[0] >= FRESH_S:
            known = now, self._meters.used(self._name(network), FEATURE, self._day())[0]
            with self._lock:
                self._known[network] = known
                self._known.move_to_end(network)
                while len(self._known) > NETWORKS:
                    self._known.popitem(last=False)
        return known[1] >= allowance.limit * 1000 * TIMES

    def count(self, turn_id: str, network: str, ms: int) -> None:
        """Count for a network what a guest there has used. Nothing is kept for it before: a ceiling may be late."""
        now, name = self._clock.now(), f"net-{turn_id}"
        hold = Hold(
            id=name, owner=self._name(network), feature=FEATURE, window=self._day(), amount=ms, at=now,
            expires_at=now + HELD_FOR,
        )  # fmt: skip
        self._meters.hold(hold, _UNLIMITED, 1)
        self._meters.settle(name, [Use(name, "network", ms)], now)

    def _name(self, network: str) -> str:
        return f"net-{self._pseudonym(network)}"

    def _day(self) -> str:
        return f"{self._clock.now():%Y-%m-%d}"
