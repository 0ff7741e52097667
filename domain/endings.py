"""Sessions that end while something of theirs still runs: whoever keeps it running is told at once, in this process.

Stores tell it once their unit of work is done, so it does not matter by which way a session ended: signed out, ended
in the list, a new password, a suspension, a token that was stolen. A turn lives in one process, and what ends sessions
runs there too; a session that was ended elsewhere (another worker, by hand) is found by looking (web/presence.py).
"""

import asyncio
import logging
import threading
from collections.abc import Callable

import msgspec

log = logging.getLogger(__name__)


class Ended(msgspec.Struct, frozen=True):
    """One session, or all of a user's but one."""

    session: str = ""
    user: str = ""
    but: str = ""

    def concerns(self, user: str, session: str) -> bool:
        if self.session:
            return session == self.session
        return user == self.user and session != self.but


Tell = Callable[[Ended], None]


class Endings:
    """Thread-safe: stores call from threads. Listeners are called there, and must not wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[Tell, None] = {}

    def listen(self, tell: Tell) -> None:
        with self._lock:
            self._listeners[tell] = None

    def leave(self, tell: Tell) -> None:
        with self._lock:
            self._listeners.pop(tell, None)

    def told(self, ended: Ended) -> None:
        with self._lock:
            # The newest first: a stream knows that its reader has gone before its turn is stopped, and says the former.
            listeners = list(reversed(self._listeners))
        for tell in listeners:
            try:
                tell(ended)
            except Exception:  # one that has gone must not keep the others from hearing it
                log.exception("somebody could not be told that a session ended")


def in_loop(tell: Tell) -> Tell:
    """Return a listener that has `tell` called in the loop that runs now."""
    loop = asyncio.get_running_loop()

    def pass_on(ended: Ended) -> None:
        loop.call_soon_threadsafe(tell, ended)

    return pass_on


def nobody(_: Ended) -> None:
    """For stores that nobody listens to."""
