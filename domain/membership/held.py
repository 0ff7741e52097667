"""What a turn has of voice, from its beginning to its end. Whoever counts gives it: domain.membership.voice."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Literal, Protocol

from domain.errors import NeedsMembership, Unavailable
from domain.membership.model import Feature
from domain.usage import Call

log = logging.getLogger(__name__)
FEATURE: Feature = "voice_seconds"
HELD_FOR = timedelta(minutes=5)  # longer than a turn takes; what nobody settled by then is swept
REPLY_MS = 15_000  # kept for the reply at first, and whenever a piece would not fit what is left of it
LEAST_MS = 3_000  # with less than this there is no reply by voice: a sentence would not fit
BEYOND_MS = 8_000  # a sentence that has begun may go on for so long beyond what is kept, at the house's cost

# all: what was heard and spoken. spoken: the recording will be heard again, with what follows it, and counts then.
Counts = Literal["all", "spoken", "nothing"]


class Voice(Protocol):
    """The voice of one turn. Used by the turn's task alone."""

    @property
    def refusal(self) -> NeedsMembership | None:
        """What to say when there is no more of it; before the first piece: the reply comes as text alone."""

    async def covers(self, ms: int, begun: bool) -> bool:
        """Whether the reply may sound for `ms` in all; `begun` says that it would stop in the middle of a sentence."""

    def waive(self) -> None:
        """Nothing of this turn counts. Returns at once."""

    async def end(self, counts: Counts) -> int | None:
        """Count, let go of the rest, and return how many seconds its owner has left, None where nobody counts.

        Never raises: what could not be written is settled later, from the ledger.
        """


class Free:
    """A turn that nobody counts."""

    refusal: NeedsMembership | None = None

    async def covers(self, ms: int, begun: bool) -> bool:
        return True

    def waive(self) -> None:
        return

    async def end(self, counts: Counts) -> int | None:
        return None


class Silent:
    """A typed turn whose voice is spent: it is answered in text, and costs nothing."""

    def __init__(self, refusal: NeedsMembership) -> None:
        self.refusal: NeedsMembership | None = refusal

    async def covers(self, ms: int, begun: bool) -> bool:
        return False

    def waive(self) -> None:
        return

    async def end(self, counts: Counts) -> int | None:
        return 0


class Held:
    """So many milliseconds are kept for a turn; the store is asked in threads."""

    def __init__(
        self,
        kept_ms: int,
        heard_ms: int,
        more: Callable[[int], int],
        refuse: Callable[[], NeedsMembership],
        settle: Callable[[Counts], int],
        release: Callable[[], None],
    ) -> None:
        """`heard_ms` of `kept_ms` are for the recording. The functions wait for the store."""
        self._for_reply = kept_ms - heard_ms
        self._more, self._refuse, self._settle, self._release = more, refuse, settle, release
        self._waiving: asyncio.Task[None] | None = None
        self.refusal: NeedsMembership | None = None

    async def covers(self, ms: int, begun: bool) -> bool:
        if ms <= self._for_reply or self._waiving is not None:
            return True
        try:
            if self.refusal is None:
                wanted = max(REPLY_MS, ms - self._for_reply)
                self._for_reply += await asyncio.to_thread(self._more, wanted)
            if ms <= self._for_reply:
                return True
            if self.refusal is None:
                self.refusal = await asyncio.to_thread(self._refuse)
        except Unavailable:
            log.warning("the database is away: a reply goes on without knowing how much voice is left")
            return True
        return begun and ms <= self._for_reply + BEYOND_MS

    def waive(self) -> None:
        if self._waiving is None:
            self._waiving = asyncio.create_task(self._let_go())

    async def _let_go(self) -> None:
        try:
            await asyncio.to_thread(self._release)
        except Unavailable:
            log.warning("the database is away: what was kept for a turn is let go of later")

    async def end(self, counts: Counts) -> int | None:
        if self._waiving is not None:
            await self._waiving
            counts = "nothing"
        try:
            return await asyncio.to_thread(self._settle, counts)
        except Unavailable:
            log.warning("the database is away: the voice of a turn is counted later, from the ledger")
        except Exception:
            log.exception("the voice of a turn could not be counted")
        return None


def heard_and_spoken(calls: Sequence[Call]) -> list[Call]:
    """Return those calls of a turn that its owner pays for: what heard the recording, and what spoke.

    A recording may have been read more than once, ahead of its end: what was made of it last is the transcript.
    """
    heard = [call for call in calls if call.kind == "asr" and call.outcome == "done"]
    last = max(heard, key=lambda call: call.at, default=None)
    spoken = [call for call in calls if call.kind == "tts"]
    return [call for call in (*([last] if last is not None else []), *spoken) if call.audio_ms > 0]
