"""Counters of one process: what limits fall back to when the shared ones are away."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta

from domain.people import Wanted

MOST_KEYS = 100_000  # about 25 MB; the window that began first is forgotten first


class LocalLimits:
    """domain.people.Limits in memory; any thread may call."""

    def __init__(self, most_keys: int = MOST_KEYS) -> None:
        self._lock = threading.Lock()
        self._most_keys = most_keys
        self._windows: OrderedDict[str, tuple[int, datetime]] = OrderedDict()  # key -> count, end

    def hit(self, key: str, most: int, window_s: int, now: datetime) -> float:
        return self.hit_all([(key, most, window_s)], now)[0]

    def hit_all(self, wanted: Sequence[Wanted], now: datetime) -> list[float]:
        with self._lock:
            waits = [self._wait(*each, now) for each in wanted]
            if not any(waits):
                for key, _, window_s in wanted:
                    count, end = self._windows.get(key, (0, now))
                    if end <= now:
                        self._windows.pop(key, None)  # so that it stands at the end again
                        count, end = 0, now + timedelta(seconds=window_s)
                    self._windows[key] = (count + 1, end)
                while len(self._windows) > self._most_keys:
                    self._windows.popitem(last=False)
            return waits

    def _wait(self, key: str, most: int, window_s: int, now: datetime) -> float:
        if most < 1:
            return float(window_s)
        count, end = self._windows.get(key, (0, now))
        full = end > now and count >= most
        return float(min((end - now).total_seconds(), window_s)) if full else 0.0

    def left(self, key: str, most: int, window_s: int, now: datetime) -> int:
        with self._lock:
            count, end = self._windows.get(key, (0, now))
        return most if end <= now else max(0, most - count)

    def forget(self, key: str) -> None:
        with self._lock:
            self._windows.pop(key, None)

    def purge(self, now: datetime) -> int:
        with self._lock:
            over = [key for key, (_, end) in self._windows.items() if end <= now]
            for key in over:
                del self._windows[key]
        return len(over)
