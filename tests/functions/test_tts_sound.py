"""What is done to every piece of sound, and how one voice is bent into another."""

import numpy as np
import pytest

from domain.audio import SPOKEN_RATE, Samples
from functions.engines import sound
from functions.engines.bend import Frames, Shape, bend
from functions.engines.voices import HIBARI, KOKORO, RECOMMENDED, chinese_for


def tone(seconds: float, hz: float = 220.0, size: float = 0.3) -> Samples:
    at = np.arange(int(seconds * SPOKEN_RATE)) / SPOKEN_RATE
    return (size * np.sin(2 * np.pi * hz * at)).astype(np.float32)


def test_silence_is_cut_at_both_ends_and_the_ends_are_faded() -> None:
    out = sound.trim(np.concatenate([sound.silence(0.4), tone(0.5), sound.silence(0.8)]))
    assert 0.5 <= len(out) / SPOKEN_RATE <= 0.5 + 2 * sound.KEEP_S + 0.01
    assert abs(out[0]) < 0.01
    assert abs(out[-1]) < 0.01


def test_pure_silence_leaves_nothing() -> None:
    assert len(sound.trim(sound.silence(1.0))) == 0
    assert len(sound.trim(sound.silence(0))) == 0


@pytest.mark.parametrize("size", [0.02, 0.3, 0.9])
def test_loud_and_soft_pieces_leave_equally_loud_and_unclipped(size: float) -> None:
    out = sound.level(tone(1.0, size=size))
    assert sound.measure(out) == pytest.approx(sound.LOUDNESS_DB, abs=0.5)
    assert np.abs(out).max() < 0.98


def test_peaks_are_bent_below_full_scale() -> None:
    spiky = tone(1.0, size=0.05)
    spiky[::4_000] = 0.9
    assert np.abs(sound.level(spiky)).max() < 0.98


def test_a_sentence_is_followed_by_a_longer_pause_than_a_clause() -> None:
    assert 0 == sound.pause_after("well") < sound.pause_after("well, ") < sound.pause_after("well. ")
    assert sound.pause_after("你好。”") == sound.pause_after("你好！")


def test_chunks_are_a_fifth_of_a_second_and_lose_nothing() -> None:
    pieces = list(sound.chunks(tone(0.5)))
    assert [piece.ms for piece in pieces] == [200, 200, 100]


def test_parts_are_cut_at_clauses_and_join_to_the_whole() -> None:
    text = "one two three, four five six. seven eight nine ten eleven twelve"
    parts = [part for part, _ in sound.parts(text, 20, 40)]
    assert parts[0] == "one two three,"
    assert " ".join(part.strip() for part in parts) == text
    assert max(map(len, parts)) <= 40


def spectra(hz: float = 200.0, frames: int = 40) -> Frames:
    bins = np.arange(601, dtype=np.float32)[:, None]
    hill = -0.5 * ((bins * 20 - 1_000) / 300) ** 2
    flat = np.zeros((601, frames), np.float32)
    f0 = np.full(frames, hz, np.float32)
    f0[:5] = 0
    return Frames((flat + hill).astype(np.float32), flat, flat - 30, flat - 6, flat, f0)


def test_bending_nothing_changes_nothing() -> None:
    made = spectra()
    assert bend(made, Shape(), np.random.default_rng(0)) is made


def test_pitch_moves_the_voiced_frames_only() -> None:
    out = bend(spectra(), Shape(pitch=-12), np.random.default_rng(0))
    assert out.f0[10] == pytest.approx(100, rel=0.01)
    assert out.f0[0] == 0


@pytest.mark.parametrize("formant", [0.8, 1.1])
def test_a_formant_moves_the_resonance(formant: float) -> None:
    out = bend(spectra(), Shape(formant=formant), np.random.default_rng(0))
    assert int(out.lh[:, 20].argmax()) * 20 == pytest.approx(1_000 * formant, abs=80)


def test_every_recommended_voice_is_known_and_no_two_are_the_same() -> None:
    for language, known in (("en", set(HIBARI)), ("zh", set(KOKORO))):
        voices = [pair[language] for pair in RECOMMENDED.values()]  # type: ignore[index]
        assert {voice.name for voice in voices} <= known
        assert len(set(voices)) == len(RECOMMENDED)


def test_the_chinese_of_a_character_is_that_characters_own_voice() -> None:
    for pair in RECOMMENDED.values():
        assert chinese_for(pair["en"]) == pair["zh"]
