"""The LLM in this process. Replies go before reading ahead, and reading ahead before running summaries."""

import contextlib
import logging
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, aclosing
from typing import Protocol

from domain.errors import ParleyError, Unavailable
from domain.ports import SUMMARY, Prompt
from domain.usage import Meter
from functions import checked, offload
from functions.engine_room import EngineRoom
from functions.engines.llama import CHORE, REPLY, Cost
from functions.gate import Gate

log = logging.getLogger(__name__)
MOST = 64  # calls inside


class Engine(Protocol):
    cost: Cost  # of the last call that ended

    def reply(self, prompt: Prompt, stop: threading.Event, level: int = REPLY) -> Iterator[str]: ...

    def prepare(self, prompt: Prompt, stop: threading.Event) -> None: ...

    def pause(self) -> AbstractContextManager[None]: ...


class LlmHandler:
    """Implements domain.ports.Llm. `load` blocks; a call before it loads the model itself."""

    continues = True

    def __init__(self, make: Callable[[], Engine]) -> None:
        self._room = EngineRoom[Engine]("llm", make)
        self._gate = Gate("llm", MOST)
        # Threads of their own, or what is less urgent would hold the queue against what is more so;
        # which of them may compute is the engine's business.
        self._readers = ThreadPoolExecutor(1, "llm-prepare")
        self._chores = ThreadPoolExecutor(1, "llm-chores")
        self._preparing: dict[str, threading.Event] = {}

    def load(self) -> None:
        self._room.engine()

    def close(self) -> None:
        for pool in (self._readers, self._chores):
            pool.shutdown(wait=False, cancel_futures=True)
        self._room.close()

    async def reply(self, prompt: Prompt, meter: Meter | None = None) -> AsyncGenerator[str, None]:
        meter = meter or Meter()
        checked.prompt(prompt)
        chore = prompt.chat_id == SUMMARY
        if not chore:
            self._forget(prompt.chat_id)

        def deltas(stop: threading.Event) -> Iterator[str]:
            engine = self._room.engine()
            yield from engine.reply(prompt, stop, CHORE if chore else REPLY)
            meter.tokens_in = engine.cost.cached + engine.cost.read

        with self._gate.through():
            pool = self._chores if chore else self._room.pool
            async with aclosing(offload.stream(pool, deltas, meter=meter)) as stream:
                async for delta in stream:
                    meter.tokens_out += 1  # the engine hands over token by token
                    yield delta

    async def prepare(self, prompt: Prompt, meter: Meter | None = None) -> None:
        """Read the prompt ahead. A newer call for the same chat, or its reply, ends an older one."""
        checked.prompt(prompt)
        self._forget(prompt.chat_id)
        stop = self._preparing[prompt.chat_id] = threading.Event()
        try:
            await offload.run(self._readers, lambda: self._room.engine().prepare(prompt, stop), meter)
        except ParleyError:
            raise
        except Exception as error:
            log.exception("the LLM failed")
            raise Unavailable("llm_failed") from error
        finally:
            stop.set()
            if self._preparing.get(prompt.chat_id) is stop:
                del self._preparing[prompt.chat_id]

    @contextlib.contextmanager
    def pause(self) -> Iterator[None]:
        """Leave the cores to somebody else for a moment: nothing is written or read while the block runs."""
        with self._room.engine().pause():
            yield

    def _forget(self, chat_id: str) -> None:
        if (stop := self._preparing.pop(chat_id, None)) is not None:
            stop.set()
