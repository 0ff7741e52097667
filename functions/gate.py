"""The way into a handler: a bounded queue, and a circuit breaker around an engine that keeps failing.

A caller who would only wait is told at once when to come back, so that calls do not pile up behind an engine
that cannot keep up or no longer works. Both need the same counts, hence not one of the breaker libraries.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from domain.errors import ParleyError, Unavailable

FAILURES = 3  # in a row open the circuit
REST_S, LONGEST_REST_S = 2.0, 60.0  # doubled by every probe that fails
TYPICAL_S = 1.0  # of a call, until some have been seen


class Gate:
    """One per handler, used from its event loop."""

    def __init__(self, engine: str, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        """At most `most` calls are inside at a time, at work or waiting."""
        self._engine = engine
        self._most = most
        self._clock = clock
        self._inside = 0
        self._typical = TYPICAL_S
        self._failures = 0
        self._rest = REST_S
        self._closed_until = 0.0
        self._probing = False

    @contextmanager
    def through(self) -> Iterator[None]:
        """Let a call in, or raise Unavailable ("engine_busy", "engine_resting") with `retry_after` seconds.

        Of what the block raises, Unavailable and what is no ParleyError counts as the engine's failure.
        """
        probe = self._admit()
        self._inside += 1
        began = self._clock()
        try:
            yield
        except ParleyError as error:
            if isinstance(error, Unavailable):
                self._failed()
            raise
        except Exception:
            self._failed()
            raise
        else:
            self._typical += 0.2 * (self._clock() - began - self._typical)
            self._failures, self._rest = 0, REST_S
        finally:
            self._inside -= 1
            if probe:
                self._probing = False

    def _admit(self) -> bool:
        """Return whether this call is the one that tries a resting engine."""
        if self._failures >= FAILURES:
            left = self._closed_until - self._clock()
            if left > 0 or self._probing:
                raise Unavailable("engine_resting", engine=self._engine, retry_after=max(1, math.ceil(left)))
            self._probing = True
            return True
        if self._inside >= self._most:
            raise Unavailable("engine_busy", engine=self._engine, retry_after=max(1, math.ceil(self._typical)))
        return False

    def _failed(self) -> None:
        self._failures += 1
        if self._failures >= FAILURES:
            self._closed_until = self._clock() + self._rest
            self._rest = min(LONGEST_REST_S, self._rest * 2)
