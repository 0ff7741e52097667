"""Writing the ledger behind the back of the calls: rows queue in memory, one thread puts them into the store.

A call never waits for the database, and one that is away for a while costs no row: rows are kept and tried again
until it is back. `record` is idempotent, so a batch of which nobody knows whether it arrived is written again.
"""

import asyncio
import logging
import threading
import time
from collections import deque

from domain.errors import Unavailable
from domain.usage import Call, Ledger

log = logging.getLogger(__name__)
EVERY_S = 1.0
BATCH = 500
MOST_WAITING = 50_000  # rows, about 30 MB: hours of talk on one machine
LONGEST_PAUSE_S = 30.0
AGAIN_S = 0.2  # between attempts at the end
CLOSE_S = 10.0  # a database that does not answer for so long may not hold up the end of the program


class LedgerWriter:
    """`note` may be called from any thread. The thread starts with the first row."""

    def __init__(
        self,
        ledger: Ledger,
        every_s: float = EVERY_S,
        most_waiting: int = MOST_WAITING,
        close_s: float = CLOSE_S,
    ) -> None:
        self._ledger = ledger
        self._every_s, self._most_waiting, self._close_s = every_s, most_waiting, close_s
        self._waiting: deque[Call] = deque()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._deadline = float("inf")
        self._thread: threading.Thread | None = None
        self.lost = 0  # rows that found no room

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def note(self, call: Call) -> None:
        """Keep a row until it is written; neither blocks nor raises. What comes after `close` is only logged."""
        with self._lock:  # held for a moment only, never while anything is written
            if len(self._waiting) >= self._most_waiting or self._closing.is_set():
                self.lost += 1
                if self.lost == 1 or self.lost % 1_000 == 0:
                    log.error("the ledger has no room for a row of %s; %d lost so far", call.kind, self.lost)
                return
            self._waiting.append(call)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
                self._thread.start()

    async def close(self) -> None:
        """Write what is left. Whatever the database does not take within `close_s` is lost, and the log says so."""
        with self._lock:
            self._deadline = time.monotonic() + self._close_s
            self._closing.set()
            thread = self._thread
        if thread is not None:
            await asyncio.to_thread(thread.join, self._close_s + 1)
        if self._waiting:
            log.error("rows of the ledger that could not be written before the end: %d", len(self._waiting))

    def _run(self) -> None:
        pause = self._every_s
        while True:
            closing = self._closing.wait(pause)
            written = self._write_all()
            if closing and (written or time.monotonic() > self._deadline):
                return
            if closing:
                time.sleep(AGAIN_S)
            pause = self._every_s if written else min(2 * pause, LONGEST_PAUSE_S)

    def _write_all(self) -> bool:
        """Return whether nothing is left; else the store is away."""
        while self._waiting:
            rows = [self._waiting[index] for index in range(min(BATCH, len(self._waiting)))]
            try:
                self._ledger.record(rows)
            except Unavailable:
                return self._kept()
            except Exception as error:  # noqa: BLE001 - one bad row must not hold up all others
                log.warning("a batch of the ledger was refused (%r): its rows are written one by one", error)
                if not self._write_each(rows):
                    return self._kept()
                continue
            self._forget(len(rows))
        return True

    def _write_each(self, rows: list[Call]) -> bool:
        for row in rows:
            try:
                self._ledger.record([row])
            except Unavailable:
                return False
            except Exception:
                log.exception("a row of the ledger cannot be kept: %s", row)
            self._forget(1)
        return True

    def _kept(self) -> bool:
        log.warning("the ledger cannot be written just now: %d rows wait", len(self._waiting))
        return False

    def _forget(self, rows: int) -> None:
        for _ in range(rows):
            self._waiting.popleft()
