"""What a function is asked, looked at before an engine sees it: callers are other machines, perhaps of another version.

Everything here raises a named domain error; the container lives on.
"""

import math
from collections.abc import Sequence
from typing import Literal, get_args

from domain.audio import HEARD_RATE, MAX_SPEECH_S, Audio, decode
from domain.errors import BadInput, TooLong
from domain.persona import LANGUAGES, Voice
from domain.ports import Prompt

MAX_CHARS = 2_000  # a piece to speak is a sentence or two
MAX_TEXTS, MAX_TEXT_CHARS = 64, 8_000  # of one embedding call; longer texts are cut
MAX_PROMPT_CHARS, MAX_TOKENS = 200_000, 8_192
Kind = Literal["query", "passage"]


def language(code: object) -> None:
    if code not in LANGUAGES:
        raise BadInput("language_unknown", language=str(code)[:20])


def speech(sound: Audio | bytes) -> Audio:
    """Return 16 kHz speech. Bytes are a WAV, FLAC or Ogg file; decoding blocks for milliseconds."""
    if isinstance(sound, bytes | bytearray | memoryview):
        return decode(bytes(sound))
    if not isinstance(sound, Audio) or sound.rate != HEARD_RATE or len(sound.pcm) % 2:
        raise BadInput("speech_unreadable")
    if not sound.pcm:
        raise BadInput("speech_empty")
    if sound.seconds > MAX_SPEECH_S:
        raise TooLong("speech_too_long", seconds=int(MAX_SPEECH_S))
    return sound


def spoken(text: object) -> str:
    """Return a text that a voice can be asked to say."""
    if not isinstance(text, str) or not text.strip():
        raise BadInput("text_empty")
    if len(text) > MAX_CHARS:
        raise TooLong("text_too_long", characters=MAX_CHARS)
    return text


def voice(wanted: Voice) -> None:
    """Refuse a way of speaking that is no number or beyond any mouth; the engine knows the names."""
    limits = ((wanted.pace, 0.5, 2.0), (wanted.pitch, -24.0, 24.0), (wanted.formant, 0.5, 2.0))
    for value, low, high in limits:
        if not math.isfinite(value) or not low <= value <= high:
            raise BadInput("voice_bad")


def prompt(asked: Prompt) -> None:
    if not math.isfinite(asked.temperature) or not 0.0 <= asked.temperature <= 2.0:
        raise BadInput("sampling_bad", name="temperature")
    if not 1 <= asked.max_tokens <= MAX_TOKENS:
        raise BadInput("sampling_bad", name="max_tokens")
    if len(asked.system) + sum(len(line.text) for line in asked.lines) > MAX_PROMPT_CHARS:
        raise TooLong("text_too_long", characters=MAX_PROMPT_CHARS)


def texts(asked: Sequence[str], kind: str) -> list[str]:
    """Return texts to embed, cut to what counts."""
    if kind not in get_args(Kind):
        raise BadInput("kind_unknown")
    if len(asked) > MAX_TEXTS:
        raise TooLong("texts_too_many", texts=MAX_TEXTS)
    if not all(isinstance(text, str) for text in asked):
        raise BadInput("text_unreadable")
    return [text[:MAX_TEXT_CHARS] for text in asked]
