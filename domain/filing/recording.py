"""What a character said in a chat, as one recording: each line spoken again, since their sound is not kept.

What visitors said is kept as text alone, and so it is not in it.
"""

import asyncio
import io
from collections.abc import Awaitable, Callable, Sequence

import numpy as np
import soundfile

from domain.audio import SPOKEN_RATE, Audio
from domain.errors import TooLong, Unavailable

LONGEST_S = 30 * 60  # of the recording
PATIENCE_S = 240.0  # for all of it to be spoken
PAUSE_S = 0.7  # between lines
BLOCK = SPOKEN_RATE  # samples given to the encoder at once
LOOK_S = 0.25
Speak = Callable[[str], Awaitable[Audio]]


class Recorder:
    """One at a time in a process: what is spoken again keeps nobody waiting who is talking."""

    def __init__(self, busy: Callable[[], bool], patience_s: float = PATIENCE_S, longest_s: float = LONGEST_S) -> None:
        self._busy, self._patience_s, self._longest_s = busy, patience_s, longest_s
        self._turn = asyncio.Semaphore(1)

    async def record(self, lines: Sequence[str], speak: Speak) -> bytes:
        """Return lines as Ogg Opus, b"" where there are none.

        Raises TooLong("chat_sound_long", minutes=...), Unavailable("chat_sound_late") and what `speak` raises.
        """
        spoken = [line for line in lines if line.strip()]
        if not spoken:
            return b""
        try:
            async with asyncio.timeout(self._patience_s), self._turn:
                return await self._recorded(spoken, speak)
        except TimeoutError:
            raise Unavailable("chat_sound_late") from None

    async def _recorded(self, lines: Sequence[str], speak: Speak) -> bytes:
        file, seconds = io.BytesIO(), 0.0
        with soundfile.SoundFile(file, "w", SPOKEN_RATE, 1, format="OGG", subtype="OPUS") as recording:
            for line in lines:
                while self._busy():  # noqa: ASYNC110 - a property of the turns, and nothing that could be waited for
                    await asyncio.sleep(LOOK_S)
                sound = await speak(line)
                seconds += sound.seconds + PAUSE_S
                if seconds > self._longest_s:
                    raise TooLong("chat_sound_long", minutes=int(self._longest_s // 60))
                await asyncio.to_thread(_write, recording, sound)
        return file.getvalue()


def _write(recording: soundfile.SoundFile, sound: Audio) -> None:
    """A little at a time: the encoder keeps what it is given at once on the stack."""
    samples = np.concatenate([np.frombuffer(sound.pcm, np.int16), np.zeros(int(PAUSE_S * sound.rate), np.int16)])
    for start in range(0, len(samples), BLOCK):
        recording.write(samples[start : start + BLOCK])
