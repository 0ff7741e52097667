"""SenseVoice's own code from end to end: loading, features, encoder, CTC, SentencePiece, tags; the model is tiny."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from domain.audio import Audio
from domain.errors import BadInput, TooLong
from domain.ports import Transcript
from functions.engines.sensevoice import SenseVoiceAsr, open_ear
from functions.engines.setting import BadSetting

pytestmark = [pytest.mark.torch, pytest.mark.timeout(900)]
ENGLISH, CHINESE = "What happened to your old ship?", "今天真好。"
SHIP = Transcript(ENGLISH, "en", "happy", ("laughter",))
TODAY = Transcript(CHINESE, "zh", "sad", ("music",))
RATE = 16_000
Clips = tuple[Audio, Audio, Audio]


@pytest.fixture(scope="module")
def clips(say: Callable[[str, str], Audio]) -> Clips:
    return say(ENGLISH, "en-us"), say(CHINESE, "cmn"), say("ohayo gozaimasu", "en-us")


@pytest.fixture(scope="module")
def folder(clips: Clips, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.torch import tiny_sensevoice

    folder = tmp_path_factory.mktemp("sensevoice") / "model"
    lessons = [
        (clips[0].samples(), f"<|en|><|HAPPY|><|Laughter|><|withitn|>{ENGLISH}"),
        (clips[1].samples(), f"<|zh|><|SAD|><|BGM|><|withitn|>{CHINESE}"),
        (clips[2].samples(), "<|ja|><|EMO_UNKNOWN|><|Speech|><|withitn|>おはよう"),
    ]
    tiny_sensevoice.build(folder, lessons)
    return folder


@pytest.fixture(scope="module")
def ear(folder: Path) -> SenseVoiceAsr:
    return SenseVoiceAsr(str(folder), threads=1)


@pytest.fixture(scope="module")
def cutting_ear(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> SenseVoiceAsr:
    from tests.torch import tiny_vad

    vad = tmp_path_factory.mktemp("vad") / "model"
    tiny_vad.build(vad)
    return SenseVoiceAsr(str(folder), vad=str(vad), threads=1)


def silence(seconds: float) -> bytes:
    return bytes(2 * int(seconds * RATE))


def test_words_language_emotion_and_sounds_are_heard(ear: SenseVoiceAsr, clips: Clips) -> None:
    assert ear.transcribe(clips[0], "en") == SHIP
    assert ear.transcribe(clips[1], "zh") == TODAY


def test_the_other_language_is_recognised(ear: SenseVoiceAsr, clips: Clips) -> None:
    assert ear.transcribe(clips[1], "en") == TODAY


def test_the_same_speech_gives_the_same_words_every_time(folder: Path, clips: Clips) -> None:
    ear = SenseVoiceAsr(str(folder), threads=1)
    raw = {ear._model.generate(input=clips[0].samples(), language="auto", use_itn=True)[0]["text"] for _ in range(3)}
    assert len(raw) == 1


def test_a_language_that_the_app_does_not_know_is_heard_again_as_the_expected_one(folder: Path, clips: Clips) -> None:
    ear = SenseVoiceAsr(str(folder), threads=1)
    before = ear.runs
    assert ear.transcribe(clips[2], "zh").language == "zh"
    assert ear.runs - before == 2


def test_silence_and_faint_noise_give_no_words_and_cost_no_run(ear: SenseVoiceAsr) -> None:
    before = ear.runs
    hiss = np.random.default_rng(0).normal(0, 0.0005, RATE).astype(np.float32)
    for speech in (Audio(silence(2), RATE), Audio.of(hiss, RATE)):
        assert ear.transcribe(speech, "zh") == Transcript("", "zh")
    assert ear.runs == before


def test_a_blip_shorter_than_a_frame_is_taken(ear: SenseVoiceAsr) -> None:
    assert isinstance(ear.transcribe(Audio.of(np.full(3, 0.5, np.float32), RATE), "en"), Transcript)


def test_the_detector_cuts_where_nobody_speaks_and_partials_grow(cutting_ear: SenseVoiceAsr, clips: Clips) -> None:
    speech = Audio(silence(1) + clips[0].pcm + silence(14) + clips[1].pcm + silence(1), RATE)
    partials = list(cutting_ear.partials(speech, "en"))
    assert len(partials) == 2
    assert partials[0].language == "en"
    assert partials[-1].text.startswith(partials[0].text)
    assert partials[-1] == cutting_ear.transcribe(speech, "en")
    assert set(partials[-1].sounds) >= set(partials[0].sounds)
    assert "<|" not in partials[-1].text


def test_the_detector_finds_nobody_in_silence(cutting_ear: SenseVoiceAsr) -> None:
    assert list(cutting_ear.partials(Audio(silence(3), RATE), "en")) == [Transcript("", "en")]


def test_speech_that_grows_costs_its_new_part_only(cutting_ear: SenseVoiceAsr, clips: Clips) -> None:
    first = Audio(silence(1) + clips[0].pcm + silence(14) + clips[1].pcm + silence(1), RATE)
    cutting_ear.transcribe(first, "en")
    before = cutting_ear.runs
    grown = Audio(first.pcm + silence(13) + clips[0].pcm + silence(1), RATE)
    *_, whole = cutting_ear.partials(grown, "en")
    assert cutting_ear.runs - before <= 2
    assert whole.text.startswith(cutting_ear.transcribe(first, "en").text)


def test_a_minute_without_a_detector_is_cut_into_windows(ear: SenseVoiceAsr, clips: Clips) -> None:
    minute = Audio((clips[0].pcm * 40)[: 2 * 59 * RATE], RATE)
    partials = list(ear.partials(minute, "en"))
    assert len(partials) == 3
    assert all(after.text.startswith(before.text) for before, after in pairwise(partials))


@pytest.mark.parametrize(
    ("speech", "language", "error", "code"),
    [
        (Audio(b"", RATE), "en", BadInput, "speech_empty"),
        (Audio(b"\0\0\0", RATE), "en", BadInput, "speech_unreadable"),
        (Audio(b"\0\0" * 8000, 8_000), "en", BadInput, "speech_unreadable"),
        (Audio(silence(61), RATE), "en", TooLong, "speech_too_long"),
        (b"RIFF....WAVE and no more", "en", BadInput, "speech_unreadable"),
        (b"<html>", "en", BadInput, "speech_unreadable"),
        ("speech.wav", "en", BadInput, "speech_unreadable"),
        (Audio(silence(1), RATE), "tlh", BadInput, "language_unknown"),
    ],
)
def test_what_is_no_speech_is_named_and_the_engine_lives_on(
    ear: SenseVoiceAsr, clips: Clips, speech: Audio, language: str, error: type[BadInput], code: str
) -> None:
    with pytest.raises(error) as caught:
        ear.transcribe(speech, language)  # type: ignore[arg-type]
    assert caught.value.code == code
    assert ear.transcribe(clips[0], "en") == SHIP


def test_a_device_that_is_not_there_is_said_at_the_start(folder: Path) -> None:
    import torch

    if not torch.cuda.is_available():
        with pytest.raises(BadSetting, match="ASR_DEVICE=cuda:0"):
            SenseVoiceAsr(str(folder), device="cuda:0")
    with pytest.raises(BadSetting, match="ASR_DEVICE=tpu"):
        SenseVoiceAsr(str(folder), device="tpu")


def test_a_model_without_a_commit_is_refused() -> None:
    with pytest.raises(BadSetting, match="ASR_MODEL_REVISION=main"):
        SenseVoiceAsr("FunAudioLLM/SenseVoiceSmall", revision="main")
    with pytest.raises(BadSetting, match="ASR_VAD_REVISION="):
        open_ear({"ASR_VAD": "funasr/fsmn-vad", "ASR_MODEL": "."})
    with pytest.raises(BadSetting, match="ASR_MODEL_REVISION="):
        open_ear({"ASR_MODEL": "somebody/else"})


def test_the_environment_chooses_model_and_device(folder: Path, clips: Clips) -> None:
    ear = open_ear({"ASR_MODEL": str(folder), "ASR_DEVICE": "cpu"}, threads=1)
    assert ear.transcribe(clips[0], "zh") == SHIP
