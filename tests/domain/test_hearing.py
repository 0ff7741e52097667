import asyncio

import numpy as np
import pytest

from domain.audio import HEARD_RATE, Audio, decode
from domain.errors import BadInput
from domain.hearing import Hearing
from tests.fakes import Ear, HandClock

pytestmark = pytest.mark.anyio


def talk(voiced_s: float, silent_s: float = 0.0) -> bytes:
    voiced = 0.3 * np.sin(2 * np.pi * 200 * np.arange(int(voiced_s * HEARD_RATE)) / HEARD_RATE)
    quiet = 0.0005 * np.sin(np.arange(int(silent_s * HEARD_RATE)))
    return Audio.of(np.concatenate([voiced, quiet]).astype(np.float32), HEARD_RATE).wav()


async def test_a_pause_that_was_the_end_finds_its_transcript_made() -> None:
    ear = Ear("Hello")
    hearing = Hearing(ear, HandClock())
    whole = talk(1.0, 0.5)
    cut = 44 + int(1.1 * HEARD_RATE) * 2
    await hearing.segment("k", "en", 0, whole[:20_000], pause=False)
    await hearing.segment("k", "en", 1, whole[20_000:cut], pause=True)
    transcript, early = await hearing.transcribe("k", decode(whole), "en")
    assert (transcript.text, early, len(ear.calls)) == ("Hello", True, 1)


async def test_words_after_the_pause_make_the_early_transcript_worthless() -> None:
    ear = Ear("Hello")
    hearing = Hearing(ear, HandClock())
    whole = talk(2.0, 0.2)
    await hearing.segment("k", "en", 0, whole[: 44 + HEARD_RATE * 2], pause=True)
    _, early = await hearing.transcribe("k", decode(whole), "en")
    assert not early
    assert round(ear.calls[-1], 1) == 2.2


async def test_a_second_pause_replaces_the_first() -> None:
    ear = Ear("Hello", delay_s=0.05)
    hearing = Hearing(ear, HandClock())
    whole = talk(2.0, 0.5)
    first, second = 44 + HEARD_RATE * 2, 44 + HEARD_RATE * 4 + 3200
    await hearing.segment("k", "en", 0, whole[:first], pause=True)
    await hearing.segment("k", "en", 1, whole[first:second], pause=True)
    _, early = await hearing.transcribe("k", decode(whole), "en")
    assert early


async def test_segments_may_come_twice_late_or_never() -> None:
    ear = Ear("Hello")
    hearing = Hearing(ear, HandClock())
    whole = talk(1.0)
    await hearing.segment("k", "en", 2, whole[9_000:], pause=True)
    await hearing.segment("k", "en", 0, whole[:9_000], pause=False)
    await hearing.segment("k", "en", 0, b"other", pause=False)
    transcript, early = await hearing.transcribe("k", decode(whole), "en")
    assert transcript.text == "Hello" and not early


async def test_without_segments_the_recording_alone_suffices() -> None:
    transcript, early = await Hearing(Ear("Hi"), HandClock()).transcribe(None, decode(talk(1.0)), "en")
    assert transcript.text == "Hi" and not early


async def test_too_much_sound_is_refused() -> None:
    hearing = Hearing(Ear(), HandClock())
    with pytest.raises(BadInput):
        await hearing.segment("k", "en", 0, bytes(9_000_000), pause=False)
    with pytest.raises(BadInput):
        await hearing.segment("k", "en", -1, b"", pause=False)


async def test_an_utterance_that_never_ends_is_forgotten() -> None:
    clock = HandClock()
    hearing = Hearing(Ear(delay_s=1), clock)
    await hearing.segment("old", "en", 0, talk(1.0), pause=True)
    clock.seconds = 100
    await hearing.segment("new", "en", 0, b"x", pause=False)
    assert list(hearing._open) == ["new"]
    await asyncio.sleep(0)
