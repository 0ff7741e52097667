"""A server that failed is left alone for a while: not every turn waits to find out again that it is down."""

import threading
import time
from collections.abc import Callable

REST_S, LONGEST_S = 2.0, 60.0


class Rests:
    """For any thread. After a failure nobody asks for `rest_s`, then one at a time; each further failure doubles it."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, rest_s: float = REST_S, longest_s: float = LONGEST_S
    ) -> None:
        self._clock, self._shortest, self._longest = clock, rest_s, longest_s
        self._lock = threading.Lock()
        self._rest = 0.0
        self._until = 0.0  # nobody asks before then

    def may_ask(self) -> bool:
        """Whoever is let through after a failure holds all others back until it is known how it went."""
        with self._lock:
            if not self._rest:
                return True
            now = self._clock()
            if now < self._until:
                return False
            self._until = now + self._rest
            return True

    def worked(self) -> None:
        with self._lock:
            self._rest = 0.0

    def failed(self) -> None:
        with self._lock:
            self._rest = min(self._longest, max(self._shortest, self._rest * 2))
            self._until = self._clock() + self._rest
