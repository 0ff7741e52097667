"""What is done to every synthesised piece before it leaves: silence cut, loudness evened, ends faded.

All sound here is float32 at 24 kHz.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.audio import SPOKEN_RATE, Audio, Samples

CHUNK_S = 0.2
FADE_S = 0.005
KEEP_S = 0.03  # kept before and after the voice: weak consonants live there
LOUDNESS_DB = -20.0  # K-weighted and gated, about LUFS
_STEP = SPOKEN_RATE // 200  # 5 ms
_PAUSES = (("。！？!?", 0.28), (".", 0.26), ("…", 0.32), ("；;：:—", 0.2), ("，,", 0.14), ("、", 0.08))


def trim(samples: Samples) -> Samples:
    """Cut the silence at both ends, by loudness in steps of 5 ms, and fade what is left in and out."""
    steps = len(samples) // _STEP
    if not steps:
        return samples[:0]
    loud = np.sqrt((samples[: steps * _STEP].reshape(steps, _STEP) ** 2).mean(axis=1))
    voiced = np.flatnonzero(loud > max(0.0015, 0.02 * float(loud.max())))
    if not len(voiced) or loud.max() < 0.003:
        return samples[:0]
    keep = int(KEEP_S * SPOKEN_RATE)
    start = max(0, int(voiced[0]) * _STEP - keep)
    end = min(len(samples), (int(voiced[-1]) + 1) * _STEP + keep)
    return fade(samples[start:end])


def fade(samples: Samples) -> Samples:
    """Return a copy that starts and ends at zero, so that no join clicks."""
    out: Samples = samples.astype(np.float32, copy=True)
    size = min(int(FADE_S * SPOKEN_RATE), len(out) // 2)
    ramp = np.linspace(0.0, 1.0, size, endpoint=False, dtype=np.float32)
    out[:size] *= ramp
    out[len(out) - size :] *= ramp[::-1]
    return out


def pause_after(text: str, pace: float = 1.0) -> float:
    """Return the seconds of silence that belong behind a piece, by how it ends."""
    last = text.rstrip().rstrip("\"'”’」』）)]")[-1:]
    for marks, seconds in _PAUSES:
        if last and last in marks:
            return seconds / pace
    return 0.0


def level(samples: Samples) -> Samples:
    """Bring a piece to the loudness every voice has; peaks are bent below full scale, never clipped."""
    loudness = measure(samples)
    if loudness < -70:
        return samples
    out = samples * np.float32(10 ** (np.clip(LOUDNESS_DB - loudness, -24.0, 24.0) / 20))
    knee = np.float32(0.7)
    size = np.abs(out)
    over = size > knee
    if over.any():
        out[over] = np.sign(out[over]) * (knee + (0.97 - knee) * np.tanh((size[over] - knee) / (0.97 - knee)))
    return out


def measure(samples: Samples) -> float:
    """Return the loudness in dB as ITU-R BS.1770 means it: K-weighted, silence gated out.

    The weighting is done on the spectrum (its phase doesn't matter here) and the blocks are 100 ms,
    since a clause may be shorter than the standard's 400.
    """
    if len(samples) < _STEP:
        return -120.0
    spectrum = np.fft.rfft(samples)
    spectrum *= _k_weight(np.fft.rfftfreq(len(samples), 1 / SPOKEN_RATE))
    heard = np.fft.irfft(spectrum, len(samples))
    block = min(len(heard), SPOKEN_RATE // 10)
    count = len(heard) // block
    power = (heard[: count * block].reshape(count, block) ** 2).mean(axis=1) + 1e-12
    power = power[power > 1e-7] if (power > 1e-7).any() else power
    gated = power[power > 0.1 * power.mean()]
    return float(10 * np.log10(gated.mean()) - 0.69)


def _k_weight(hz: NDArray[Any]) -> NDArray[Any]:
    """The magnitude of BS.1770's two filters: a high-pass near 38 Hz and a +4 dB shelf above 1.7 kHz."""
    s = 1j * hz
    low = s**2 / (s**2 + s * 38.13 / 0.5003 + 38.13**2 + 1e-9)
    gain, f0, q = 10 ** (3.9998 / 20), 1681.97, 0.7072
    shelf = (gain * s**2 + np.sqrt(gain) * s * f0 / q + f0**2) / (s**2 + s * f0 / q + f0**2)
    return np.asarray(np.abs(low * shelf))


def silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * SPOKEN_RATE), np.float32)


def chunks(samples: Samples) -> Iterator[Audio]:
    """Yield the sound in pieces of about 200 ms, so that the first can leave early."""
    size = int(CHUNK_S * SPOKEN_RATE)
    for start in range(0, len(samples), size):
        yield Audio.of(samples[start : start + size], SPOKEN_RATE)


def parts(phonemes: str, first: int, limit: int) -> Iterator[tuple[str, float]]:
    """Cut phonemes into parts a model is given at once, each with the seconds of pause behind it.

    The first part has at most `first` signs, so that its sound can leave early; the last has no pause here.
    """
    most = first
    while len(phonemes) > most:
        cut = max(phonemes.rfind(mark, most // 3, most) for mark in ".!?;:,—…")
        if cut < 0:
            cut = phonemes.rfind(" ", most // 3, most)
        if cut < 0:
            cut = most - 1
        part = phonemes[: cut + 1]
        yield part, pause_after(part)
        phonemes = phonemes[cut + 1 :].lstrip()
        most = limit
    if phonemes:
        yield phonemes, 0.0


def spoken(
    parts: Iterable[tuple[str, float]], render: Callable[[str], Samples], text: str, pace: float, stop: threading.Event
) -> Iterator[Audio]:
    """Yield the sound of parts one after the other, with their pauses and the one that the end of `text` asks for.

    Nothing more comes once `stop` is set; `render` may then return anything.
    """
    for part, pause in parts:
        samples = render(part)
        if stop.is_set():
            return
        yield from chunks(samples)
        yield from chunks(silence(pause / pace))
    if not stop.is_set():
        yield from chunks(silence(pause_after(text, pace)))
