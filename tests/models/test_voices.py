"""Every recommended voice is understood by the ASR, as loud as the others, and unlike them in pitch or timbre."""

import itertools
import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr

from domain.audio import HEARD_RATE, SPOKEN_RATE, Audio, Samples
from domain.persona import Language, Voice
from functions import weights
from functions.engines import sound
from functions.engines.kokoro_graph import ALL, prepare_kokoro
from functions.engines.mouths import open_mouths
from functions.engines.session import open_session, run
from functions.engines.voices import RECOMMENDED, STYLES
from functions.engines.whisper import WhisperAsr
from functions.tts import Engines

pytestmark = pytest.mark.models
SAID: dict[Language, tuple[str, str]] = {
    "en": ("The lamp was cold, and the window stood open to the garden.", "Tell me, what do you think courage is?"),
    "zh": ("今天天气很好，我们去公园散步吧。", "请慢慢说，我在认真听。"),
}
LANGUAGES: tuple[Language, ...] = ("en", "zh")
MOST_WRONG = {"en": 0.15, "zh": 0.3}
NEVER = threading.Event()


@pytest.fixture(scope="module")
def kokoro() -> Path:
    return weights.path("kokoro-v1.0.int8.onnx")


@pytest.fixture(scope="module")
def mouths(kokoro: Path) -> Engines:
    return open_mouths(kokoro, threads=2)


@pytest.fixture(scope="module")
def ear() -> WhisperAsr:
    return WhisperAsr(weights.path("whisper-base"), threads=2)


def say(mouths: Engines, text: str, voice: Voice, language: Language) -> Samples:
    engine = mouths.chinese if language == "zh" else mouths.english
    assert engine is not None
    return np.concatenate([audio.samples() for audio in engine.speak(text, voice, language, NEVER)])


@pytest.fixture(scope="module")
def spoken(mouths: Engines) -> dict[tuple[str, Language], tuple[list[Samples], float]]:
    """The sound of both sentences by character and language, and the CPU seconds it took."""
    out = {}
    for (slug, pair), language in itertools.product(RECOMMENDED.items(), LANGUAGES):
        began = time.process_time()
        pieces = [say(mouths, text, pair[language], language) for text in SAID[language]]
        out[slug, language] = (pieces, time.process_time() - began)
    return out


def units(text: str, language: Language) -> list[str]:
    if language == "zh":
        return list(re.sub(r"[^\u4e00-\u9fff]", "", text))
    return re.sub(r"[^a-z' ]", " ", text.lower()).split()


def wrong(said: list[str], heard: list[str]) -> int:
    row = list(range(len(heard) + 1))
    for at, one in enumerate(said, 1):
        before, row[0] = row[0], at
        for n, other in enumerate(heard, 1):
            before, row[n] = row[n], min(row[n] + 1, row[n - 1] + 1, before + (one != other))
    return row[-1]


def pitches(samples: Samples) -> Iterator[float]:
    """Hz of the voiced 50 ms windows, by autocorrelation."""
    size = 1_200
    window = np.hanning(size)
    shape = np.fft.irfft(np.abs(np.fft.rfft(window, 4_096)) ** 2)[:480]
    for start in range(0, len(samples) - size, 480):
        frame = samples[start : start + size] * window
        if np.sqrt((frame**2).mean()) < 0.01:
            continue
        same = np.fft.irfft(np.abs(np.fft.rfft(frame, 4_096)) ** 2)[:480] / shape
        lag = 57 + int(same[57:437].argmax())
        if same[lag] > 0.6 * same[0]:
            yield SPOKEN_RATE / lag


