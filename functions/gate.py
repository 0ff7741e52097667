"""The way into a handler: a bounded queue, and a circuit breaker around an engine that keeps failing.

A caller who would only wait is told at once when to come back, so that calls do not pile up behind an engine
that cannot keep up or no longer works.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from domain.errors import ParleyError, Unavailable
from functions.engines.breaker import Breaker, Pass

log = logging.getLogger(__name__)
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
        self._breaker = Breaker(f"the {engine} engine", clock, FAILURES, REST_S, LONGEST_REST_S)

    @contextmanager
    def through(self) -> Iterator[None]:
        """Let a call in, or raise Unavailable ("engine_busy", "engine_resting") with `retry_after` seconds.

        Of what the block raises, Unavailable and what is no ParleyError counts as the engine's failure; the latter is
        logged, and comes out as Unavailable ("asr_failed" for the engine asr).
        """
        by = self._admit()
        self._inside += 1
        began = self._clock()
        try:
            yield
        except Unavailable:
            self._breaker.failed(by)
            raise
        except Exception as error:
            if isinstance(error, ParleyError):
                self._breaker.left(by)
                raise
            self._breaker.failed(by)
            log.exception("the %s engine failed", self._engine)
            raise Unavailable(f"{self._engine}_failed") from error
        except BaseException:  # the caller went away
            self._breaker.left(by)
            raise
        else:
            self._typical += 0.2 * (self._clock() - began - self._typical)
            self._breaker.worked()
        finally:
            self._inside -= 1

    def _admit(self) -> Pass:
        by = self._breaker.admit()
        if by is None:
            raise self._refusal("engine_resting", self._breaker.left_s)
        if by == "free" and self._inside >= self._most:
            raise self._refusal("engine_busy", self._typical)
        return by

    def _refusal(self, code: str, wait_s: float) -> Unavailable:
        return Unavailable(code, engine=self._engine, retry_after=max(1, math.ceil(wait_s)))
