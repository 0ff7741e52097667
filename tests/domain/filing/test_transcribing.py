"""Recordings are cut where somebody pauses, into stretches that a transcriber takes."""

import asyncio

import numpy as np
import pytest

from domain.audio import HEARD_RATE
from domain.errors import Unavailable
from domain.filing import transcribing
from domain.filing.transcribing import LONGEST_S, SHORTEST_S, stretches, transcript
from tests.fakes import Ear


def speech(seconds: float) -> np.ndarray:
    return (4_000 * np.sin(np.arange(int(seconds * HEARD_RATE)) / 7)).astype("<i2")


def pause(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * HEARD_RATE), "<i2")


def test_nothing_is_lost_or_heard_twice_and_none_is_too_long() -> None:
    for seconds in (0.0, 0.01, 5, 28, 28.01, 60, 301.7):
        sound = speech(seconds)
        found = stretches(sound)
        assert [start for start, _ in found] == [0, *(end for _, end in found)][: len(found)]
        assert (found[-1][1] if found else 0) == len(sound)
        lengths = [(end - start) / HEARD_RATE for start, end in found]
        assert all(SHORTEST_S <= length <= LONGEST_S for length in lengths[:-1])
        assert all(0 < length <= LONGEST_S for length in lengths[-1:])


def test_it_is_cut_in_a_pause_where_there_is_one() -> None:
    sound = np.concatenate([speech(20), pause(0.6), speech(30), pause(0.6), speech(4)])
    first, second, _ = stretches(sound)
    assert 20.0 < first[1] / HEARD_RATE < 20.6
    assert second[1] / HEARD_RATE <= 20.6 + LONGEST_S


@pytest.mark.anyio
async def test_each_stretch_is_a_paragraph_and_how_far_it_is_is_told() -> None:
    ear, told = Ear("And then."), []

    async def tell(share: float) -> None:
        told.append(share)

    async def idle() -> None:
        told.append(-1.0)

    text = await transcript(speech(65).tobytes(), "en", ear, idle, tell, 10_000)
    assert text == "\n\n".join(["And then."] * len(ear.calls))
    assert told[0] == -1.0 and told[-1] == 1.0
    assert [share for share in told if share > 0] == sorted(share for share in told if share > 0)
    assert told.count(-1.0) == len(ear.calls), "who is being answered goes first, each time"


@pytest.mark.anyio
async def test_it_ends_when_there_is_more_than_is_kept_and_what_fails_fails() -> None:
    async def nobody(_: float = 0.0) -> None: ...

    ear = Ear("word " * 50)
    await transcript(speech(200).tobytes(), "en", ear, nobody, nobody, 300)
    assert len(ear.calls) == 2
    with pytest.raises(Unavailable, match="asr_failed"):
        await transcript(speech(2).tobytes(), "en", Ear(error="asr_failed"), nobody, nobody, 300)
    assert await transcript(b"\x00", "en", ear, nobody, nobody, 300) == ""


@pytest.mark.anyio
async def test_people_who_talk_all_day_do_not_keep_a_recording_from_being_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transcribing, "PATIENCE_S", 0.01)

    async def never() -> None:
        await asyncio.Event().wait()

    async def nobody(_: float) -> None: ...

    assert await transcript(speech(2).tobytes(), "en", Ear("Heard."), never, nobody, 300) == "Heard."