def timbre(samples: Samples) -> Samples:
    """The level of 16 bands in dB, the mean taken out."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    edges = np.geomspace(100, 8_000, 17) / SPOKEN_RATE * len(samples)
    levels = [10 * np.log10(power[int(a) : int(b)].mean() + 1e-9) for a, b in itertools.pairwise(edges)]
    return np.asarray(levels - np.mean(levels), np.float32)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_voice_is_heard_back(
    spoken: dict[tuple[str, Language], tuple[list[Samples], float]], ear: WhisperAsr, language: Language
) -> None:
    rows: dict[str, Any] = {}
    for slug in RECOMMENDED:
        pieces, seconds = spoken[slug, language]
        said, heard = [], []
        for text, piece in zip(SAID[language], pieces, strict=True):
            speech = Audio.of(soxr.resample(piece, SPOKEN_RATE, HEARD_RATE).astype(np.float32), HEARD_RATE)
            said += units(text, language)
            heard += units(ear.transcribe(speech, language).text, language)
        whole = np.concatenate(pieces)
        rows[slug] = {
            "error": round(wrong(said, heard) / len(said), 3),
            "f0": round(float(np.median(list(pitches(whole))))),
            "cpu": round(seconds / (len(whole) / SPOKEN_RATE), 3),
            "heard": "".join(heard) if language == "zh" else " ".join(heard),
        }
    print(json.dumps(rows, indent=1, ensure_ascii=False))
    assert {slug: row for slug, row in rows.items() if row["error"] > MOST_WRONG[language]} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_voices_are_alike(
    spoken: dict[tuple[str, Language], tuple[list[Samples], float]], language: Language
) -> None:
    alike = {}
    measured = {}
    for slug in RECOMMENDED:
        whole = np.concatenate(spoken[slug, language][0])
        measured[slug] = (12 * np.log2(np.median(list(pitches(whole)))), timbre(whole))
    for one, other in itertools.combinations(RECOMMENDED, 2):
        semitones = abs(measured[one][0] - measured[other][0])
        colour = float(np.sqrt(((measured[one][1] - measured[other][1]) ** 2).mean()))
        if semitones < 1.5 and colour < 2.0:
            alike[one, other] = (round(float(semitones), 1), round(colour, 1))
    assert alike == {}


def test_all_are_equally_loud_and_none_clips(
    spoken: dict[tuple[str, Language], tuple[list[Samples], float]],
) -> None:
    for pieces, _ in spoken.values():
        for piece in pieces:
            assert sound.measure(piece) == pytest.approx(sound.LOUDNESS_DB, abs=1.0)
            assert np.abs(piece).max() < 0.98
            assert abs(piece[0]) < 0.01
            assert abs(piece[-1]) < 0.01


def test_the_edited_graph_says_what_the_original_says(kokoro: Path, mouths: Engines) -> None:
    """With nothing dropped the sound differs by rounding alone; the edit leaves the weights be."""
    edited = kokoro.with_suffix(".parley.onnx")
    prepare_kokoro(kokoro, edited)
    ids = np.array([[0, 56, 51, 169, 66, 43, 63, 169, 4, 0]], np.int64)
    with np.load(STYLES) as styles:
        style = styles["zm_yunxi"][8][None].astype(np.float32)
    feeds: dict[str, Any] = {"tokens": ids, "style": style, "speed": np.ones(1, np.float32)}
    first = run(open_session(kokoro, 2), feeds, NEVER)
    feeds |= {"keep": np.array([ALL, ALL]), "closing": np.zeros(10, np.int64), "pitch": np.ones(1, np.float32)}
    second = run(open_session(edited, 2), feeds, NEVER)
    assert first is not None
    assert second is not None
    assert len(first[0]) == len(second[0])
    assert np.corrcoef(first[0], second[0])[0, 1] > 0.9


def test_a_stopped_voice_falls_silent_at_once(mouths: Engines) -> None:
    stop = threading.Event()
    chinese = mouths.chinese
    assert chinese is not None
    text = "我们一起去看看这个世界上最美丽的风景吧，你觉得怎么样，我觉得非常好。"
    ended: list[float] = []
    late: list[bool] = []

    def speak() -> None:
        late.extend(stop.is_set() for _ in chinese.speak(text, Voice("zf_xiaobei"), "zh", stop))
        ended.append(time.perf_counter())

    thread = threading.Thread(target=speak)
    thread.start()
    time.sleep(0.2)
    asked = time.perf_counter()
    stop.set()
    thread.join(60)
    assert not thread.is_alive()
    print(f"stopped after {1000 * (ended[0] - asked):.0f} ms")
    assert sum(late) <= 1  # what was on its way
