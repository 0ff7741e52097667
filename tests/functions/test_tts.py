"""The TTS handler with hand-written engines: who speaks what, what is kept, and that closing stops."""

import asyncio
import math
import threading
from collections.abc import Iterator
from contextlib import aclosing

import pytest

from domain.audio import SPOKEN_RATE, Audio
from domain.errors import ParleyError, Unavailable
from domain.persona import Language, Voice
from domain.usage import Meter
from functions.engines.style import PLAIN, Style
from functions.tts import Engines, Tts

pytestmark = pytest.mark.anyio
HEART, YUNXI = Voice("heart"), Voice("zm_yunxi")
PATIENT_S = 60


class Mouth:
    """Says every word as one chunk; `slow` seconds before each but the first, unless it is stopped."""

    def __init__(self, slow: float = 0.0, broken: bool = False) -> None:
        self.said: list[tuple[str, str, Language]] = []
        self.stopped = threading.Event()
        self.slow = slow
        self._broken = broken

    def speak(self, text: str, voice: Voice, language: Language, stop: threading.Event) -> Iterator[Audio]:
        self.said.append((text, voice.name, language))
        if self._broken:
            raise RuntimeError("out of memory")
        try:
            for n, word in enumerate(text.split()):
                if n and self.slow and stop.wait(self.slow):
                    return
                yield Audio(word.encode().ljust(64, b"\0")[:64], SPOKEN_RATE)
        finally:
            if stop.is_set():
                self.stopped.set()


class Waiting(Mouth):
    """Speaks when it is let, or after a minute all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.let = threading.Event(), threading.Event()
        self.let.set()
        self.was_let = False

    def speak(self, text: str, voice: Voice, language: Language, stop: threading.Event) -> Iterator[Audio]:
        self.begun.set()
        self.was_let = self.let.wait(PATIENT_S)
        yield from super().speak(text, voice, language, stop)


def house(english: Mouth, chinese: Mouth, kept_bytes: int = 10_000) -> Tts:
    tts = Tts(lambda: Engines(english, chinese, frozenset({"zm_yunxi"}), lambda voice: YUNXI), kept_bytes)
    tts.load()
    english.said.clear()
    chinese.said.clear()
    return tts


async def say(tts: Tts, text: str, voice: Voice = HEART, language: Language = "en") -> list[Audio]:
    return [audio async for audio in tts.speak(text, voice, language)]


async def test_an_english_voice_hands_chinese_words_to_the_chinese_one() -> None:
    english, chinese = Mouth(), Mouth()
    await say(house(english, chinese), "The word 你好 means hello.")
    assert english.said == [("The word", "heart", "en"), ("means hello.", "heart", "en")]
    assert chinese.said == [("你好", "zm_yunxi", "zh")]


async def test_a_chinese_voice_says_english_words_itself() -> None:
    english, chinese = Mouth(), Mouth()
    await say(house(english, chinese), "我喜欢Python。", YUNXI, "zh")
    assert (english.said, chinese.said) == ([], [("我喜欢Python。", "zm_yunxi", "zh")])


@pytest.mark.parametrize("text", ["🙂🙂", "***", "…", "---\n"])
async def test_what_cannot_be_spoken_yields_nothing(text: str) -> None:
    english = Mouth()
    assert await say(house(english, Mouth()), text) == []
    assert english.said == []


@pytest.mark.parametrize(
    ("text", "voice", "language", "code"),
    [
        ("", HEART, "en", "text_empty"),
        (" \n", HEART, "en", "text_empty"),
        ("long " * 20_000, HEART, "en", "text_too_long"),
        ("Hello", HEART, "tlh", "language_unknown"),
        ("Hello", Voice("heart", pace=math.nan), "en", "voice_bad"),
        ("Hello", Voice("heart", pitch=math.inf), "en", "voice_bad"),
        ("Hello", Voice("heart", pace=0.0), "en", "voice_bad"),
    ],
)
async def test_what_cannot_be_said_is_named_and_costs_nothing(
    text: str, voice: Voice, language: Language, code: str
) -> None:
    english = Mouth()
    with pytest.raises(ParleyError, match=code):
        await say(house(english, Mouth()), text, voice, language)
    assert english.said == []


class Mimic:
    """Imitates whatever it is given; says whose voice and what style it was."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Voice | Audio, Style]] = []

    def speak(
        self, text: str, voice: Voice | Audio, language: Language, stop: threading.Event, style: Style
    ) -> Iterator[Audio]:
        self.asked.append((text, voice, style))
        yield Audio(bytes(64), SPOKEN_RATE)


