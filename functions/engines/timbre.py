"""The timbre of a Kokoro speaker, laid over hibari's spectra.

For each speaker a network of one small layer was fitted (tools/fit_voices.py) to the difference between
Kokoro's sound and hibari's with the same melody, in bands, frame by frame. What it predicts is a gain per
band: the resonances, the tilt and the breath of the other throat.
"""

import functools
from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from functions.engines.bend import BIN_HZ, Frames, Shape, bend

BANDS = 48
BINS = 601
CONTEXT = 3  # frames of 12.5 ms looked at to either side
MOST_DB = 25.0
_VOICED_HZ = 40.0
Floats = NDArray[np.float32]


class Timbre(msgspec.Struct, frozen=True):
    """`formant` is bent first; `hidden` [features, H], `hidden_bias` [H], `out` [H, BANDS], `out_bias` [BANDS]."""

    formant: float
    hidden: Floats
    hidden_bias: Floats
    out: Floats
    out_bias: Floats

    @staticmethod
    def read(part: Mapping[str, NDArray[np.float16]], name: str) -> "Timbre":
        hidden, hidden_bias, out, out_bias = (
            part[f"{name}.{field}"].astype(np.float32) for field in ("hidden", "hidden_bias", "out", "out_bias")
        )
        return Timbre(float(part[f"{name}.formant"]), hidden, hidden_bias, out, out_bias)

    def cast(self, made: Frames, pitch: float, rng: np.random.Generator) -> Frames:
        """Return `made` in this timbre, `pitch` semitones higher."""
        frames = bend(made, Shape(pitch=pitch, formant=self.formant), rng)
        seen = features(bands(spectrum(frames)), frames.f0)
        gains = np.tanh(seen @ self.hidden + self.hidden_bias) @ self.out + self.out_bias  # [frames, bands], dB
        gains = np.clip(_smooth(gains), -MOST_DB, MOST_DB)
        over = (gains @ _spread() / np.float32(8.686)).T
        return Frames(frames.lh + over, frames.th, frames.ln + over, frames.lr + over, frames.phi, frames.f0)


def spectrum(frames: Frames) -> NDArray[np.complex64]:
    """The spectrum hibari's vocoder would turn into sound, [601, frames]; its noise branch is silent in this voice."""
    from hibari import dsp

    spec = dsp.stft(dsp.pulses(frames.f0), frames.lh.shape[1])
    turn = np.exp(1j * np.pi * np.tanh(frames.th)).astype(np.complex64)
    spec *= turn * dsp.ex(frames.lh)
    spec += np.exp(1j * frames.phi).astype(np.complex64) * dsp.ex(frames.lr)
    return np.asarray(spec)


def bands(spec: NDArray[np.complex64]) -> Floats:
    """The level per band in dB, [BANDS, frames]."""
    return np.asarray(10 * np.log10(_bank() @ (np.abs(spec) ** 2) + 1e-7), np.float32)


def features(levels: Floats, f0: Floats) -> Floats:
    """What the network sees: the bands a little before, now and a little later, and the pitch, [frames, features]."""
    count = levels.shape[1]
    near = np.clip(np.arange(count)[:, None] + np.array([-CONTEXT, 0, CONTEXT]), 0, count - 1)
    seen = levels[:, near].transpose(1, 2, 0).reshape(count, -1) / 20 + 1.5
    voiced = f0 > _VOICED_HZ
    pitch = np.where(voiced, np.log(np.maximum(f0, _VOICED_HZ) / 150), 0)
    return np.concatenate([seen, pitch[:, None], voiced[:, None]], axis=1).astype(np.float32)


def _smooth(gains: Floats) -> Floats:
    """Three frames, weighted 1 2 1: single-frame jumps of a gain would be heard as gurgling."""
    padded = np.concatenate([gains[:1], gains, gains[-1:]])
    return np.asarray((padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4)


@functools.cache
def _edges() -> NDArray[np.float64]:
    """The corners of the bands in Hz, even in mel from 60 Hz to 11.8 kHz."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (60, 11_800))
    return np.asarray(700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1))


@functools.cache
def _bank() -> Floats:
    """Triangles that average the power of the bins of a band, [BANDS, BINS]."""
    edges = _edges()
    hz = np.arange(BINS) * BIN_HZ
    rise = (hz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - hz) / (edges[2:] - edges[1:-1])[:, None]
    bank = np.maximum(0, np.minimum(rise, fall))
    return np.asarray(bank / bank.sum(axis=1, keepdims=True), np.float32)


@functools.cache
def _spread() -> Floats:
    """Gains per band to gains per bin, linearly between the middles, [BANDS, BINS]."""
    middles = _edges()[1:-1]
    hz = np.arange(BINS) * BIN_HZ
    return np.asarray([np.interp(hz, middles, row) for row in np.eye(BANDS)], np.float32)
