"""Whisper base on the CPU by CTranslate2: English and Mandarin, a short clip in about 0.2 s on two cores.

Whisper was trained on windows of 30 s, but takes shorter ones, and encoding is most of the cost: the window
is as long as the clip and a little more, never under 7 s (with 4 s the error rate triples, measured). What is
no speech is kept out twice: by a voice detector before, and by what the text itself looks like after.
"""

import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from domain.audio import HEARD_RATE, Audio, Samples
from domain.persona import Language
from domain.ports import Transcript
from functions.engines.mel import FRAMES_PER_S, log_mel
from functions.engines.voiced import VoiceGate
from functions.engines.wide_marks import widen

FLOOR_FRAMES, MARGIN_FRAMES, WINDOW_FRAMES = 700, 150, 3000
TOKENS_PER_S, FIRST_TOKENS = 9, 8  # nobody speaks faster: more is a loop
# Five beams halve the errors of Mandarin (4.5 % of characters for 10.8 %) for 65 ms; of English they mend
# only what one beam was unsure of anyway.
BEAMS = 5
UNSURE = -0.5  # mean log probability per token of a single beam, below which more are tried
OTHER_IS_CLEAR = 0.7  # probability of the language that was not expected; measured on its speech: 0.73 and more
MUMBLE, NO_SPEECH, NONSENSE = -1.0, 0.6, -2.5
LOOP_RATIO = 2.4  # how well zlib packs a text that goes round in circles (the threshold of openai/whisper)
# What comes before decides the script: without it Mandarin arrives in traditional characters.
SIMPLIFIED = "以下是普通话的句子，用简体中文。"
# What Whisper writes under films when nobody speaks. Believed only when it is sure.
CREDITS = ("thank you", "thanks for watching", "you", "bye", "谢谢观看", "谢谢大家", "字幕", "请不吝点赞", "订阅")
TONGUES: tuple[Language, ...] = ("en", "zh")


class _Written(msgspec.Struct, frozen=True):
    text: str
    sure: float  # mean log probability per token
    silence: float  # probability that nobody spoke
    loops: bool


class WhisperAsr:
    """A CTranslate2 model folder; blocking, for one thread at a time."""

    def __init__(self, folder: Path, threads: int) -> None:
        import ctranslate2
        import opencc
        import tokenizers

        self._view = ctranslate2.StorageView.from_array
        self._model: Any = ctranslate2.models.Whisper(
            str(folder), device="cpu", compute_type="int8", intra_threads=threads, inter_threads=1
        )
        self._tokenizer: Any = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._simplify: Any = opencc.OpenCC("t2s").convert
        self._gate = VoiceGate()
        start = {tongue: self._ids("<|startoftranscript|>", f"<|{tongue}|>") for tongue in TONGUES}
        task = self._ids("<|transcribe|>", "<|notimestamps|>")
        before = [*self._ids("<|startofprev|>"), *self._tokenizer.encode(SIMPLIFIED, add_special_tokens=False).ids]
        self._prompts: dict[Language, list[int]] = {
            "en": [*start["en"], *task],
            "zh": [*before, *start["zh"], *task],
        }
        self._hear(np.zeros(HEARD_RATE, np.float32), "zh")  # the first run allocates

    def transcribe(self, speech: Audio, language: Language) -> Transcript:
        """Return what is said in 16 kHz speech. Longer than 30 s, it is read in windows cut where it is quiet."""
        *_, whole = self.partials(speech, language)
        return whole

    def partials(self, speech: Audio, language: Language) -> Iterator[Transcript]:
        """Yield the transcript so far after each window; the last is whole."""
        samples = speech.samples()
        if not self._gate.voiced(samples):
            yield Transcript("", language)
            return
        heard: list[str] = []
        for part in windows(samples):
            text, language = self._hear(part, language)
            heard.append(text)
            yield Transcript((" " if language == "en" else "").join(filter(None, heard)), language)

    def _hear(self, samples: Samples, expected: Language) -> tuple[str, Language]:
        seconds = len(samples) / HEARD_RATE
        frames = max(FLOOR_FRAMES, math.ceil(seconds * FRAMES_PER_S) + MARGIN_FRAMES)
        mel = log_mel(samples, min(WINDOW_FRAMES, frames + frames % 2))
        encoded = self._model.encode(self._view(mel[None]))
        language = self._language(encoded, expected)
        got = self._write(encoded, language, seconds, BEAMS if language == "zh" else 1)
        if language == "en" and got.sure < UNSURE:
            got = self._write(encoded, language, seconds, BEAMS)
        if got.loops:
            got = self._write(encoded, language, seconds, BEAMS, no_repeat_ngram_size=3)
        text = widen(self._simplify(got.text)) if language == "zh" else got.text
        if (got.silence > NO_SPEECH and got.sure < MUMBLE) or got.sure < NONSENSE or invented(text, got.sure):
            return "", language
        return text, language

    def _language(self, encoded: Any, expected: Language) -> Language:
        """Return the expected language unless the other is clear; the encoding is there, so asking costs 15 ms."""
        chances = dict(self._model.detect_language(encoded)[0])
        return next((t for t in TONGUES if t != expected and chances[f"<|{t}|>"] > OTHER_IS_CLEAR), expected)

    def _write(self, encoded: Any, language: Language, seconds: float, beams: int, **more: Any) -> _Written:
        prompt, most = self._prompts[language], FIRST_TOKENS + int(seconds * TOKENS_PER_S)
        result = self._model.generate(
            encoded,
            [prompt],
            beam_size=beams,
            max_length=len(prompt) + most,
            return_scores=True,
            return_no_speech_prob=True,
            **more,
        )[0]
        ids = result.sequences_ids[0]
        text = self._tokenizer.decode(ids).strip()
        # What is really said twice comes to an end; only a loop fills all the room there is.
        circles = len(ids) >= most - 1 and repeats(text)
        return _Written(text, result.scores[0], result.no_speech_prob, circles)

    def _ids(self, *names: str) -> list[int]:
        return [self._tokenizer.token_to_id(name) for name in names]


def windows(samples: Samples) -> list[Samples]:
    """Cut speech into windows of at most 28 s, each at the quietest 0.2 s of its last 8 s."""
    most, look, step = 28 * HEARD_RATE, 8 * HEARD_RATE, HEARD_RATE // 5
    out: list[Samples] = []
    while len(samples) > most:
        tail = samples[most - look : most].reshape(-1, step)
        cut = most - look + int((tail**2).sum(axis=1).argmin()) * step + step // 2
        out.append(samples[:cut])
        samples = samples[cut:]
    return [*out, samples]


def repeats(text: str) -> bool:
    data = text.encode()
    return len(data) > 40 and len(data) / len(zlib.compress(data)) > LOOP_RATIO


def invented(text: str, sure: float) -> bool:
    """Return whether a text was not heard: film credits that the model was not sure of, or its own prompt."""
    words = "".join(c for c in text.lower() if c.isalnum() or c == " ").strip()
    if len(words) >= 4 and words in SIMPLIFIED.replace("，", "").replace("。", ""):
        return True
    return not words or (sure < MUMBLE and words.startswith(CREDITS) and len(words) < 30)
