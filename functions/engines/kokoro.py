"""Speech by Kokoro-82M (int8 ONNX): eight Mandarin speakers, and English words in their mouths.

The vocoder costs about a third of the sound's own length on two cores, so what is not voice is never
made (kokoro_graph.py), and the pause that belongs behind a piece is added as plain silence.
"""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from domain.audio import Audio, Samples
from domain.persona import Language, Voice
from functions.engines import sound, speakable
from functions.engines.english import English
from functions.engines.mandarin import Mandarin
from functions.engines.session import open_session, run
from functions.engines.voices import KOKORO, STYLES

_CLOSING = ',.!?;:…—” )"'
_TONES = "↓→↗↘"
_LEAD, _TAIL, _TAIL_TONE = 5, 3, 10  # frames of 25 ms; the last syllable's tone mark holds its vowel and a silence
FIRST_TOKENS = 60  # the first part of a piece, about 3 s of sound: its sound can leave early
MAX_TOKENS = 120


class KokoroTts:
    """Takes any Voice whose name is in `voices.KOKORO`; blocking, for one thread at a time."""

    def __init__(self, model: Path, english: English | None = None, threads: int = 2) -> None:
        """`model` is the file that `prepare_kokoro` made."""
        self._english = english or English()
        self._mandarin = Mandarin()
        self._session = open_session(model, threads)
        with np.load(STYLES) as styles:
            self._styles: dict[str, NDArray[np.float32]] = {n: styles[n].astype(np.float32) for n in styles.files}

    def speak(self, text: str, voice: Voice, language: Language, stop: threading.Event) -> Iterator[Audio]:
        parts = sound.parts(self.phonemes(text, language), FIRST_TOKENS, MAX_TOKENS)
        return sound.spoken(parts, lambda part: self.render(part, voice, stop), text, voice.pace, stop)

    def phonemes(self, text: str, language: Language) -> str:
        said = []
        for script, words in speakable.runs(text, language):
            spell = self._mandarin if script == "zh" else self._english
            said.append(spell.phonemes(words))
        return " ".join(part for part in said if part)

    def render(self, phonemes: str, voice: Voice, stop: threading.Event) -> Samples:
        """Return the trimmed and evened sound of one part; empty when stopped."""
        ids = self._english.ids(phonemes)
        if not ids:
            return sound.silence(0)
        styles = self._styles[voice.name if voice.name in KOKORO else KOKORO[0]]
        closing, tail = _closing(phonemes, len(ids))
        feeds = {
            "tokens": np.array([[0, *ids, 0]], np.int64),
            "style": styles[min(len(ids), len(styles) - 1)][None],
            "speed": np.array([np.clip(voice.pace, 0.5, 2.0)], np.float32),
            "keep": np.array([_LEAD, tail], np.int64),
            "closing": closing,
            "pitch": np.array([2 ** (np.clip(voice.pitch, -12, 12) / 12)], np.float32),
        }
        made = run(self._session, feeds, stop)
        if made is None:
            return sound.silence(0)
        return sound.level(sound.trim(made[0].astype(np.float32)))


def _closing(phonemes: str, tokens: int) -> tuple[NDArray[np.int64], int]:
    """Mark the tokens at the end that hold silence, the pad included, and say how many frames of them to keep."""
    voiced = phonemes.rstrip(_CLOSING)
    tone = voiced[-1:] in _TONES
    quiet = len(phonemes) - len(voiced) + (1 if voiced and tone else 0)
    mask = np.zeros(tokens + 2, np.int64)
    mask[tokens + 1 - min(quiet, tokens) :] = 1
    return mask, _TAIL_TONE if tone else _TAIL
