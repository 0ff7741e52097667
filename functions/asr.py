"""The ASR handler: speech to text, whole or while it is being read, one utterance at a time."""

import logging
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from typing import Protocol

from domain.audio import Audio
from domain.persona import Language
from domain.ports import Transcript
from domain.usage import Meter
from functions import checked, offload
from functions.engine_room import EngineRoom
from functions.gate import Gate

log = logging.getLogger(__name__)
MOST = 64  # calls inside: a minute of work at the pace of a short utterance on two cores


class Engine(Protocol):
    """Blocking; for one thread at a time. Speech is 16 kHz and at most 60 s long."""

    def transcribe(self, speech: Audio, language: Language) -> Transcript: ...

    def partials(self, speech: Audio, language: Language) -> Iterator[Transcript]:
        """Yield the transcript so far, longer and longer; the last is that of `transcribe`."""


class Asr:
    """Implements domain.ports.Transcriber. `load` blocks; a call before it loads the model itself."""

    def __init__(self, make: Callable[[], Engine], most: int = MOST) -> None:
        self._room = EngineRoom[Engine]("asr", make)
        self._gate = Gate("asr", most)

    def load(self) -> None:
        self._room.engine()

    def close(self) -> None:
        self._room.close()

    async def transcribe(self, speech: Audio | bytes, language: Language, meter: Meter | None = None) -> Transcript:
        """Return the final transcript. `speech` may be an encoded file. Raises BadInput, TooLong, Unavailable."""
        meter = meter or Meter()

        def work() -> Transcript:
            sound = checked.speech(speech)
            meter.audio_ms = sound.ms
            return self._room.engine().transcribe(sound, language)

        checked.language(language)
        with self._gate.through():
            return await offload.run(self._room.pool, work, meter)

    async def stream(
        self, speech: Audio | bytes, language: Language, meter: Meter | None = None
    ) -> AsyncGenerator[Transcript, None]:
        """Yield partial transcripts, the last of them final. Closing it ends the work after the current part."""
        meter = meter or Meter()

        def work(stop: threading.Event) -> Iterator[Transcript]:
            sound = checked.speech(speech)
            meter.audio_ms = sound.ms
            yield from self._room.engine().partials(sound, language)

        checked.language(language)
        with self._gate.through():
            async with aclosing(offload.stream(self._room.pool, work, meter=meter)) as partials:
                async for partial in partials:
                    yield partial
