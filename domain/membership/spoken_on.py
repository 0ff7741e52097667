"""Recordings that wait: of a turn that was spoken on before anything sounded, the recording counts with the next one,
which holds it again. Who sends no such next one, or none of them to its end, is not heard for nothing.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from domain.membership.model import Use

IN_A_ROW = 5  # who pauses more often in one sentence pays for what is heard again
SLACK_MS = 500  # a recording may be so much shorter than the one that it holds: silence at its ends was cut off
OWNERS = 10_000  # that are remembered; it is forgotten with the process, too


class _Waiting(msgspec.Struct, frozen=True):
    row: int  # how many recordings in a row were spoken on
    use: Use | None  # the last of them, None once the next one has begun that holds it


class SpokenOn:
    """Thread-safe; of one process."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._lock = threading.Lock()

    def waits(self, owner: str, heard: Sequence[Use]) -> bool:
        """A turn was spoken on: tell whether its recording may wait for the next one, or counts at once."""
        with self._lock:
            before = self._waiting.pop(owner, None)
            row = before.row + 1 if before is not None else 1
            if row > IN_A_ROW:
                return False
            self._waiting[owner] = _Waiting(row, heard[-1] if heard else None)
            while len(self._waiting) > OWNERS:
                self._waiting.popitem(last=False)
        return True

    def counted(self, owner: str) -> None:
        """A turn came to its end: what waited was in its recording, or has been counted when it began."""
        with self._lock:
            self._waiting.pop(owner, None)

    def due(self, owner: str, heard_ms: int) -> Use | None:
        """A turn begins with so long a recording: return the one that waited, if that is not in it."""
        with self._lock:
            before = self._waiting.get(owner)
            if before is None or before.use is None:
                return None
            if heard_ms + SLACK_MS < before.use.amount:
                del self._waiting[owner]
                return before.use
            self._waiting[owner] = _Waiting(before.row, None)
            return None
