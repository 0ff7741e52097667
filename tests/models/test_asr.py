"""Whisper hears the app's own voices and espeak's; what is no speech gives no words."""

import re
import shutil
import subprocess
import threading
from pathlib import Path

import jiwer
import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from domain.audio import HEARD_RATE, Audio, decode
from domain.persona import Language, Voice
from functions import weights
from functions.engines.whisper import WhisperAsr
from tests.bench.voices import Say, speaker

pytestmark = pytest.mark.models
ENGLISH = (
    "What happened to your old ship?",
    "My name is Daniel, and I have been learning English for two years.",
    "Could you tell me a short story about a fox and the moon?",
)
MANDARIN = ("我今天工作好累，想听你讲个故事。", "去年夏天我和两个妹妹一起去了海边。", "谢谢你，再见。")
RATE = HEARD_RATE
TIME = np.arange(2 * RATE) / RATE


@pytest.fixture(scope="module")
def ear() -> WhisperAsr:
    return WhisperAsr(weights.path("whisper-base"), threads=2)


@pytest.fixture(scope="module")
def say() -> Say:
    return speaker()


def spoken(say: Say, text: str, voice: str, language: Language) -> Audio:
    parts = [audio.samples() for audio in say(text, Voice(voice), language, threading.Event())]
    return Audio.of(soxr.resample(np.concatenate(parts), 24_000, RATE).astype(np.float32), RATE)


def letters(text: str) -> str:
    return re.sub(r"[^a-z0-9 ]", "", text.lower())


def hanzi(text: str) -> str:
    return re.sub(r"[^\u4e00-\u9fff]", "", text)


def test_english_is_heard(ear: WhisperAsr, say: Say) -> None:
    heard = [ear.transcribe(spoken(say, text, "heart", "en"), "en") for text in ENGLISH]
    assert {transcript.language for transcript in heard} == {"en"}
    rate = jiwer.wer([letters(text) for text in ENGLISH], [letters(t.text) for t in heard])
    assert rate < 0.1, heard


def test_mandarin_is_heard_in_simplified_script(ear: WhisperAsr, say: Say) -> None:
    heard = [ear.transcribe(spoken(say, text, "zm_yunxi", "zh"), "zh") for text in MANDARIN]
    assert {transcript.language for transcript in heard} == {"zh"}
    rate = jiwer.cer([hanzi(text) for text in MANDARIN], [hanzi(t.text) or " " for t in heard])
    assert rate < 0.15, heard


def test_another_language_than_expected_is_recognised(ear: WhisperAsr, say: Say) -> None:
    assert ear.transcribe(spoken(say, ENGLISH[0], "heart", "en"), "zh").language == "en"
    assert ear.transcribe(spoken(say, MANDARIN[0], "zm_yunxi", "zh"), "en").language == "zh"


def test_quiet_speech_is_heard_as_well(ear: WhisperAsr, say: Say) -> None:
    speech = spoken(say, ENGLISH[1], "heart", "en").samples()
    quiet = Audio.of(speech * (0.01 / np.abs(speech).max()), RATE)
    assert jiwer.wer(letters(ENGLISH[1]), letters(ear.transcribe(quiet, "en").text)) < 0.2


def test_a_minute_of_speech_is_heard_to_its_end(ear: WhisperAsr, say: Say) -> None:
    speech = np.concatenate([spoken(say, text, "heart", "en").samples() for text in ENGLISH * 5])[: 60 * RATE]
    heard = letters(ear.transcribe(Audio.of(speech, RATE), "en").text)
    assert len(speech) > 35 * RATE
    assert jiwer.wer(letters(" ".join(ENGLISH * 5)), heard) < 0.1


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")
def test_a_voice_that_is_not_ours_is_heard(ear: WhisperAsr, tmp_path: Path) -> None:
    file = tmp_path / "voice.wav"
    subprocess.run(["espeak-ng", "-v", "en-us", "-w", file, ENGLISH[1]], check=True)
    assert jiwer.wer(letters(ENGLISH[1]), letters(ear.transcribe(decode(file.read_bytes()), "en").text)) < 0.2


def _noise(level: float) -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(size=len(TIME)) * level


def _chord() -> NDArray[np.float64]:
    notes = [np.sin(2 * np.pi * hz * k * TIME) / k for hz in (220, 277, 330) for k in range(1, 6)]
    return np.asarray(np.sum(notes, axis=0) * 0.08 * np.exp(-2 * (TIME % 0.5)))


def _click() -> NDArray[np.float64]:
    sound = np.zeros(len(TIME))
    sound[RATE : RATE + 200] = 0.9 * np.exp(-np.arange(200) / 30)
    return sound


NOTHING = {
    "silence": np.zeros(len(TIME)),
    "faint noise": _noise(0.001),
    "noise": _noise(0.05),
    "loud noise": _noise(0.3),
    "hum": 0.1 * np.sin(2 * np.pi * 50 * TIME) + 0.05 * np.sin(2 * np.pi * 150 * TIME),
    "a tone": 0.3 * np.sin(2 * np.pi * 220 * TIME),
    "beeps": 0.3 * np.sin(2 * np.pi * 1000 * TIME) * ((2 * TIME) % 1 < 0.5),
    "a click": _click(),
    "music": _chord(),
}


@pytest.mark.parametrize("sound", NOTHING)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_no_speech_gives_no_words(ear: WhisperAsr, sound: str, language: Language) -> None:
    assert ear.transcribe(Audio.of(NOTHING[sound].astype(np.float32), RATE), language).text == ""


@pytest.mark.parametrize("count", [0, 1, 100, 511, 513])
def test_a_scrap_of_sound_gives_no_words(ear: WhisperAsr, count: int) -> None:
    assert ear.transcribe(Audio.of(np.full(count, 0.5, np.float32), RATE), "en").text == ""
