"""What surrounds Whisper: its handler, the mel spectrogram, windows, and texts that nobody said."""

from pathlib import Path

import numpy as np
import pytest

from domain.audio import HEARD_RATE, Audio
from domain.errors import Unavailable
from domain.persona import Language
from domain.ports import Transcript
from functions.asr import Asr
from functions.engines.mel import log_mel
from functions.engines.whisper import invented, repeats, windows

pytestmark = pytest.mark.anyio
SILENCE = Audio(bytes(32_000), 16_000)


class Ear:
    def __init__(self, folder: Path, threads: int) -> None:
        self.folder = folder

    def transcribe(self, speech: Audio, language: Language) -> Transcript:
        if not speech.pcm:
            raise RuntimeError("broken")
        return Transcript(f"{self.folder} {speech.seconds}", language)


async def test_the_handler_passes_speech_to_the_engine() -> None:
    asr = Asr(Path("whisper"), 1, engine=Ear)
    assert await asr.transcribe(SILENCE, "zh") == Transcript("whisper 1.0", "zh")
    asr.close()


async def test_an_engine_that_breaks_is_unavailable() -> None:
    asr = Asr(Path("whisper"), 1, engine=Ear)
    with pytest.raises(Unavailable, match="asr_failed"):
        await asr.transcribe(Audio(b"", 16_000), "en")
    asr.close()


def test_a_tone_lights_the_band_of_its_pitch() -> None:
    t = np.arange(HEARD_RATE) / HEARD_RATE
    low, high = (log_mel(np.sin(2 * np.pi * hz * t).astype(np.float32), 200) for hz in (300, 3000))
    assert low.shape == (80, 200)
    assert low.dtype == np.float32
    assert low[:, 50].argmax() < 12
    assert 40 < high[:, 50].argmax() < 60
    assert low[:, 50].max() - low[:, 150].max() == pytest.approx(2.0)  # 80 dB: the floor of what is kept


def test_short_and_empty_sounds_have_a_spectrogram_too() -> None:
    for count in (0, 1, 150, 399):
        assert np.isfinite(log_mel(np.ones(count, np.float32), 700)).all()


def test_long_speech_is_cut_where_it_is_quiet_and_nothing_is_lost() -> None:
    speech = np.random.default_rng(0).normal(size=60 * HEARD_RATE).astype(np.float32)
    speech[25 * HEARD_RATE : 25 * HEARD_RATE + 8_000] = 0.0
    parts = windows(speech)
    assert np.array_equal(np.concatenate(parts), speech)
    assert max(map(len, parts)) <= 28 * HEARD_RATE
    assert 25.0 <= len(parts[0]) / HEARD_RATE <= 25.5
    assert [len(part) for part in windows(speech[:1000])] == [1000]


@pytest.mark.parametrize("text", ["他不是," * 20, "I can. " * 12])
def test_a_text_that_goes_round_in_circles_is_noticed(text: str) -> None:
    assert repeats(text)


@pytest.mark.parametrize(
    "text",
    [
        "No no no no, please!",
        "Last summer I went to the seaside with my two sisters and we swam every single day.",
        "去年夏天我和两个妹妹一起去了海边，每天都游泳，晚上就坐在沙滩上看星星。",
    ],
)
def test_plain_speech_does_not(text: str) -> None:
    assert not repeats(text)


def test_film_credits_are_believed_only_when_the_model_was_sure() -> None:
    assert invented("Thank you.", -1.4)
    assert not invented("Thank you.", -0.3)
    assert invented("谢谢观看", -1.2)
    assert not invented("Thank you for telling me about the harbour master's cat.", -1.2)


def test_the_models_own_prompt_and_bare_marks_were_not_heard() -> None:
    assert invented("以下是普通话的句子。", -0.2)
    assert invented("。", -0.2)
    assert not invented("普通话很难学。", -0.2)
