"""Whether the reader of a stream is still who they were when it began: signed in by that session."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from domain.endings import Ended, Endings
from domain.errors import Unavailable
from domain.people import Session
from domain.sign_ins import SignIns

LOOK_S = 10.0  # how often a stream asks the store, for what another process has ended
FIRST_LOOK_S = 0.5  # and once soon after it began: the session may have ended while the request was read


class Presence:
    """Of one stream. `over` is true from the moment its session ended; what the stream waits for is then cut short."""

    def __init__(self, endings: Endings, sign_ins: SignIns, session: Session, clock: Callable[[], float]) -> None:
        self.over = False
        self._endings, self._sign_ins, self._session, self._clock = endings, sign_ins, session, clock
        self._next = clock() + FIRST_LOOK_S
        self._limit: asyncio.Timeout | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def opened(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._endings.listen(self._tell)

    def closed(self) -> None:
        """Awaits nothing: it is called where a cancelled stream ends."""
        self._endings.leave(self._tell)

    def limit(self, seconds: float) -> asyncio.Timeout:
        """Return a time-out for one wait of the stream, which ends early when the session does."""
        until = min(seconds, max(0.0, self._next - self._clock()))
        self._limit = asyncio.timeout(0 if self.over else until)
        return self._limit

    async def look(self) -> None:
        """Ask the store now and then. That it is away ends no stream: nothing new can be asked for meanwhile either."""
        if self.over or self._clock() < self._next:
            return
        self._next = self._clock() + LOOK_S
        with suppress(Unavailable):
            if not await asyncio.to_thread(self._sign_ins.lives, self._session.id):
                self._endings.told(Ended(self._session.id))  # the turn ends too, and other streams of the session

    def _tell(self, ended: Ended) -> None:
        if ended.concerns(self._session.user_id, self._session.id):
            self.over = True
            if self._loop is not None:
                with suppress(RuntimeError):  # the loop has ended, and every stream with it
                    self._loop.call_soon_threadsafe(self._hurry)

    def _hurry(self) -> None:
        if self._limit is not None:
            with suppress(RuntimeError):  # it is over, or has not begun: then `over` is looked at first
                self._limit.reschedule(asyncio.get_running_loop().time())


def presence(endings: Endings, sign_ins: SignIns, session: Session | None) -> Presence | None:
    """Return that of a session; guests have none to end."""
    return None if session is None else Presence(endings, sign_ins, session, time.monotonic)
