"""Recordings to text: in stretches that a transcriber takes, cut where somebody pauses."""

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np

from domain.audio import HEARD_RATE, Audio
from domain.persona import Language
from domain.ports import Transcriber

# A whisper hears 30 s at once, and who speaks meanwhile waits behind one stretch at most.
LONGEST_S, SHORTEST_S = 28.0, 14.0
FRAME_S = 0.2  # a pause has to be that long to be found
PATIENCE_S = 20.0  # a stretch waits so long for people who are being answered, then it is its turn
Told = Callable[[float], Awaitable[None]]
Idle = Callable[[], Awaitable[None]]


def stretches(samples: "np.ndarray", rate: int = HEARD_RATE) -> list[tuple[int, int]]:
    """Return where each stretch begins and ends: between SHORTEST_S and LONGEST_S long, the last one shorter.

    Cut in the middle of the quietest fifth of a second in between.
    """
    frame = int(FRAME_S * rate)
    found: list[tuple[int, int]] = []
    start = 0
    while len(samples) - start > LONGEST_S * rate:
        begin = start + int(SHORTEST_S * rate)
        window = samples[begin : start + int(LONGEST_S * rate)]
        frames = window[: len(window) // frame * frame].reshape(-1, frame).astype(np.float32)
        at = begin + int((frames**2).mean(axis=1).argmin()) * frame + frame // 2
        found.append((start, at))
        start = at
    if len(samples) > start:
        found.append((start, len(samples)))
    return found


async def patiently(idle: Idle) -> None:
    """Wait for a moment when nobody is being answered, but not for ever."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            await idle()
    except TimeoutError:
        pass


async def transcript(sound: bytes, language: Language, asr: Transcriber, idle: Idle, told: Told, most: int) -> str:
    """Return what is said in mono PCM16 of 16 kHz, a paragraph for each stretch, at most about `most` characters.

    `told` learns how far it is, 0 to 1. Raises Unavailable.
    """
    samples = np.frombuffer(sound[: len(sound) & ~1], "<i2")
    parts = await asyncio.to_thread(stretches, samples)
    said: list[str] = []
    for number, (start, end) in enumerate(parts):
        await patiently(idle)
        heard = await asr.transcribe(Audio(samples[start:end].tobytes(), HEARD_RATE), language)
        if text := heard.text.strip():
            said.append(text)
        if sum(map(len, said)) > most:
            break
        await told((number + 1) / len(parts))
    return "\n\n".join(said)
