"""The inline runtime: the model ports, answered by engines in this process, each call with a deadline."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractContextManager, aclosing
from typing import Literal, TypeVar

from domain.audio import Audio
from domain.errors import ParleyError, Unavailable
from domain.persona import Language, Voice
from domain.ports import Embedder, Llm, Prompt, Speaker, Transcriber, Transcript, Vector
from infra.engines import Engine

log = logging.getLogger(__name__)
T = TypeVar("T")
Alone = Callable[[Voice], AbstractContextManager[None]]
ASR_S = 20.0
FIRST_TOKEN_S = 45.0  # a whole character prompt may have to be read first, behind another chat's reply
TOKEN_GAP_S = 20.0
FIRST_SOUND_S = 30.0
SOUND_GAP_S = 20.0
EMBED_S = 30.0
PREPARE_S = 60.0


async def _bounded(
    items: AsyncGenerator[T, None], engine: str, first_s: float, gap_s: float
) -> AsyncGenerator[T, None]:
    """Pass on a stream whose first item must come within `first_s` and each further one within `gap_s`."""
    limit = first_s
    async with aclosing(items) as stream:
        while True:
            try:
                async with asyncio.timeout(limit):
                    item = await anext(stream)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise Unavailable("engine_late", engine=engine) from None
            except ParleyError:
                raise
            except Exception as error:
                log.exception("%s failed", engine)
                raise Unavailable(f"{engine}_failed") from error
            yield item
            limit = gap_s


class InlineTranscriber:
    def __init__(self, engine: Engine[Transcriber]) -> None:
        self._engine = engine

    async def transcribe(self, speech: Audio, language: Language) -> Transcript:
        asr = await self._engine.loaded()
        try:
            async with asyncio.timeout(ASR_S):
                return await asr.transcribe(speech, language)
        except TimeoutError:
            raise Unavailable("engine_late", engine="asr") from None
        except ParleyError:
            raise
        except Exception as error:
            log.exception("asr failed")
            raise Unavailable("asr_failed") from error


class InlineSpeaker:
    def __init__(self, engine: Engine[Speaker], alone: Alone) -> None:
        """`alone` gives a voice the cores for as long as it speaks, where it needs them."""
        self._engine = engine
        self._alone = alone

    async def speak(self, text: str, voice: Voice, language: Language) -> AsyncGenerator[Audio, None]:
        tts = await self._engine.loaded()
        sounds = _bounded(tts.speak(text, voice, language), "tts", FIRST_SOUND_S, SOUND_GAP_S)
        with self._alone(voice):
            async with aclosing(sounds) as stream:
                async for audio in stream:
                    yield audio


class InlineLlm:
    def __init__(self, engine: Engine[Llm], continues: bool = False) -> None:
        self._engine = engine
        self.continues = continues

    async def reply(self, prompt: Prompt) -> AsyncGenerator[str, None]:
        llm = await self._engine.loaded()
        async with aclosing(_bounded(llm.reply(prompt), "llm", FIRST_TOKEN_S, TOKEN_GAP_S)) as deltas:
            async for delta in deltas:
                yield delta

    async def prepare(self, prompt: Prompt) -> None:
        llm = await self._engine.loaded()
        try:
            async with asyncio.timeout(PREPARE_S):
                await llm.prepare(prompt)
        except TimeoutError:
            raise Unavailable("engine_late", engine="llm") from None


class InlineEmbedder:
    size = 384

    def __init__(self, engine: Engine[Embedder]) -> None:
        self._engine = engine

    async def embed(self, texts: Sequence[str], kind: Literal["query", "passage"]) -> list[Vector]:
        embedder = await self._engine.loaded()
        try:
            async with asyncio.timeout(EMBED_S):
                return await embedder.embed(texts, kind)
        except TimeoutError:
            raise Unavailable("engine_late", engine="embed") from None
