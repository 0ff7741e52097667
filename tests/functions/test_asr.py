"""What surrounds Whisper: its handler, the mel spectrogram, windows, and texts that nobody said."""

from collections.abc import Iterator

import numpy as np
import pytest

from domain.audio import HEARD_RATE, Audio
from domain.errors import ParleyError, Unavailable
from domain.persona import Language
from domain.ports import Transcript
from domain.usage import Meter
from functions.asr import Asr
from functions.engines.mel import log_mel
from functions.engines.whisper import invented, repeats, windows

pytestmark = pytest.mark.anyio
SILENCE = Audio(bytes(32_000), 16_000)


class Ear:
    def __init__(self, broken: bool = False) -> None:
        self.broken = broken

    def transcribe(self, speech: Audio, language: Language) -> Transcript:
        *_, whole = self.partials(speech, language)
        return whole

    def partials(self, speech: Audio, language: Language) -> Iterator[Transcript]:
        for seconds in range(1, int(speech.seconds) + 1):
            yield Transcript(f"{seconds} s", language)
            if self.broken:
                raise RuntimeError("broken")


async def test_the_handler_passes_speech_to_the_engine_and_counts_what_it_was() -> None:
    asr, meter = Asr(Ear), Meter()
    assert await asr.transcribe(SILENCE, "zh", meter) == Transcript("1 s", "zh")
    assert meter.usage().audio_ms == 1000
    assert meter.engine_s > 0
    asr.close()


async def test_a_file_is_taken_as_well_as_samples() -> None:
    asr = Asr(Ear)
    assert await asr.transcribe(SILENCE.wav(), "en") == Transcript("1 s", "en")
    asr.close()


async def test_partial_transcripts_grow_and_end_with_the_whole() -> None:
    asr = Asr(Ear)
    partials = [partial.text async for partial in asr.stream(Audio(bytes(96_000), 16_000), "en")]
    assert partials == ["1 s", "2 s", "3 s"]
    asr.close()


async def test_an_engine_that_breaks_is_unavailable_and_is_left_alone_after_three_times() -> None:
    asr = Asr(lambda: Ear(broken=True))
    for _ in range(3):
        with pytest.raises(Unavailable, match="asr_failed"):
            await asr.transcribe(SILENCE, "en")
    with pytest.raises(Unavailable, match="engine_resting") as resting:
        await asr.transcribe(SILENCE, "en")
    assert resting.value.detail["retry_after"] == 2
    asr.close()


@pytest.mark.parametrize(
    ("speech", "language", "code"),
    [
        (b"", "en", "speech_empty"),
        (b"RIFF\x00\x00", "en", "speech_unreadable"),
        (SILENCE.wav()[:40], "en", "speech_unreadable"),
        (b"this is no sound at all" * 100, "en", "speech_unreadable"),
        (Audio(b"", 16_000), "en", "speech_empty"),
        (Audio(bytes(3), 16_000), "en", "speech_unreadable"),
        (Audio(bytes(32_000), 8_000), "en", "speech_unreadable"),
        (Audio(bytes(2 * 16_000 * 61), 16_000), "en", "speech_too_long"),
        (SILENCE, "tlh", "language_unknown"),
    ],
)
async def test_what_cannot_be_heard_is_named_and_the_next_call_is_answered(
    speech: Audio | bytes, language: Language, code: str
) -> None:
    asr = Asr(Ear)
    for _ in range(4):  # more than the circuit breaker would take of real failures
        with pytest.raises(ParleyError, match=code):
            await asr.transcribe(speech, language)
    assert (await asr.transcribe(SILENCE, "en")).text == "1 s"
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
