"""Bending one recorded-like voice into others, before its sound exists.

hibari's network gives, every 12.5 ms, spectra instead of sound: the log magnitude `lh` and phase `th` of
the filter that shapes the pulses of the vocal folds, the log magnitude `lr` and phase `phi` of the hiss, and
the pitch `f0`; each spectrum is [601 bins of 20 Hz, frames]. That is where pitch and vocal tract are still
apart, so a larger body or a lower voice costs no artefacts of stretching sound.
"""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Spectra = NDArray[np.float32]
BIN_HZ = 20.0
_VOICED_HZ = 40.0


class Shape(msgspec.Struct, frozen=True):
    """How a voice differs from the one in the model; the defaults change nothing."""

    pitch: float = 0.0  # semitones
    formant: float = 1.0  # scales the resonances; below 1.0 a longer vocal tract
    melody: float = 1.0  # depth of the intonation; below 1.0 flatter
    breath: float = 0.0  # dB of hiss added while the folds swing
    tilt: float = 0.0  # dB per octave above 500 Hz; below 0 softer and darker
    rough: float = 0.0  # 0 to 1: the folds swing unevenly, as in an old throat


class Frames(msgspec.Struct, frozen=True):
    lh: Spectra
    th: Spectra
    ln: Spectra
    lr: Spectra
    phi: Spectra
    f0: Spectra


PLAIN = Shape()


def bend(made: Frames, shape: Shape, rng: np.random.Generator) -> Frames:
    if shape == PLAIN:
        return made
    f0 = _melody(made.f0, shape, rng)
    level, phase = _resonances(made, shape.formant)
    hiss, hiss_phase = _hiss(made, shape, rng)
    slope = _slope(made.lh.shape[0], shape.tilt)
    return Frames(level + slope, phase, made.ln + slope, hiss + slope, hiss_phase, f0)


def _melody(f0: Spectra, shape: Shape, rng: np.random.Generator) -> Spectra:
    voiced = f0 > _VOICED_HZ
    if not voiced.any():
        return f0
    out = f0.copy()
    logs = np.log(f0[voiced])
    middle = np.median(logs)
    out[voiced] = np.exp(middle + (logs - middle) * shape.melody) * 2 ** (shape.pitch / 12)
    if shape.rough:
        # Slow drift and fast jitter of the cycle, the drift strongest at the ends of phrases as in real voices.
        jitter = rng.standard_normal(len(f0)).astype(np.float32)
        drift = np.convolve(rng.standard_normal(len(f0)), np.hanning(15) / 4, mode="same")
        out[voiced] *= np.exp(shape.rough * (0.012 * jitter + 0.012 * drift))[voiced]
    return np.asarray(np.where(voiced, np.maximum(out, _VOICED_HZ + 5), f0), np.float32)


def _resonances(made: Frames, formant: float) -> tuple[Spectra, Spectra]:
    """The filter read at the harmonics of the old pitch, where it was trained, and drawn on between them."""
    bins = made.lh.shape[0]
    voiced = made.f0 > _VOICED_HZ
    spacing = np.where(voiced, made.f0 / BIN_HZ, 10.0).astype(np.float32)
    where = np.minimum(np.arange(bins, dtype=np.float32)[:, None] / np.float32(formant), bins - 1)  # source bin
    rank = np.maximum(where / spacing, 1.0)
    below = np.floor(rank)
    share = rank - below
    first, second = (_at(made.lh, n * spacing) for n in (below, below + 1))
    level = first + (second - first) * share
    angle = np.tanh(made.th) * np.float32(np.pi)
    turn = np.exp(1j * angle).astype(np.complex64)
    a, b = (_nearest(turn, n * spacing) for n in (below, below + 1))
    phase = np.angle(a * (1 - share) + b * share)
    return level.astype(np.float32), np.arctanh(np.clip(phase / np.pi, -0.999, 0.999)).astype(np.float32)


def _hiss(made: Frames, shape: Shape, rng: np.random.Generator) -> tuple[Spectra, Spectra]:
    """The hiss, stretched with the vocal tract; where the folds swing its phase is made free of the old pitch."""
    bins = made.lr.shape[0]
    where = np.minimum(np.arange(bins, dtype=np.float32)[:, None] / np.float32(shape.formant), bins - 1)
    where = np.broadcast_to(where, made.lr.shape)
    level = _at(made.lr, where)
    voiced = made.f0 > _VOICED_HZ
    # Below 2.5 kHz most of it is harmonics the other branch missed: they'd sound as a second voice.
    hz = np.arange(bins, dtype=np.float32)[:, None] * BIN_HZ
    less = np.float32(-8 / 8.686) * np.clip((3000 - hz) / 2500, 0, 1) + np.float32(shape.breath / 8.686)
    level = np.where(voiced, level + less, level)
    phase = np.where(voiced, rng.uniform(-np.pi, np.pi, made.phi.shape), _nearest(made.phi, where))
    return level.astype(np.float32), phase.astype(np.float32)


def _slope(bins: int, tilt: float) -> Spectra:
    octaves = np.log2(np.maximum(np.arange(bins) * BIN_HZ, 500.0) / 500.0)
    return np.asarray(octaves * tilt / 8.686, np.float32)[:, None]


def _at(table: Spectra, bins: NDArray[Any]) -> Spectra:
    """Read each frame's column at fractional bins, linearly."""
    place = np.clip(bins, 0, table.shape[0] - 1.001)
    low = place.astype(np.intp)
    share = (place - low).astype(np.float32)
    first = np.take_along_axis(table, low, axis=0)
    return np.asarray(first + (np.take_along_axis(table, low + 1, axis=0) - first) * share, np.float32)


def _nearest(table: NDArray[Any], bins: NDArray[Any]) -> NDArray[Any]:
    return np.take_along_axis(table, np.clip(np.rint(bins), 0, table.shape[0] - 1).astype(np.intp), axis=0)
