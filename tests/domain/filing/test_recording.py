"""What a character said as one recording: spoken again line by line, while nobody is waiting."""

import asyncio
import io

import numpy as np
import pytest
import soundfile

from domain.audio import SPOKEN_RATE, Audio
from domain.errors import TooLong, Unavailable
from domain.filing.recording import PAUSE_S, Recorder
from domain.filing.sniffing import sniff

pytestmark = pytest.mark.anyio
LINES = ["A friend.", "", "  ", "And who are you?"]


class Voice:
    """Speaks a second of sound for each line."""

    def __init__(self, seconds: float = 1.0) -> None:
        self.seconds, self.spoken = seconds, list[str]()

    async def __call__(self, line: str) -> Audio:
        self.spoken.append(line)
        tone = np.sin(np.arange(int(self.seconds * SPOKEN_RATE)) * 0.05) * 12_000
        return Audio(tone.astype("<i2").tobytes(), SPOKEN_RATE)


async def test_lines_follow_one_another_in_one_file() -> None:
    voice = Voice()
    body = await Recorder(lambda: False).record(LINES, voice)
    assert voice.spoken == ["A friend.", "And who are you?"]
    assert sniff(body, "chat.ogg") == "audio/ogg"
    samples, rate = soundfile.read(io.BytesIO(body))
    assert rate == SPOKEN_RATE
    assert len(samples) / rate == pytest.approx(2 * (1.0 + PAUSE_S), abs=0.1)
    assert np.abs(samples[: rate // 2]).max() > 0.2


async def test_a_minute_takes_little_room() -> None:
    body = await Recorder(lambda: False).record(["A long story."], Voice(60.0))
    assert len(body) < 700_000  # as WAV it would be 2.9 MB


async def test_nothing_said_is_no_file() -> None:
    assert await Recorder(lambda: False).record(["", " "], Voice()) == b""


async def test_while_somebody_is_answered_it_waits() -> None:
    busy = [True, True, False]
    assert await Recorder(lambda: busy.pop(0) if busy else False).record(["A friend."], Voice())
    assert busy == []


async def test_what_is_too_long_or_takes_too_long_is_given_up() -> None:
    with pytest.raises(TooLong) as wrong:
        await Recorder(lambda: False, longest_s=2.0).record(LINES, Voice(1.5))
    assert wrong.value.code == "chat_sound_long"

    async def never(_: str) -> Audio:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(Unavailable) as late:
        await Recorder(lambda: False, patience_s=0.02).record(LINES, never)
    assert late.value.code == "chat_sound_late"


async def test_one_recording_at_a_time_is_made() -> None:
    at_once = most = 0

    async def speak(_: str) -> Audio:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        return Audio(bytes(4_800), SPOKEN_RATE)

    recorder = Recorder(lambda: False)
    await asyncio.gather(*(recorder.record(["one", "two"], speak) for _ in range(4)))
    assert most == 1
