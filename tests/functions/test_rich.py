"""SenseVoice's tags become a transcript: its language, how it was said, what else was heard, and never a tag."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ports import Transcript
from functions.engines import rich, sensevoice
from functions.engines.rich import Stretch, foreign, joined, parse, transcript


def heard(raw: str) -> Transcript:
    return transcript(parse(raw), "en")


def test_a_happy_sentence_in_mandarin() -> None:
    raw = "<|zh|><|HAPPY|><|Speech|><|withitn|>今天真好，我们去公园吧。"
    assert heard(raw) == Transcript("今天真好，我们去公园吧。", "zh", "happy")


def test_music_and_laughter_are_sounds_in_their_order() -> None:
    raw = "<|en|><|NEUTRAL|><|BGM|><|withitn|>That is funny. <|Laughter|> Go on."
    assert heard(raw) == Transcript("That is funny. Go on.", "en", "neutral", ("music", "laughter"))


def test_a_sound_between_hanzi_leaves_no_gap() -> None:
    assert heard("<|zh|><|HAPPY|><|Speech|><|withitn|>今天<|Laughter|>真好") == Transcript(
        "今天真好", "zh", "happy", ("laughter",)
    )


def test_what_the_model_did_not_know_is_left_empty() -> None:
    assert heard("<|en|><|EMO_UNKNOWN|><|Event_UNK|><|woitn|>well") == Transcript("well", "en")


def test_nobody_speaking_gives_no_words_but_the_sound() -> None:
    assert heard("<|nospeech|><|EMO_UNKNOWN|><|Applause|><|withitn|>.") == Transcript("", "en", "", ("applause",))


def test_stretches_are_joined_and_most_of_the_words_decide() -> None:
    raw = (
        "<|en|><|SAD|><|Speech|><|withitn|>Oh. "
        "<|zh|><|HAPPY|><|Laughter|><|withitn|>我昨天去看了海，真的很开心。 "
        "<|zh|><|SAD|><|Speech|><|withitn|>再见。"
    )
    assert heard(raw) == Transcript("Oh.我昨天去看了海，真的很开心。再见。", "zh", "happy", ("laughter",))


def test_cantonese_is_written_in_chinese_and_what_the_app_does_not_know_keeps_the_expected_language() -> None:
    assert heard("<|yue|><|NEUTRAL|><|Speech|><|withitn|>你食咗饭未呀？").language == "zh"
    assert transcript(parse("<|ja|><|NEUTRAL|><|Speech|><|withitn|>こんにちは。"), "zh").language == "zh"
    assert foreign(parse("<|ko|><|NEUTRAL|><|Speech|><|withitn|>조금만"))
    assert not foreign(parse("<|nospeech|><|EMO_UNKNOWN|><|Event_UNK|><|woitn|>"))


@pytest.mark.parametrize("raw", ["", " ", "<|", "|>", "<||>", "<|zh|>", "<|SPECIAL_TOKEN_1|>", "\u2581"])
def test_scraps_give_no_words(raw: str) -> None:
    assert heard(raw).text == ""


def test_words_meet_with_a_space_and_hanzi_without() -> None:
    assert joined("Hello", "there") == "Hello there"
    assert joined("你好。", "Hello") == "你好。Hello"
    assert joined("", "x") == "x"


TAGS = [*rich.TONGUES, *rich.EMOTIONS, *rich.SOUNDS, "Speech", "withitn", "woitn", "GBG", "SPECIAL/x"]


@given(st.lists(st.sampled_from([*(f"<|{tag}|>" for tag in TAGS), "你好", "well", " ", "!"])))
def test_no_tag_ever_reaches_the_text(pieces: list[str]) -> None:
    found = heard("".join(pieces))
    assert "|" not in found.text
    assert set(found.sounds) <= set(rich.SOUNDS.values())
    assert found.emotion in {"", *rich.EMOTIONS.values()}
    assert len(set(found.sounds)) == len(found.sounds)


def test_a_stretch_begins_with_its_language() -> None:
    assert parse("<|en|><|SAD|>a<|zh|><|HAPPY|>b") == [Stretch("a", "en", "sad"), Stretch("b", "zh", "happy")]


def test_stretches_of_speech_are_joined_up_to_fifteen_seconds_and_silence_alone_is_none() -> None:
    assert sensevoice.merged([[720, 2_780], [3_000, 9_000], [16_680, 19_910]]) == [(720, 9_000), (16_680, 19_910)]
    assert sensevoice.merged([[0, 30_000], [30_100, 31_000]]) == [(0, 30_000), (30_100, 31_000)]
    assert sensevoice.merged([]) == []
