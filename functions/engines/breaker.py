"""Remembers that something far away is broken, so that not every caller waits to find it out again."""

import logging
import time
from collections.abc import Callable
from typing import Literal

log = logging.getLogger(__name__)
FAILURES = 2  # in a row; one may be bad luck
REST_S, LONGEST_REST_S = 15.0, 240.0

Pass = Literal["free", "probe"]


class Breaker:
    """Closed, calls go through. Open, none does until it has rested; then one call at a time is a probe.

    Each failed probe doubles the rest, up to `longest_s`. Whoever was let through says how it went with
    `worked`, `failed` or `left` (neither: the caller went away), or a probe would stay out for ever.
    For one event loop; the clock is in seconds.
    """

    def __init__(
        self,
        name: str,
        clock: Callable[[], float] = time.monotonic,
        failures: int = FAILURES,
        rest_s: float = REST_S,
        longest_s: float = LONGEST_REST_S,
    ) -> None:
        self._name = name
        self._clock = clock
        self._limit = failures
        self._shortest = self._rest = rest_s
        self._longest = longest_s
        self._failed = 0
        self._open_until: float | None = None
        self._probing = False

    def admit(self) -> Pass | None:
        """Return with what pass to go through, None to stay out."""
        if self._open_until is None:
            return "free"
        if self._probing or self._clock() < self._open_until:
            return None
        self._probing = True
        return "probe"

    @property
    def left_s(self) -> float:
        """Return for how long it still rests; 0 while it is closed, and while a probe is out."""
        return 0.0 if self._open_until is None else max(0.0, self._open_until - self._clock())

    def worked(self) -> None:
        if self._open_until is not None:
            log.warning("%s answers again", self._name)
        self._failed, self._open_until, self._probing, self._rest = 0, None, False, self._shortest

    def failed(self, by: Pass) -> None:
        """What set out before it opened and comes back late changes nothing any more."""
        self._failed += 1
        if by == "probe":
            self._rest = min(self._rest * 2, self._longest)
        elif self._open_until is not None or self._failed < self._limit:
            return
        self._probing = False
        self._open_until = self._clock() + self._rest
        log.warning("%s is left alone for %.0f s", self._name, self._rest)

    def left(self, by: Pass) -> None:
        if by == "probe":
            self._probing = False
