"""Speech for a fake microphone: harmonics and formants, so that it needs no program and never varies."""

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from domain.audio import HEARD_RATE, Audio

Samples = npt.NDArray[np.float32]
SYLLABLE_S = 0.22
COUGH_S = 0.1


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * HEARD_RATE), np.float32)


def speech(seconds: float, loudness: float = 0.5) -> Samples:
    """Return open syllables on a falling and rising pitch: nothing that noise suppression takes for noise."""
    t = np.arange(round(seconds * HEARD_RATE)) / HEARD_RATE
    pitch = 135 + 30 * np.sin(2 * math.pi * 0.9 * t) + 8 * np.sin(2 * math.pi * 2.3 * t)
    phase = 2 * math.pi * np.cumsum(pitch) / HEARD_RATE
    vowel = 0.5 + 0.5 * np.sin(2 * math.pi * t / (2 * SYLLABLE_S))
    wave = np.zeros_like(t)
    for harmonic in range(1, 24):
        frequency = harmonic * pitch
        formants = ((400 + 350 * vowel, 110), (1200 + 700 * (1 - vowel), 160), (2600 + 0 * vowel, 250))
        wave += sum(np.exp(-(((frequency - centre) / width) ** 2)) for centre, width in formants) * np.sin(
            harmonic * phase
        )
    loud = 0.3 + 0.7 * np.sin(math.pi * (t % SYLLABLE_S) / SYLLABLE_S) ** 0.6
    wave *= loud * np.minimum(1, (seconds - t) / 0.01)  # and a crisp end
    out: Samples = (loudness * wave / np.abs(wave).max()).astype(np.float32)
    return out


def cough() -> Samples:
    noise = np.random.default_rng(1).standard_normal(round(COUGH_S * HEARD_RATE))
    out: Samples = (0.25 * np.clip(noise, -2, 2) * np.hanning(len(noise))).astype(np.float32)
    return out


def wav(*parts: Samples) -> bytes:
    return Audio.of(np.concatenate(parts), HEARD_RATE).wav()


def write(path: Path, *parts: Samples) -> Path:
    path.write_bytes(wav(*parts))
    return path
