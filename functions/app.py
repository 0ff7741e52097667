"""The Modal app: one class per function, each a thin face of the handler beside it.

Unary methods return (result, Usage). Streams yield a Header first and a Usage last: by the header's call id a
stream can be cancelled, which leaving its loop does not do. Methods are `async def`, because cancelling a
synchronous one under input concurrency ends its container. docs/functions.md shows them all.
"""

import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import modal

from domain.audio import Audio
from domain.errors import ParleyError
from domain.persona import Language, Voice
from domain.ports import Prompt, Transcript, Vector
from domain.usage import Header, Meter, Usage
from functions import handlers, images
from functions.engines.style import Style
from functions.pools import Batch, pools

POOLS = pools()
BATCH = POOLS["queries"].batch or Batch(1, 0)
app = modal.App("parley")


def _container() -> str:
    return os.environ.get("MODAL_TASK_ID", "")


async def _told(items: AsyncGenerator[Any, None], meter: Meter) -> AsyncGenerator[Any, None]:
    """Frame a stream: its header, its items, its usage."""
    yield Header(modal.current_function_call_id() or "", _container())
    async with aclosing(items) as stream:
        async for item in stream:
            yield item
    yield _usage(meter)


def _usage(meter: Meter) -> Usage:
    meter.container = _container()
    return meter.usage()


@app.cls(image=images.ASR, **POOLS["asr"].declare())
@modal.concurrent(max_inputs=POOLS["asr"].concurrency)
class Asr:
    @modal.enter()
    def load(self) -> None:
        self.asr = handlers.asr(handlers.Choice())
        self.asr.load()

    @modal.exit()
    def close(self) -> None:
        self.asr.close()

    @modal.method()
    async def wake(self) -> str:
        """Do nothing, in a container that is awake then."""
        return _container()

    @modal.method()
    async def transcribe(self, speech: Audio | bytes, language: Language) -> tuple[Transcript, Usage]:
        meter = Meter()
        return await self.asr.transcribe(speech, language, meter), _usage(meter)

    @modal.method()
    async def stream(
        self, speech: Audio | bytes, language: Language
    ) -> AsyncGenerator[Header | Transcript | Usage, None]:
        meter = Meter()
        async with aclosing(_told(self.asr.stream(speech, language, meter), meter)) as items:
            async for item in items:
                yield item


@app.cls(image=images.TTS, **POOLS["tts"].declare())
@modal.concurrent(max_inputs=POOLS["tts"].concurrency)
class Tts:
    @modal.enter()
    def load(self) -> None:
        self.tts = handlers.tts(handlers.Choice())
        self.tts.load()

    @modal.exit()
    def close(self) -> None:
        self.tts.close()

    @modal.method()
    async def wake(self) -> str:
        return _container()

    @modal.method()
    async def speak(
        self, text: str, voice: Voice | Audio, language: Language, style: Style | None = None
    ) -> AsyncGenerator[Header | Audio | Usage, None]:
        """A voice is named, or a clip of 1 to 15 s that is imitated; clips and styles need IndexTTS2."""
        meter = Meter()
        async with aclosing(_told(self.tts.speak(text, voice, language, style, meter), meter)) as items:
            async for item in items:
                yield item


@app.cls(image=images.LLM, **POOLS["llm"].declare())
@modal.concurrent(max_inputs=POOLS["llm"].concurrency)
class Llm:
    @modal.enter()
    def load(self) -> None:
        self.llm = handlers.llm(handlers.Choice())
        self.llm.load()

    @modal.exit()
    def close(self) -> None:
        self.llm.close()

    @modal.method()
    async def wake(self) -> str:
        return _container()

    @modal.method()
    async def reply(self, prompt: Prompt) -> AsyncGenerator[Header | str | Usage, None]:
        meter = Meter()
        async with aclosing(_told(self.llm.reply(prompt, meter), meter)) as items:
            async for item in items:
                yield item

    @modal.method()
    async def prepare(self, prompt: Prompt) -> tuple[None, Usage]:
        meter = Meter()
        await self.llm.prepare(prompt, meter)
        return None, _usage(meter)


@app.cls(image=images.EMBED, **POOLS["queries"].declare())
@modal.concurrent(max_inputs=POOLS["queries"].concurrency)
class Queries:
    """Single queries, some of different users to one run of the model. A class like this can have no other method."""

    @modal.enter()
    def load(self) -> None:
        self.embedder = handlers.embed(handlers.Choice())
        self.embedder.load()

    @modal.exit()
    def close(self) -> None:
        self.embedder.close()

    @modal.batched(max_batch_size=BATCH.size, wait_ms=BATCH.wait_ms)
    async def embed(
        self, texts: list[list[str]], kinds: list[str]
    ) -> list[tuple[list[Vector] | ParleyError, Usage]]:
        """Each caller sends (texts, kind). A caller's error is its answer: raised here, it would be everybody's."""
        meter = Meter()
        answers = await self.embedder.batch(texts, kinds, meter)
        usage = _usage(meter)
        share = Usage(round(usage.engine_ms / len(answers)), container=usage.container)
        return [(answer, share) for answer in answers]


@app.cls(image=images.EMBED, **POOLS["passages"].declare())
@modal.concurrent(max_inputs=POOLS["passages"].concurrency)
class Passages:
    """A page of chunks to a call; and what can be told from vectors."""

    @modal.enter()
    def load(self) -> None:
        self.embedder = handlers.embed(handlers.Choice())
        self.embedder.load()

    @modal.exit()
    def close(self) -> None:
        self.embedder.close()

    @modal.method()
    async def embed(self, texts: Sequence[str], kind: str) -> tuple[list[Vector], Usage]:
        meter = Meter()
        return await self.embedder.embed(texts, kind, meter), _usage(meter)  # type: ignore[arg-type]

    @modal.method()
    async def similarity(self, one: str, other: str) -> tuple[float, Usage]:
        meter = Meter()
        return await self.embedder.similarity(one, other, meter), _usage(meter)

    @modal.method()
    async def rerank(self, query: str, texts: Sequence[str]) -> tuple[list[float], Usage]:
        meter = Meter()
        return await self.embedder.rerank(query, texts, meter), _usage(meter)
