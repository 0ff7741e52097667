"""Whisper's log-mel spectrogram, 80 bands at 100 frames a second, in numpy.

After openai/whisper `audio.py` (the formula, not the code): Hann window of 400 samples, hop 160, Slaney's mel
scale with area-normalised triangles, log10 clamped to 8 below the loudest, shifted to about [-1, 1].
"""

import functools

import numpy as np
from numpy.typing import NDArray

from domain.audio import HEARD_RATE, Samples

HOP, WINDOW, BANDS = 160, 400, 80
FRAMES_PER_S = HEARD_RATE // HOP
_LINEAR_TOP, _LINEAR_STEP, _LOG_STEP = 1000.0, 200.0 / 3, np.log(6.4) / 27.0


def log_mel(samples: Samples, frames: int) -> Samples:
    """Return [80, frames] of 16 kHz samples, silence after their end; samples beyond `frames` are left out."""
    padded = np.zeros(frames * HOP + WINDOW, np.float32)
    kept = samples[: frames * HOP]
    padded[WINDOW // 2 : WINDOW // 2 + len(kept)] = kept
    # The window of the first frame reaches before the sound: it is mirrored there, as in training.
    head = kept[1 : WINDOW // 2 + 1][::-1]
    padded[WINDOW // 2 - len(head) : WINDOW // 2] = head
    sounding = min(frames, (len(kept) + WINDOW // 2) // HOP + 1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[: sounding * HOP : HOP]
    power = np.abs(np.fft.rfft(windows * _hann(), axis=1).astype(np.complex64)) ** 2
    log = np.full((BANDS, frames), -10.0, np.float32)
    log[:, :sounding] = np.log10(np.maximum(_filters() @ power.T, 1e-10))
    scaled: Samples = ((np.maximum(log, log.max() - 8.0) + 4.0) / 4.0).astype(np.float32)
    return scaled


@functools.cache
def _hann() -> Samples:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)


@functools.cache
def _filters() -> Samples:
    """Return [80, 201]: triangles between neighbouring points of the mel scale, each of area one."""
    hertz = np.linspace(0.0, HEARD_RATE / 2, WINDOW // 2 + 1)
    points = _to_hertz(np.linspace(0.0, _to_mel(HEARD_RATE / 2), BANDS + 2))
    low, mid, high = points[:-2, None], points[1:-1, None], points[2:, None]
    triangles = np.minimum((hertz - low) / (mid - low), (high - hertz) / (high - mid))
    return (np.maximum(0.0, triangles) * 2.0 / (high - low)).astype(np.float32)


def _to_mel(hertz: float) -> float:
    if hertz < _LINEAR_TOP:
        return hertz / _LINEAR_STEP
    return float(_LINEAR_TOP / _LINEAR_STEP + np.log(hertz / _LINEAR_TOP) / _LOG_STEP)


def _to_hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    top = _LINEAR_TOP / _LINEAR_STEP
    return np.where(mel < top, mel * _LINEAR_STEP, _LINEAR_TOP * np.exp(_LOG_STEP * (mel - top)))
