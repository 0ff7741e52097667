"""Which functions on Modal have a container up, as far as one can tell from here, and having one start."""

import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from domain.errors import ParleyError
from functions.pools import Kind, Name, pools
from infra.engines import State

log = logging.getLogger(__name__)
COLD_S = 120.0  # a container with a large model may take so long to start; a call waits for it


class WarmPools:
    def __init__(
        self,
        kind: Kind,
        ask: Callable[[Name], Coroutine[Any, Any, object]],
        keep: Callable[[Coroutine[Any, Any, None]], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`kind` is the pool table that was deployed. `ask` calls a function for nothing; `keep` runs it in a task."""
        self._pools = pools(kind)
        self._ask, self._keep, self._clock = ask, keep, clock
        self._answered: dict[Name, float] = {}
        self._waking: set[Name] = set()
        self._broken: set[Name] = set()

    def answered(self, function: Name) -> None:
        self._answered[function] = self._clock()
        self._broken.discard(function)

    def patience(self, function: Name) -> float:
        return 0.0 if self._warm(function) else COLD_S

    def state(self, function: Name) -> State:
        """Return waking, failed or ready, which includes asleep: a call would wake it."""
        if function in self._waking:
            return "waking"
        return "failed" if function in self._broken else "ready"

    def wake(self, function: Name) -> None:
        """Have a container start in the background, unless one is likely to be up; returns at once."""
        if not self._warm(function) and function not in self._waking:
            self._waking.add(function)
            self._keep(self._wake(function))

    async def _wake(self, function: Name) -> None:
        try:
            await self._ask(function)
            self.answered(function)
        except ParleyError as error:  # also what its loading raised: a wrong dimension, a setting
            log.warning("%s did not wake: %s", function, error.code)
            self._broken.add(function)
        finally:
            self._waking.discard(function)

    def _warm(self, function: Name) -> bool:
        """Whether it answered so lately that its container still waits for work."""
        pool = self._pools[function]
        answered = self._answered.get(function)
        return answered is not None and (
            pool.min_containers > 0 or self._clock() - answered < 0.8 * pool.scaledown_window
        )
