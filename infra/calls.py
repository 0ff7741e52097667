"""One function call, wherever it runs: its deadline, what its failure means to the domain, its row in the ledger."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

from domain.audio import Audio
from domain.errors import ParleyError, Unavailable
from domain.usage import Call, CallKind, Meter, Outcome
from functions.pools import Name
from infra.pricing import Pricing

log = logging.getLogger(__name__)
Note = Callable[[Call], None]
Failed = Callable[[str, str], None]
FUNCTIONS: dict[Name, CallKind] = {"asr": "asr", "llm": "llm", "tts": "tts", "queries": "embed", "passages": "embed"}


class Backend(Protocol):
    """Where functions run. The meter is filled in while a call runs; a stream that is closed stops the engine."""

    async def call(self, function: Name, method: str, *args: object, meter: Meter) -> Any: ...

    def stream(self, function: Name, method: str, *args: object, meter: Meter) -> AsyncGenerator[Any, None]: ...

    def patience(self, function: Name) -> float:
        """Return how many seconds more than usual a call may take, because a container has to start first."""


class Calls:
    """Runs the calls of one backend and writes each of them down once, however it ends."""

    def __init__(self, backend: Backend, pricing: Pricing, note: Note, failed: Failed | None = None) -> None:
        """`failed` is told the kind and the error code of every call that an engine failed."""
        self._backend = backend
        self._pricing = pricing
        self._note = note
        self._failed = failed or (lambda kind, code: None)

    async def ask(self, function: Name, method: str, *args: object, within_s: float) -> Any:
        """Return the answer. Raises what the domain knows, else Unavailable."""
        with self._written(function) as meter, _named(FUNCTIONS[function], self._failed):
            async with asyncio.timeout(within_s + self._backend.patience(function)):
                return await self._backend.call(function, method, *args, meter=meter)

    async def stream(
        self, function: Name, method: str, *args: object, first_s: float, gap_s: float
    ) -> AsyncGenerator[Any, None]:
        """Yield what the method yields; the first must come within `first_s`, each further one within `gap_s`."""
        limit, spoken_ms = first_s + self._backend.patience(function), 0
        with self._written(function) as meter, _named(FUNCTIONS[function], self._failed):
            async with aclosing(self._backend.stream(function, method, *args, meter=meter)) as items:
                while True:
                    async with asyncio.timeout(limit):
                        item = await anext(items, _END)
                    if item is _END:
                        return
                    meter.answered = True
                    if isinstance(item, Audio):  # told at the end by the function, unless it is stopped before
                        spoken_ms += item.ms
                        meter.audio_ms = max(meter.audio_ms, spoken_ms)
                    yield item
                    limit = gap_s

    @contextmanager
    def _written(self, function: Name) -> Iterator[Meter]:
        meter = Meter()
        at, began = datetime.now(UTC), time.monotonic()
        outcome: Outcome = "failed"
        try:
            yield meter
            outcome = "done"
        except (asyncio.CancelledError, GeneratorExit):
            outcome = "stopped"
            raise
        finally:
            if outcome != "done" and not meter.engine_s and meter.container:
                # It ran, and did not come to tell for how long: as long as we saw.
                meter.engine_s = time.monotonic() - began
            if outcome == "done" or meter.answered or meter.container or meter.engine_s:  # else it cost nothing
                self._write(function, meter, at, outcome)

    def _write(self, function: Name, meter: Meter, at: datetime, outcome: Outcome) -> None:
        """An answer is worth more than its row: what cannot be priced or noted is only logged."""
        try:
            row = self._pricing.call(
                secrets.token_urlsafe(12),
                FUNCTIONS[function],
                at,
                meter.usage(),
                outcome,
                remote_id=meter.remote_id,
                pool=function,
            )
            self._note(row)
        except Exception:
            log.exception("a call of %s has no row in the ledger: %s", function, meter.usage())


_END = object()


@contextmanager
def _named(engine: str, failed: Failed) -> Iterator[None]:
    """Turn whatever goes wrong into an error of the domain."""
    try:
        yield
    except TimeoutError:
        failed(engine, "engine_late")
        raise Unavailable("engine_late", engine=engine) from None
    except Unavailable as error:
        failed(engine, error.code)
        raise
    except ParleyError:
        raise
    except Exception as error:
        log.exception("%s failed", engine)
        failed(engine, f"{engine}_failed")
        raise Unavailable(f"{engine}_failed") from error
