"""Hand-written stand-ins for the model ports, for tests only."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime, timedelta

from domain.audio import SPOKEN_RATE, Audio
from domain.chat import Line
from domain.errors import Unavailable
from domain.knowledge.library import Found
from domain.persona import Card, Language, Persona, Voice
from domain.ports import Prompt, Transcript
from domain.usage import TURN

GUEST = "guest-1"
_VOICE = Voice("heart")


def card(name: str, **more: object) -> Card:
    words = {"description": f"You are {name}.", "greeting": "Welcome. What brings you?", "unheard": "Say that again?"}
    words["unknown"] = "I do not know that."
    empty = dict.fromkeys(("tagline", "personality", "scenario", "style"), "")
    return Card(name=name, voice=_VOICE, **{**empty, **words, **more})  # type: ignore[arg-type]


SOCRATES = Persona("socrates", 40, 0.7, {"en": card("Socrates"), "zh": card("苏格拉底", greeting="你好。")})


class Ear:
    """Hears what it is told to; `delay_s` is how long it takes."""

    def __init__(self, text: str = "Go on", delay_s: float = 0.0, error: str = "") -> None:
        self.text, self.delay_s, self.error = text, delay_s, error
        self.calls: list[float] = []

    async def transcribe(self, speech: Audio, language: Language) -> Transcript:
        self.calls.append(speech.seconds)
        await asyncio.sleep(self.delay_s)
        if self.error:
            raise Unavailable(self.error)
        return Transcript(self.text, language)


class Mind:
    """Says its deltas, one after the other; remembers what it was asked and whether it was stopped."""

    continues = False
    sees = False

    def __init__(self, *deltas: str, pause_s: float = 0.0, fail_after: int = -1) -> None:
        self.deltas, self.pause_s, self.fail_after = deltas, pause_s, fail_after
        self.prompts: list[Prompt] = []
        self.prepared: list[Prompt] = []
        self.stopped = 0

    async def reply(self, prompt: Prompt) -> AsyncGenerator[str, None]:
        self.prompts.append(prompt)
        try:
            for number, delta in enumerate(self.deltas):
                await asyncio.sleep(self.pause_s)
                if number == self.fail_after:
                    raise Unavailable("llm_failed")
                yield delta
        except (GeneratorExit, asyncio.CancelledError):
            self.stopped += 1
            raise

    async def prepare(self, prompt: Prompt) -> None:
        self.prepared.append(prompt)


class Mouth:
    """Speaks 100 ms of sound per word, in chunks of 100 ms."""

    def __init__(self, pause_s: float = 0.0, error: str = "") -> None:
        self.pause_s, self.error = pause_s, error
        self.spoken: list[str] = []

    async def speak(self, text: str, voice: Voice, language: Language) -> AsyncGenerator[Audio, None]:
        if self.error:
            raise Unavailable(self.error)
        self.spoken.append(text)
        for _ in text.split():
            await asyncio.sleep(self.pause_s)
            yield Audio(b"\x01\x00" * (SPOKEN_RATE // 10), SPOKEN_RATE)


class Bookcase:
    """A library that finds what it is told to; remembers what it was asked, for which turn, and what was given up."""

    def __init__(self, found: Found, delay_s: float = 0.0, error: Exception | None = None) -> None:
        self.found, self.delay_s, self.error = found, delay_s, error
        self.asked: list[tuple[str, str, str]] = []
        self.histories: list[list[str]] = []
        self.turns: list[str] = []
        self.patient: list[bool] = []
        self.given_up = 0

    async def consult(
        self, owner: str, persona_id: str, question: str, history: Sequence[Line], patient: bool = False
    ) -> Found:
        self.asked.append((owner, persona_id, question))
        self.histories.append([line.text for line in history])
        self.turns.append(TURN.get())
        self.patient.append(patient)
        try:
            await asyncio.sleep(self.delay_s)
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        if self.error is not None:
            raise self.error
        return self.found


class HandClock:
    """Time that moves only when the test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds
