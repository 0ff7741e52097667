"""The engines' lives: loaded once, one after the other in the background, while pages already serve."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, Literal, TypeVar

import msgspec

from domain.errors import Unavailable

log = logging.getLogger(__name__)
T = TypeVar("T")
State = Literal["waiting", "waking", "ready", "failed"]
WAKE_S = 120.0  # how long a call waits for an engine that is still loading


class EngineStatus(msgspec.Struct, frozen=True):
    name: str
    state: State
    what: str  # the model, for people
    seconds: float  # it took, or has taken so far, to wake


class Engine(Generic[T]):
    """One engine: `load` blocks and returns what answers calls."""

    def __init__(self, name: str, what: str, load: Callable[[], T]) -> None:
        self.name = name
        self.what = what
        self._load = load
        self._state: State = "waiting"
        self._began = self._took = 0.0
        self._ready: asyncio.Future[T] | None = None

    @property
    def status(self) -> EngineStatus:
        seconds = time.monotonic() - self._began if self._state == "waking" else self._took
        return EngineStatus(self.name, self._state, self.what, round(seconds, 1))

    async def wake(self, pool: ThreadPoolExecutor) -> None:
        self._state, self._began = "waking", time.monotonic()
        try:
            loaded = await asyncio.get_running_loop().run_in_executor(pool, self._load)
        except Exception as error:
            log.exception("%s does not load", self.name)
            self._state = "failed"
            self._future().set_exception(Unavailable(f"{self.name}_failed"))
            self._future().exception()
            raise Unavailable(f"{self.name}_failed") from error
        finally:
            self._took = time.monotonic() - self._began
        self._state = "ready"
        log.info("%s is awake after %.1f s", self.name, self._took)
        self._future().set_result(loaded)

    async def loaded(self) -> T:
        """Return the loaded engine, waiting for it if it is still waking. Raises Unavailable."""
        future = self._future()
        if future.done():
            return future.result()
        try:
            async with asyncio.timeout(WAKE_S):
                return await asyncio.shield(future)
        except TimeoutError:
            raise Unavailable("engine_waking", engine=self.name) from None

    def _future(self) -> asyncio.Future[T]:
        if self._ready is None:  # made in the loop that uses it, not where the engine was described
            self._ready = asyncio.get_running_loop().create_future()
        return self._ready


class Engines:
    def __init__(self, engines: Sequence[Engine[Any]]) -> None:
        self._engines = tuple(engines)
        self._pool = ThreadPoolExecutor(1, "waking")

    def status(self) -> tuple[EngineStatus, ...]:
        return tuple(engine.status for engine in self._engines)

    @property
    def ready(self) -> bool:
        return all(engine.status.state == "ready" for engine in self._engines)

    async def wake(self) -> None:
        """Load all, in the order given: two at a time would only fight for the same cores and disk."""
        for engine in self._engines:
            try:
                await engine.wake(self._pool)
            except Unavailable:
                continue  # the others still serve; the page says which one failed

    def prewarm(self, hearing: bool = True) -> None:
        """Nothing to do: once awake, these stay so."""

    async def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
