"""What every handler of a model in this process needs: the model loaded once, and a thread to run it in."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

E = TypeVar("E")


class EngineRoom(Generic[E]):
    """`make` loads the model, which takes seconds; whoever asks first loads it, the others wait."""

    def __init__(self, name: str, make: Callable[[], E]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._engine: E | None = None
        self.pool = ThreadPoolExecutor(1, name)  # one thread: one call at a time, in the order they came

    def engine(self) -> E:
        """Return the model. Blocks while it loads; raises what loading raised, and tries again next time."""
        with self._lock:
            if self._engine is None:
                self._engine = self._make()
            return self._engine

    def close(self) -> None:
        """Let the model go when the call that still runs has ended."""
        self.pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._engine = None
