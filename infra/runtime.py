"""The model ports of the domain, answered by function calls; and the inline runtime: functions in this process."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, aclosing, nullcontext
from typing import Any, Literal

from domain.audio import Audio
from domain.persona import Language, Voice
from domain.ports import Prompt, Transcript, Vector
from domain.usage import Meter
from functions.pools import Name
from infra.calls import Calls
from infra.engines import WAKE_S, Engine

Alone = Callable[[Voice], AbstractContextManager[None]]
ASR_S = 20.0
FIRST_TOKEN_S = 45.0  # a whole character prompt may have to be read first, behind another chat's reply
TOKEN_GAP_S = 20.0
FIRST_SOUND_S = 30.0
SOUND_GAP_S = 20.0
EMBED_S = 30.0
PREPARE_S = 60.0


class InlineBackend:
    """Handlers in this process; implements infra.calls.Backend."""

    def __init__(self, engines: Mapping[Name, Engine[Any]]) -> None:
        self._engines = engines

    async def call(self, function: Name, method: str, *args: object, meter: Meter) -> Any:
        handler = await self._engines[function].loaded()
        return await getattr(handler, method)(*args, meter=meter)

    async def stream(self, function: Name, method: str, *args: object, meter: Meter) -> AsyncGenerator[Any, None]:
        handler = await self._engines[function].loaded()
        async with aclosing(getattr(handler, method)(*args, meter=meter)) as items:
            async for item in items:
                yield item

    def patience(self, function: Name) -> float:
        engine = self._engines[function]
        return 0.0 if engine.status.state == "ready" else WAKE_S


class RuntimeTranscriber:
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def transcribe(self, speech: Audio, language: Language) -> Transcript:
        transcript: Transcript = await self._calls.ask("asr", "transcribe", speech, language, within_s=ASR_S)
        return transcript


class RuntimeSpeaker:
    def __init__(self, calls: Calls, alone: Alone | None = None) -> None:
        """`alone` gives a voice the cores for as long as it speaks, where it shares them with the LLM."""
        self._calls = calls
        self._alone = alone or (lambda voice: nullcontext())

    async def speak(self, text: str, voice: Voice, language: Language) -> AsyncGenerator[Audio, None]:
        sounds = self._calls.stream("tts", "speak", text, voice, language, first_s=FIRST_SOUND_S, gap_s=SOUND_GAP_S)
        with self._alone(voice):
            async with aclosing(sounds) as stream:
                async for audio in stream:
                    yield audio


class RuntimeLlm:
    def __init__(self, calls: Calls, continues: bool = False, sees: bool = False) -> None:
        self._calls = calls
        self.continues, self.sees = continues, sees

    async def reply(self, prompt: Prompt) -> AsyncGenerator[str, None]:
        deltas = self._calls.stream("llm", "reply", prompt, first_s=FIRST_TOKEN_S, gap_s=TOKEN_GAP_S)
        async with aclosing(deltas) as stream:
            async for delta in stream:
                yield delta

    async def prepare(self, prompt: Prompt) -> None:
        await self._calls.ask("llm", "prepare", prompt, within_s=PREPARE_S)


class RuntimeReranker:
    """Question and text read together by a cross-encoder, where the functions have one: domain.knowledge.search."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        scores: list[float] = await self._calls.ask("passages", "rerank", query, list(texts), within_s=EMBED_S)
        return scores


class RuntimeEmbedder:
    """Queries share runs of the model with other users' (micro-batches); passages go many to a call."""

    def __init__(self, calls: Calls, size: int) -> None:
        self._calls = calls
        self.size = size

    async def embed(self, texts: Sequence[str], kind: Literal["query", "passage"]) -> list[Vector]:
        if not texts:
            return []
        function: Name = "queries" if kind == "query" else "passages"
        vectors: list[Vector] = await self._calls.ask(function, "embed", list(texts), kind, within_s=EMBED_S)
        return vectors
