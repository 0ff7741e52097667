"""English speech by hibari-tts 0.2.1: one small fast voice, bent into others.

The weights (7.9 MB) come inside the package; a clause costs a few hundredths of its own length.
"""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.audio import Audio, Samples
from domain.persona import Language, Voice
from functions.engines import sound
from functions.engines.bend import Frames, Shape, bend
from functions.engines.english import English
from functions.engines.session import open_session, run
from functions.engines.voices import HIBARI

MAX_TOKENS = 400  # what the model was trained on in one go


class HibariTts:
    """Takes any Voice whose name is in `voices.HIBARI`; blocking, for one thread at a time."""

    language: Language = "en"

    def __init__(self, english: English | None = None, threads: int = 1) -> None:
        import hibari.dsp
        import hibari.tts

        self._english = english or English()
        self._synth = hibari.dsp.synth
        self._session = open_session(Path(hibari.tts.ASSETS) / "hibari.onnx", threads)

    def speak(self, text: str, voice: Voice, language: Language, stop: threading.Event) -> Iterator[Audio]:
        for part in _parts(self._english.phonemes(text)):
            samples = self.render(part, voice, stop)
            if stop.is_set():
                return
            yield from sound.chunks(samples)
        pause = sound.silence(sound.pause_after(text, voice.pace))
        if len(pause) and not stop.is_set():
            yield from sound.chunks(pause)

    def render(self, phonemes: str, voice: Voice, stop: threading.Event) -> Samples:
        """Return the trimmed and evened sound of one part; empty when stopped."""
        ids = self._english.ids(phonemes)
        speaker = HIBARI.get(voice.name, HIBARI["heart"])
        feeds: dict[str, NDArray[Any]] = {
            "ids": np.array([[0, *ids, 0]], np.int64),
            "speed": np.array([np.clip(speaker.pace * voice.pace, 0.5, 2.0)], np.float32),
        }
        made = run(self._session, feeds, stop) if ids else None
        if made is None:
            return sound.silence(0)
        # The same piece gives the same sound, so that what is kept and what is made again agree.
        rng = np.random.default_rng(len(ids))
        shape = speaker.shape
        shape = Shape(
            pitch=shape.pitch + float(np.clip(voice.pitch, -18, 18)),
            formant=shape.formant * float(np.clip(voice.formant, 0.7, 1.4)),
            melody=shape.melody,
            breath=shape.breath,
            tilt=shape.tilt,
            rough=shape.rough,
        )
        frames = bend(Frames(*(part[0] for part in made)), shape, rng)
        samples = self._synth(frames.lh, frames.th, frames.ln, frames.lr, frames.phi, frames.f0, rng)
        return sound.level(sound.trim(samples))


def _parts(phonemes: str) -> Iterator[str]:
    """Cut what is too long for the model at clause ends, or at a space when there are none."""
    while len(phonemes) > MAX_TOKENS:
        cut = max(phonemes.rfind(mark, 0, MAX_TOKENS) for mark in ".!?;:,—")
        cut = cut if cut > MAX_TOKENS // 4 else phonemes.rfind(" ", 1, MAX_TOKENS)
        cut = cut if cut > 0 else MAX_TOKENS - 1
        yield phonemes[: cut + 1]
        phonemes = phonemes[cut + 1 :].lstrip()
    if phonemes:
        yield phonemes
