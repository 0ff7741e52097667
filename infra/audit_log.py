"""Writing the audit log from async code: what must be known before the answer, and what can wait.

`record` returns once the rows are in the database. `note` gathers what happens often and is nobody's deed, failures of
engines: equal ones become one row with their number, written by a thread every few seconds.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from domain.audit import clean, happened
from domain.people import Audit, AuditEvent

log = logging.getLogger(__name__)
EVERY_S = 5.0
MOST_WAITING = 1_000  # different ones
CLOSE_S = 5.0


class AuditWriter:
    """`note` may be called from any thread. The thread starts with the first one."""

    def __init__(
        self,
        audit: Audit,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        every_s: float = EVERY_S,
        most_waiting: int = MOST_WAITING,
        close_s: float = CLOSE_S,
    ) -> None:
        self._audit, self._now = audit, now
        self._every_s, self._most_waiting, self._close_s = every_s, most_waiting, close_s
        self._waiting: dict[Any, AuditEvent] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self.lost = 0

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def record(self, *events: AuditEvent) -> None:
        """Raises Unavailable: then it is not known, and what it tells of must not be said to have happened.

        Whoever goes away in the meantime does not stop it.
        """
        await asyncio.shield(asyncio.to_thread(self._audit.add, events))

    def engine_failed(self, kind: str, code: str) -> None:
        """A model of this kind ("asr", "llm", ...) failed with an error of this code."""
        self.note(happened("engine_failed", self._now(), "system", kind, code=code))

    def note(self, event: AuditEvent) -> None:
        """Keep an event until it is written; neither blocks nor raises. Equal ones are counted in detail["times"]."""
        event = clean(event)
        key = (event.action, event.actor, event.target, event.address, tuple(event.detail.items()))
        with self._lock:
            before = self._waiting.get(key)
            if before is None and (len(self._waiting) >= self._most_waiting or self._closing.is_set()):
                self.lost += 1
                if self.lost == 1 or self.lost % 1_000 == 0:
                    log.error("the audit log has no room for %s; %d lost so far", event.action, self.lost)
                return
            times = int(before.detail["times"]) + 1 if before else 1
            first = before or event
            self._waiting[key] = msgspec.structs.replace(first, detail={**event.detail, "times": times})
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
                self._thread.start()

    async def close(self) -> None:
        """Write what is left; what the database does not take within `close_s` is lost, and the log says so."""
        with self._lock:
            self._closing.set()
            thread = self._thread
        if thread is not None:
            await asyncio.to_thread(thread.join, self._close_s + 1)
        if self._waiting:
            log.error("events of the audit log that could not be written before the end: %d", len(self._waiting))

    def _run(self) -> None:
        deadline = float("inf")
        while True:
            closing = self._closing.wait(self._every_s)
            if closing:
                deadline = min(deadline, time.monotonic() + self._close_s)
            if self._write() and closing:
                return
            if time.monotonic() > deadline:
                return
            if closing:
                time.sleep(0.2)

    def _write(self) -> bool:
        """Return whether nothing is left."""
        with self._lock:
            taken, self._waiting = self._waiting, {}
        if not taken:
            return True
        try:
            self._audit.add(list(taken.values()))
        except Exception as error:  # noqa: BLE001 - away or broken: the thread lives on and tries again
            log.warning("the audit log cannot be written just now (%s): %d wait", type(error).__name__, len(taken))
            with self._lock:
                for key, event in taken.items():
                    self._put_back(key, event)
            return False
        return True

    def _put_back(self, key: Any, event: AuditEvent) -> None:
        since = self._waiting.get(key)
        times = int(event.detail["times"]) + (int(since.detail["times"]) if since else 0)
        self._waiting[key] = msgspec.structs.replace(event, detail={**event.detail, "times": times})
