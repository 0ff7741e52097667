"""The melody of a Kokoro speaker: how long each sound lasts, how high and how loud it is.

Kokoro predicts these three before its vocoder, in a twentieth of the time the whole takes; hibari, which was
distilled from it, takes exactly these. So a speaker can lend hibari its way of talking.
"""

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from functions.engines.graphs import keep_outputs
from functions.engines.session import open_session, run

EDITION = "parley-melody-1"
_OUTPUTS = ["/encoder/Gather_output_0", "/encoder/Squeeze_output_0", "/encoder/Squeeze_1_output_0"]
_VOICED_HZ = 55.0
Floats = NDArray[np.float32]


class Tune(msgspec.Struct, frozen=True):
    """`durations` in frames of 25 ms per token, pads included; `f0` (Hz, 0 unvoiced) and `energy` every 12.5 ms."""

    durations: NDArray[np.int64]
    f0: Floats
    energy: Floats


def prepare_melody(original: Path, part: Path) -> None:
    """Write the part of Kokoro that predicts the melody (20 MB), once; the file appears whole or not at all."""
    try:
        with part.open("rb") as file:
            if EDITION.encode() in file.read(256):
                return
    except OSError:
        pass
    import onnx

    model = onnx.load(str(original))
    keep_outputs(model.graph, _OUTPUTS)
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
    model.producer_version = EDITION
    new = part.with_name(f"{part.name}.{os.getpid()}.part")
    try:
        new.write_bytes(model.SerializeToString(deterministic=True))
        new.replace(part)
    finally:
        new.unlink(missing_ok=True)


class Melody:
    """Blocking, for one thread at a time."""

    def __init__(self, model: Path, styles: Mapping[str, Floats], threads: int = 1) -> None:
        """`model` is what `prepare_melody` made; a style is [rows, 128], the row being the number of tokens."""
        self._session = open_session(model, threads)
        self._styles = styles

    def tune(self, ids: list[int], speaker: str, pace: float, stop: threading.Event) -> Tune | None:
        """Return the tune of `ids` (without pads); None when stopped."""
        rows = self._styles[speaker]
        style = np.zeros((1, 256), np.float32)
        style[0, 128:] = rows[min(len(ids), len(rows) - 1)]  # the first half is for the vocoder
        feeds: dict[str, NDArray[Any]] = {
            "tokens": np.array([[0, *ids, 0]], np.int64),
            "style": style,
            "speed": np.array([pace], np.float32),
        }
        made = run(self._session, feeds, stop)
        if made is None:
            return None
        durations, f0, energy = made
        f0 = f0.reshape(-1)
        return Tune(durations, np.where(f0 > _VOICED_HZ, f0, 0).astype(np.float32), energy.reshape(-1))