async def test_an_engine_that_clones_is_given_clips_and_styles_and_keeps_nothing_of_a_clip() -> None:
    mimic, clip, sad = Mimic(), Audio(bytes(48_000), SPOKEN_RATE), Style(emotion="sad")
    tts = Tts(lambda: Engines(None, None, frozenset(), lambda voice: voice, frozenset({"heart"}), mimic))
    tts.load()
    mimic.asked.clear()
    for _ in range(2):
        assert [audio async for audio in tts.speak("Alas.", clip, "en", sad)]
        assert [audio async for audio in tts.speak("Alas.", HEART, "zh")]
    assert mimic.asked == [("Alas.", clip, sad), ("Alas.", HEART, PLAIN), ("Alas.", clip, sad)]
    with pytest.raises(ParleyError, match="voice_unknown"):
        await say(tts, "Hello", Voice("nobody"))


@pytest.mark.parametrize(("voice", "style"), [(Audio(bytes(48_000), SPOKEN_RATE), None), (HEART, Style())])
async def test_an_engine_that_does_not_clone_says_so(voice: Voice | Audio, style: Style | None) -> None:
    english = Mouth()
    tts = house(english, Mouth())
    with pytest.raises(ParleyError, match="style_unknown"):
        await anext(tts.speak("Hello", voice, "en", style))
    assert english.said == []


async def test_the_meter_takes_the_length_of_what_was_said_made_now_or_kept() -> None:
    tts = house(Mouth(), Mouth())
    made, kept = Meter(), Meter()
    for meter in (made, kept):
        assert [audio async for audio in tts.speak("one two three", HEART, "en", meter=meter)]
    assert made.audio_ms == kept.audio_ms == 3
    assert made.engine_s > kept.engine_s == 0.0


async def test_a_piece_said_before_is_not_made_again() -> None:
    english = Mouth()
    tts = house(english, Mouth())
    assert await say(tts, "Well now,") == await say(tts, "Well now,")
    assert len(english.said) == 1
    await say(tts, "Well now,", Voice("heart", pitch=2.0))
    assert len(english.said) == 2


async def test_the_oldest_pieces_make_room() -> None:
    english = Mouth()
    tts = house(english, Mouth(), kept_bytes=64 * 2)
    for text in ("one", "two", "one", "three", "one", "two"):
        await say(tts, text)
    assert [text for text, _, _ in english.said] == ["one", "two", "three", "two"]


async def test_closing_stops_the_engine_and_keeps_no_half() -> None:
    english = Mouth()
    tts = house(english, Mouth())
    english.slow = PATIENT_S  # it is stopped before its second word
    async with aclosing(tts.speak("one two three four five six", HEART, "en")) as sounds:
        async for _ in sounds:
            break
    assert await asyncio.to_thread(english.stopped.wait, PATIENT_S)
    english.slow = 0.0
    assert len(await say(tts, "one two three four five six")) == 6


async def test_two_who_ask_for_the_same_piece_at_once_cost_one_synthesis() -> None:
    english = Mouth(slow=0.01)
    tts = house(english, Mouth())
    first, second = await asyncio.gather(say(tts, "well now then"), say(tts, "well now then"))
    assert first == second
    assert len(english.said) == 1


async def test_the_event_loop_stays_free_while_an_engine_works() -> None:
    english = Waiting()
    tts = house(english, Mouth())
    english.begun.clear()
    english.let.clear()
    speaking = asyncio.create_task(say(tts, "one two three"))
    assert await asyncio.to_thread(english.begun.wait, PATIENT_S)
    english.let.set()
    await speaking
    assert english.was_let


async def test_a_broken_engine_is_unavailable_and_one_not_loaded_is_waking() -> None:
    asleep = Tts(lambda: Engines(Mouth(), None, frozenset(), lambda voice: YUNXI))
    with pytest.raises(Unavailable, match="tts_waking"):
        await say(asleep, "Hello.")
    broken = Mouth()
    tts = house(broken, Mouth())
    broken._broken = True
    with pytest.raises(Unavailable, match="tts_failed"):
        await say(tts, "Hello.")


async def test_without_a_chinese_engine_the_english_one_is_given_all() -> None:
    english = Mouth()
    tts = Tts(lambda: Engines(english, None, frozenset(), lambda voice: YUNXI))
    tts.load()
    await say(tts, "Hello 你好")
    assert english.said[-1] == ("Hello 你好", "heart", "en")
