"""Engines that follow a script, for work on the page and for benches of what the app adds to a turn.

The timing is profile P1 of the side-by-side bench: transcript after 120 ms; first token after 150 ms, then
50 a second, 24 in all, in three sentences of eight with the first comma after the fourth; first sound after
100 ms, then 100 ms of sound every 10 ms, 250 ms of sound per word. Every moment is an absolute deadline from
the start of its call, so late wake-ups do not add up. No threads, no models, next to no CPU.
"""

import asyncio
import math
import re
import zlib
from collections.abc import AsyncGenerator, Sequence
from typing import Literal

import numpy as np

from domain.audio import SPOKEN_RATE, Audio
from domain.persona import Language, Voice
from domain.ports import Prompt, Transcript, Vector
from domain.usage import Meter

ASR_S = 0.120
FIRST_TOKEN_S, TOKENS_PER_S = 0.150, 50
FIRST_SOUND_S, RTF = 0.100, 0.1
CHUNK_S, WORD_S = 0.100, 0.250
HANZI_PER_WORD = 1.5
SILENCE = 0.01  # a clip whose every sample is quieter holds no speech

HEARD: dict[Language, str] = {
    "en": "Tell me a story about the sea and the first ship you ever sailed.",
    "zh": "给我讲讲大海，还有你的第一条船吧。",
}
_LINES: dict[Language, str] = {
    "en": "Well |now |dear |traveller, |the |sea |was |black. |"
    "My |small |ship |danced |there, |light |as |foam. |"
    "At |dawn |we |landed, |and |nobody |believed |us. ",
    "zh": "那|是|很久|以前，|大海|黑得|像|墨。|"
    "我的|小船|轻轻|摇着，|像|一片|叶|子。|"
    "天亮|时候|我们|靠岸，|可是|没人|相信|我们。",
}
REPLY = {language: tuple(line.split("|")) for language, line in _LINES.items()}
_HANZI = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _until(moment: float) -> None:
    left = moment - _now()
    if left > 0:
        await asyncio.sleep(left)


def murmur() -> tuple[Audio, ...]:
    """Return half a second of sound in chunks: a tone that rises and falls once a word and closes on itself."""
    t = np.arange(round(2 * WORD_S * SPOKEN_RATE)) / SPOKEN_RATE
    loud = 0.12 + 0.06 * np.cos(2 * math.pi * t / WORD_S)
    samples = (loud * np.sin(2 * math.pi * 220 * t)).astype(np.float32)
    size = round(CHUNK_S * SPOKEN_RATE)
    return tuple(Audio.of(samples[i : i + size], SPOKEN_RATE) for i in range(0, len(samples), size))


def words(text: str) -> float:
    """Return how many words of 250 ms a text takes to speak; a word and a half of Chinese is 1.5 characters."""
    return len(_WORD.findall(_HANZI.sub(" ", text))) + len(_HANZI.findall(text)) / HANZI_PER_WORD


def chunks(text: str) -> int:
    """Return how many chunks of sound a text is."""
    return math.ceil(max(1.0, words(text)) * WORD_S / CHUNK_S - 1e-6)


def line(prompt: Prompt) -> tuple[str, ...]:
    """Return the tokens of the reply: in Chinese to those who wrote Chinese."""
    last = prompt.lines[-1].text if prompt.lines else ""
    return REPLY["zh" if _HANZI.search(last) else "en"]


def vector(text: str, size: int) -> Vector:
    """Return a unit vector; texts with words (or Chinese characters) in common point in similar directions."""
    found = np.zeros(size)
    for word in re.findall(r"[\u3400-\u9fff]|[^\W_]+", text.lower()[:8_000]):
        found[zlib.crc32(word.encode()) % size] += 1.0
    norm = float(np.linalg.norm(found))
    if not norm:
        found[0] = norm = 1.0
    return [float(x) for x in found / norm]


class ScriptedTranscriber:
    async def transcribe(self, speech: Audio, language: Language, meter: Meter | None = None) -> Transcript:
        done = _now() + ASR_S
        if meter is not None:
            meter.audio_ms = speech.ms
        samples = np.frombuffer(speech.pcm, "<i2")
        silent = not len(samples) or max(int(samples.max()), -int(samples.min())) < SILENCE * 32768
        await _until(done)
        return Transcript("" if silent else HEARD[language], language)


class ScriptedLlm:
    """Says the same lines to everybody, in Chinese to those who wrote Chinese."""

    continues = False

    async def reply(self, prompt: Prompt, meter: Meter | None = None) -> AsyncGenerator[str, None]:
        start = _now() + FIRST_TOKEN_S
        for n, token in enumerate(line(prompt)):
            await _until(start + n / TOKENS_PER_S)
            yield token

    async def prepare(self, prompt: Prompt, meter: Meter | None = None) -> None:
        return


class ScriptedSpeaker:
    def __init__(self) -> None:
        self._chunks = murmur()

    async def speak(
        self, text: str, voice: Voice, language: Language, meter: Meter | None = None
    ) -> AsyncGenerator[Audio, None]:
        start = _now() + FIRST_SOUND_S
        for n in range(chunks(text)):
            await _until(start + n * CHUNK_S * RTF)
            sound = self._chunks[n % len(self._chunks)]
            if meter is not None:
                meter.audio_ms += sound.ms
            yield sound


class ScriptedEmbedder:
    size = 384

    async def embed(
        self, texts: Sequence[str], kind: Literal["query", "passage"], meter: Meter | None = None
    ) -> list[Vector]:
        return [vector(text, self.size) for text in texts]
