"""What a function is asked, looked at before an engine sees it: callers are other machines, perhaps of another version.

Everything here raises a named domain error; the container lives on.
"""

import math
import re
from collections.abc import Sequence
from typing import Literal, get_args

from domain.audio import HEARD_RATE, MAX_SPEECH_S, Audio, decode
from domain.errors import BadInput, TooLong
from domain.persona import LANGUAGES, Voice
from domain.ports import Prompt

MAX_CHARS = 2_000  # a piece to speak is a sentence or two
MAX_TEXTS, MAX_TEXT_CHARS = 64, 8_000  # of one embedding call; longer texts are cut
MAX_PROMPT_CHARS, MAX_TOKENS = 200_000, 8_192
MAX_IMAGES, MAX_IMAGE_BYTES, JPEG = 4, 2 << 20, b"\xff\xd8\xff"
Kind = Literal["query", "passage"]
_HALF = re.compile("[\ud800-\udfff]")


def language(code: object) -> None:
    if code not in LANGUAGES:
        raise BadInput("language_unknown", language=str(code)[:20])


def speech(sound: Audio | bytes) -> Audio:
    """Return 16 kHz speech. Bytes are a WAV, FLAC or Ogg file; decoding blocks for milliseconds."""
    if isinstance(sound, bytes | bytearray | memoryview):
        return decode(bytes(sound))
    if not isinstance(sound, Audio) or not isinstance(sound.pcm, bytes | bytearray):
        raise BadInput("speech_unreadable")
    if sound.rate != HEARD_RATE or len(sound.pcm) % 2:
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
    if not isinstance(wanted.name, str):
        raise BadInput("voice_unknown", voice=str(wanted.name)[:40])
    limits = ((wanted.pace, 0.5, 2.0), (wanted.pitch, -24.0, 24.0), (wanted.formant, 0.5, 2.0))
    for value, low, high in limits:
        if not _number(value, low, high):
            raise BadInput("voice_bad")


def prompt(asked: Prompt) -> None:
    if not _number(asked.temperature, 0.0, 2.0):
        raise BadInput("sampling_bad", name="temperature")
    if not isinstance(asked.max_tokens, int) or not _number(asked.max_tokens, 1, MAX_TOKENS):
        raise BadInput("sampling_bad", name="max_tokens")
    words = [asked.system, *(line.text for line in asked.lines)]
    if not all(_readable(text) for text in words):
        raise BadInput("text_unreadable")
    if sum(map(len, words)) > MAX_PROMPT_CHARS:
        raise TooLong("text_too_long", characters=MAX_PROMPT_CHARS)
    if len(asked.images) > MAX_IMAGES or not all(map(_picture, asked.images)):
        raise BadInput("picture_bad")


def texts(asked: Sequence[str], kind: str) -> list[str]:
    """Return texts to embed, cut to what counts."""
    if kind not in get_args(Kind):
        raise BadInput("kind_unknown")
    if not isinstance(asked, list | tuple):  # of one string, every letter would be a text
        raise BadInput("text_unreadable")
    if len(asked) > MAX_TEXTS:
        raise TooLong("texts_too_many", texts=MAX_TEXTS)
    if not all(isinstance(text, str) for text in asked):
        raise BadInput("text_unreadable")
    return [text[:MAX_TEXT_CHARS] for text in asked]


def _number(value: object, low: float, high: float) -> bool:
    real = isinstance(value, int | float) and not isinstance(value, bool)
    return real and math.isfinite(value) and low <= value <= high  # type: ignore[arg-type,operator]


def _picture(image: object) -> bool:
    return isinstance(image, bytes) and len(image) <= MAX_IMAGE_BYTES and image.startswith(JPEG)


def _readable(text: object) -> bool:
    """Whether it is a text that has UTF-8: half of a surrogate pair has none, and no tokenizer takes it."""
    return isinstance(text, str) and _HALF.search(text) is None
