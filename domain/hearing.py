"""Listening while the user still speaks, so that the transcript is ready when the utterance ends.

The browser sends the encoded utterance in segments and says when silence begins; what is here is then
transcribed. If the user really had finished, the final request finds its transcript made. Segments are
a gift of time: losing any of them loses no words, since the final request carries everything.
"""

import asyncio
import logging
import secrets
from collections import OrderedDict
from contextvars import copy_context

import numpy as np

from domain.audio import HEARD_RATE, Audio, decode
from domain.errors import BadInput, ParleyError, TooMany
from domain.persona import Language
from domain.ports import Clock, Transcriber, Transcript
from domain.usage import TURN

log = logging.getLogger(__name__)
MAX_BYTES = 8_000_000
MAX_UTTERANCES = 512
FORGET_AFTER_S = 90.0
SLACK_S = 0.16  # speech may be missed at the very end for so long before the early transcript is refused
VOICED_RMS = 0.004  # quieter than the quietest of our recordings' speech, louder than room noise after AGC


class Utterance:
    """What has come of one utterance so far."""

    def __init__(self, now: float) -> None:
        self.parts: dict[int, bytes] = {}
        self.size = 0
        self.touched = now
        self.turn_id = secrets.token_urlsafe(9)  # of the turn that it will become
        self.covered = 0  # samples the early transcript knows
        self.early: asyncio.Task[Transcript] | None = None

    def joined(self) -> bytes:
        """Return the bytes up to the first missing segment."""
        out: list[bytes] = []
        while (part := self.parts.get(len(out))) is not None:
            out.append(part)
        return b"".join(out)


class Hearing:
    def __init__(self, asr: Transcriber, clock: Clock) -> None:
        self._asr = asr
        self._clock = clock
        self._open: OrderedDict[str, Utterance] = OrderedDict()
        self._tasks: set[asyncio.Task[Transcript]] = set()

    async def segment(
        self, key: str, language: Language, seq: int, data: bytes, pause: bool
    ) -> asyncio.Task[Transcript] | None:
        """Take the next bytes of an utterance; on `pause`, begin to transcribe what is here and return that."""
        now = self._clock.monotonic()
        self._forget(now)
        utterance = self._open.get(key)
        if utterance is None:
            if len(self._open) >= MAX_UTTERANCES:
                raise TooMany("turns_busy")
            utterance = self._open[key] = Utterance(now)
        if seq in utterance.parts:
            return None
        if not 0 <= seq < 2_000 or utterance.size + len(data) > MAX_BYTES:
            raise BadInput("segment_bad")
        utterance.parts[seq] = data
        utterance.size += len(data)
        utterance.touched = now
        if not pause:
            return None
        try:
            speech = await asyncio.to_thread(decode, utterance.joined())
        except ParleyError:
            return None  # half a page of Ogg; the final request will do
        self._drop(utterance)
        utterance.covered = len(speech.pcm) // 2
        account = copy_context()
        account.run(TURN.set, utterance.turn_id)  # it is the coming turn's call, and paid for as such
        utterance.early = task = asyncio.create_task(self._asr.transcribe(speech, language), context=account)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def coming(self, key: str) -> str:
        """Return the id of the turn that an utterance will become, for what is done ahead of it; "" when not known."""
        utterance = self._open.get(key)
        return utterance.turn_id if utterance is not None else ""

    def turn_id(self, key: str) -> str:
        """Return the id of the turn that an utterance will become, once; "" when it is not known here."""
        utterance = self._open.get(key)
        if utterance is None:
            return ""
        given, utterance.turn_id = utterance.turn_id, ""
        return given

    def not_begun(self, key: str, turn_id: str) -> None:
        """The turn has not begun: what was transcribed ahead is the next one's that comes with this utterance."""
        utterance = self._open.get(key)
        if utterance is not None and not utterance.turn_id:
            utterance.turn_id = turn_id

    async def transcribe(self, key: str | None, speech: Audio, language: Language) -> tuple[Transcript, bool]:
        """Return the transcript of the whole utterance, and whether it had been begun early."""
        utterance = self._open.pop(key, None) if key else None
        if utterance is not None and utterance.early is not None:
            if _voiced_end(speech) <= utterance.covered + SLACK_S * HEARD_RATE:
                try:
                    return await utterance.early, True
                except ParleyError as error:
                    log.info("early transcript failed: %s", error.code)
            else:
                utterance.early.cancel()
        return await self._asr.transcribe(speech, language), False

    def _done(self, task: asyncio.Task[Transcript]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # read it, so that asyncio does not complain when nobody asks

    def _drop(self, utterance: Utterance) -> None:
        if utterance.early is not None:
            utterance.early.cancel()

    def _forget(self, now: float) -> None:
        for key in [k for k, u in self._open.items() if now - u.touched > FORGET_AFTER_S]:
            self._drop(self._open.pop(key))


def _voiced_end(speech: Audio) -> int:
    """Return the sample after the last 20 ms frame that is not silence."""
    frame = HEARD_RATE // 50
    samples = speech.samples()
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    loud = np.flatnonzero(np.sqrt((frames**2).mean(axis=1)) > max(VOICED_RMS, 0.1 * _loudness(frames)))
    return int(loud[-1] + 1) * frame if len(loud) else 0


def _loudness(frames: np.ndarray) -> float:
    """Return the level speech reaches in this clip: the 90th percentile of its frames' RMS."""
    return float(np.percentile(np.sqrt((frames**2).mean(axis=1)), 90)) if len(frames) else 0.0
