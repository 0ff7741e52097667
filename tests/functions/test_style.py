"""What a cloned voice is asked: emotions, sampling, clips; and where its text is cut."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.audio import Audio
from domain.errors import ParleyError
from functions.engines.clauses import LATER, clauses, weight
from functions.engines.style import EMOTIONS, Clips, Style, check, check_clip

NAN, INF = float("nan"), float("inf")


def hum(seconds: float = 2.0, rate: int = 16_000, loud: float = 0.2) -> Audio:
    return Audio.of((loud * np.sin(np.arange(int(seconds * rate)) * 0.1)).astype(np.float32), rate)


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k", "num_beams", "speed", "emotion_strength"])
@pytest.mark.parametrize("value", [NAN, INF, -INF, -1, 0 - 1e-9, 10_000, True, "1", None])
def test_no_number_or_one_out_of_range_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ParleyError) as error:
        check(Style(**{name: value}))  # type: ignore[arg-type]
    assert (error.value.code, error.value.detail) == ("sampling_bad", {"name": name})


@pytest.mark.parametrize("name", ["top_k", "num_beams"])
def test_what_is_counted_is_no_fraction(name: str) -> None:
    with pytest.raises(ParleyError, match="sampling_bad"):
        check(Style(**{name: 2.5}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("style", "code"),
    [
        (Style(emotion="Happy"), "emotion_unknown"),
        (Style(emotion=""), "emotion_unknown"),
        (Style(emotion_vector=(0.1,) * 7), "emotion_bad"),
        (Style(emotion_vector=()), "emotion_bad"),
        (Style(emotion_vector=(0.2,) * 8), "emotion_bad"),
        (Style(emotion_vector=(NAN,) + (0.0,) * 7), "emotion_bad"),
        (Style(emotion_vector=(-0.1,) + (0.0,) * 7), "emotion_bad"),
        (Style(emotion="happy", emotion_vector=(0.1,) * 8), "emotion_bad"),
        (Style(emotion="happy", emotion_audio=hum()), "emotion_bad"),
        (Style(emotion_audio=hum(0.5)), "clip_short"),
    ],
)
def test_an_emotion_that_cannot_be_is_refused(style: Style, code: str) -> None:
    with pytest.raises(ParleyError, match=code):
        check(style)


def test_every_emotion_has_its_place_in_the_vector() -> None:
    for at, name in enumerate(EMOTIONS):
        style = Style(emotion=name)
        check(style)
        vector = style.vector()
        assert vector is not None and vector[at] > 0 and sum(share > 0 for share in vector) == 1
    check(Style(emotion_vector=(0.125,) * 8))
    assert Style().vector() is None
    assert Style(emotion_audio=hum()).vector() is None


@pytest.mark.parametrize(
    ("clip", "code"),
    [
        (hum(0.9), "clip_short"),
        (Audio(b"", 16_000), "clip_short"),
        (hum(15.1), "clip_too_long"),
        (hum(loud=0.005), "clip_silent"),
        (Audio(b"\0\0\0", 16_000), "clip_bad"),
        (Audio(b"\0\0" * 2_000, 1_000), "clip_bad"),
        (Audio(b"\0\0" * 400_000, 192_000), "clip_bad"),
        (b"RIFF", "clip_bad"),
    ],
)
def test_a_clip_that_is_no_voice_is_refused(clip: Audio, code: str) -> None:
    with pytest.raises(ParleyError, match=code):
        check_clip(clip)


def test_a_clip_of_a_few_seconds_will_do() -> None:
    check_clip(hum(1.0))
    check_clip(hum(15.0, 48_000))


@pytest.mark.parametrize("name", ["../secret", "nobody", "", "heart.ogg", "/etc/passwd"])
def test_only_voices_of_the_folder_are_known_and_names_are_no_paths(tmp_path: Path, name: str) -> None:
    for file in ("heart.ogg", "yunxi.wav", "notes.txt"):
        (tmp_path / file).write_bytes(b"")
    (tmp_path.parent / "secret.wav").write_bytes(b"")
    clips = Clips(tmp_path)
    assert clips.names == {"heart", "yunxi"}
    assert clips.path("heart") == tmp_path / "heart.ogg"
    with pytest.raises(ParleyError, match="voice_unknown"):
        clips.path(name)


def test_a_folder_that_is_not_there_has_no_voices(tmp_path: Path) -> None:
    assert not Clips(tmp_path / "none").names


def test_the_first_clause_is_short_and_titles_and_numbers_are_whole() -> None:
    assert next(iter(clauses("Hello there, how are you today? I am well."))) == "Hello there, "
    assert next(iter(clauses("你好啊，今天天气很好。"))) == "你好啊，"
    assert list(clauses("Dr. Smith paid 3.5 dollars, or 1,000.")) == ["Dr. Smith paid 3.5 dollars, ", "or 1,000."]
    assert next(iter(clauses("Wait... what?"))) == "Wait... "


@given(st.text(alphabet=st.sampled_from("ab ,.!?。，你好\"'1:"), max_size=600))
def test_clauses_together_are_the_text_and_none_is_long(text: str) -> None:
    pieces = list(clauses(text))
    assert "".join(pieces) == text or (not text.strip() and not pieces) or not text[len("".join(pieces)) :].strip()
    assert all(piece.strip() for piece in pieces)
    assert all(weight(piece) <= 2 * LATER for piece in pieces)
