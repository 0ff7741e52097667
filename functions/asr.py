"""Speech to text in this process."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from domain.audio import Audio
from domain.errors import Unavailable
from domain.persona import Language
from domain.ports import Transcript
from functions import offload
from functions.engine_room import EngineRoom
from functions.engines.whisper import WhisperAsr

log = logging.getLogger(__name__)


class Engine(Protocol):
    def transcribe(self, speech: Audio, language: Language) -> Transcript: ...


class Asr:
    """Implements domain.ports.Transcriber. `load` blocks; a call before it loads the model itself."""

    def __init__(self, folder: Path, threads: int, engine: Callable[[Path, int], Engine] = WhisperAsr) -> None:
        self._room = EngineRoom[Engine]("asr", lambda: engine(folder, threads))

    def load(self) -> None:
        self._room.engine()

    def close(self) -> None:
        self._room.close()

    async def transcribe(self, speech: Audio, language: Language) -> Transcript:
        try:
            return await offload.run(self._room.pool, lambda: self._room.engine().transcribe(speech, language))
        except Exception as error:
            log.exception("the ASR failed")
            raise Unavailable("asr_failed") from error
