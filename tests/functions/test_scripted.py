"""The scripted engines keep profile P1. Time is the loop's, and it is made up here: no test waits."""


import numpy as np
import pytest

from domain.audio import Audio
from domain.chat import Line
from domain.persona import Voice
from domain.ports import Prompt, Transcript
from functions.engines import scripted
from functions.engines.scripted import ScriptedEmbedder, ScriptedLlm, ScriptedSpeaker, ScriptedTranscriber

pytestmark = pytest.mark.anyio
VOICE = Voice("any")


class Clock:
    """Stands in for the wait: the time passes at once and is written down."""

    def __init__(self) -> None:
        self.now = 0.0

    async def until(self, moment: float) -> None:
        self.now = moment

    @property
    def ms(self) -> int:
        return round(self.now * 1000)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(scripted, "_now", lambda: 0.0)
    monkeypatch.setattr(scripted, "_until", clock.until)
    return clock


def prompt(text: str) -> Prompt:
    return Prompt("chat", "You are a sailor.", (Line("user", text),))


def tone(level: float, seconds: float = 1.0) -> Audio:
    t = np.arange(int(seconds * 16_000)) / 16_000
    return Audio.of((level * np.sin(2 * np.pi * 200 * t)).astype(np.float32), 16_000)


async def test_the_transcript_comes_after_120_ms(clock: Clock) -> None:
    heard = await ScriptedTranscriber().transcribe(tone(0.3), "en")
    assert heard == Transcript(scripted.HEARD["en"], "en")
    assert clock.ms == 120


async def test_near_silence_and_nothing_at_all_are_heard_as_nothing(clock: Clock) -> None:
    for quiet in (tone(0.005), Audio(b"", 16_000)):
        assert (await ScriptedTranscriber().transcribe(quiet, "zh")).text == ""


async def test_tokens_come_from_150_ms_on_at_50_a_second(clock: Clock) -> None:
    moments = [(token, clock.ms) async for token in ScriptedLlm().reply(prompt("Hello"))]
    assert len(moments) == 24
    assert [at for _, at in moments] == [150 + 20 * n for n in range(24)]


async def test_the_reply_is_three_sentences_of_eight_words_with_a_comma_after_the_fourth() -> None:
    tokens = [token.strip() for token in scripted.REPLY["en"]]
    assert [n for n, token in enumerate(tokens) if token.endswith(".")] == [7, 15, 23]
    assert scripted.REPLY["en"][3].strip().endswith(",")
    assert not any(token.endswith(",") for token in tokens[:3])


async def test_who_writes_chinese_is_answered_in_chinese_with_as_many_tokens(clock: Clock) -> None:
    tokens = [token async for token in ScriptedLlm().reply(prompt("你好"))]
    assert len(tokens) == 24
    assert "".join(tokens).count("。") == 3


async def test_sound_comes_from_100_ms_on_ten_times_as_fast_as_it_plays(clock: Clock) -> None:
    text = "One two three four five six seven eight."
    moments = [(audio, clock.ms) async for audio in ScriptedSpeaker().speak(text, VOICE, "en")]
    assert [at for _, at in moments] == [100 + 10 * n for n in range(20)]
    assert sum(audio.seconds for audio, _ in moments) == pytest.approx(2.0)
    assert {audio.rate for audio, _ in moments} == {24_000}


async def test_one_and_a_half_chinese_characters_take_as_long_as_a_word(clock: Clock) -> None:
    chunks = [audio async for audio in ScriptedSpeaker().speak("大海黑得像墨。", VOICE, "zh")]
    assert sum(audio.seconds for audio in chunks) == pytest.approx(1.0)


async def test_sound_begins_loud_and_has_no_click_between_chunks(clock: Clock) -> None:
    chunks = [audio.samples() async for audio in ScriptedSpeaker().speak("a b c d", VOICE, "en")]
    sound = np.concatenate(chunks)
    assert np.abs(sound[:240]).max() > 0.1
    assert np.abs(np.diff(sound)).max() < 0.02


async def test_texts_with_words_in_common_are_nearer() -> None:
    vectors = np.array(await ScriptedEmbedder().embed(["the red ship", "a red ship sails", "stone", ""], "passage"))
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
