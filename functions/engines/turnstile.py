"""Who may use the cores now: the most urgent first, and nobody while the voice needs them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

LEVELS = 3
LOOK_S = 0.02  # how often a waiting call looks whether it has been told to stop


class Turnstile:
    """Calls have a level: 0 is the most urgent. A call is held while a more urgent one is inside."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = [0] * LEVELS
        self._pauses = 0

    def held(self, level: int) -> bool:
        return self._pauses > 0 or any(self._inside[:level])

    def wait(self, level: int, stop: threading.Event) -> bool:
        """Block while the level is held. False: told to stop."""
        with self._changed:
            while self.held(level) and not stop.is_set():
                self._changed.wait(LOOK_S)
        return not stop.is_set()

    @contextmanager
    def inside(self, level: int) -> Iterator[None]:
        with self._changed:
            self._inside[level] += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside[level] -= 1
                self._changed.notify_all()

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Hold every level while the block runs; blocks may overlap."""
        with self._changed:
            self._pauses += 1
        try:
            yield
        finally:
            with self._changed:
                self._pauses -= 1
                self._changed.notify_all()
