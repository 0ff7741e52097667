"""The scripted engines (scripted.py) as blocking ones, to stand behind the real handlers in real containers.

Same words, same timing; but what a handler does (checks, queue, thread, stop, meter, gate) is done, so that all of a
function but its model can be tried in seconds on any runtime (tests/conformance). ENGINES=scripted chooses them.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np

from domain.audio import Audio
from domain.persona import Language, Voice
from domain.ports import Prompt, Transcript, Vector
from functions.checked import Kind
from functions.engines import cosine, scripted
from functions.engines.llama import REPLY, Cost
from functions.tts import Engines


class Ear:
    """Implements functions.asr.Engine."""

    def transcribe(self, speech: Audio, language: Language) -> Transcript:
        time.sleep(scripted.ASR_S)
        return Transcript(_heard(speech, language), language)

    def partials(self, speech: Audio, language: Language) -> Iterator[Transcript]:
        """Yield a transcript a clause longer each time."""
        text = _heard(speech, language)
        comma = max(text.find(","), text.find("，")) + 1
        for part in (text[:comma], text) if comma else (text,):
            time.sleep(scripted.ASR_S / 2)
            yield Transcript(part, language)


def _heard(speech: Audio, language: Language) -> str:
    loud = float(np.abs(speech.samples()).max(initial=0.0)) >= scripted.SILENCE
    return scripted.HEARD[language] if loud else ""


class Mind:
    """Implements functions.llm.Engine. A prompt's tokens are its words."""

    def __init__(self) -> None:
        self.cost = Cost()

    def reply(self, prompt: Prompt, stop: threading.Event, level: int = REPLY) -> Iterator[str]:
        start = time.monotonic() + scripted.FIRST_TOKEN_S
        line = scripted.line(prompt)
        for number, token in enumerate(line):
            if stop.wait(max(0.0, start + number / scripted.TOKENS_PER_S - time.monotonic())):
                return
            yield token
        self.cost = Cost(read=_words(prompt), written=len(line))

    def prepare(self, prompt: Prompt, stop: threading.Event) -> None:
        self.cost = Cost(read=_words(prompt))

    def pause(self) -> AbstractContextManager[None]:
        return nullcontext()


def _words(prompt: Prompt) -> int:
    return round(sum(scripted.words(text) for text in (prompt.system, *(line.text for line in prompt.lines))))


class Mouth:
    """Implements functions.tts.Engine."""

    def __init__(self) -> None:
        self._chunks = scripted.murmur()

    def speak(self, text: str, voice: Voice, language: Language, stop: threading.Event) -> Iterator[Audio]:
        start = time.monotonic() + scripted.FIRST_SOUND_S
        for number in range(scripted.chunks(text)):
            if stop.wait(max(0.0, start + number * scripted.CHUNK_S * scripted.RTF - time.monotonic())):
                return
            yield self._chunks[number % len(self._chunks)]


class Reader:
    """Implements functions.embed.Engine."""

    def __init__(self, size: int = scripted.ScriptedEmbedder.size) -> None:
        self._size = size

    def embed(self, texts: Sequence[str], kind: Kind) -> list[Vector]:
        return [scripted.vector(text, self._size) for text in texts]

    def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        return cosine.rank(self, query, texts)


def mouths(voices: frozenset[str], chinese_for: Callable[[Voice], Voice]) -> Engines:
    """One mouth for everybody."""
    return Engines(Mouth(), None, frozenset(), chinese_for, voices)
