"""The Modal app: one class per function, each a thin face of the handler beside it.

Unary methods return (result, Usage). Streams yield a Header first and a Usage last: by the header's call id a
stream can be cancelled, which leaving its loop does not do. Methods are `async def`, because cancelling a
synchronous one under input concurrency ends its container. docs/functions.md shows them all.

Every method wants a token of the caller's (functions/door.py): without one that is good it does nothing.
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
from functions.door import SECRET, SETTING, Door
from functions.engines.style import Style
from functions.pools import Batch, pools

POOLS = pools()
BATCH = POOLS["queries"].batch or Batch(1, 0)
SECRETS = [modal.Secret.from_name(SECRET, required_keys=[SETTING])]
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


@app.cls(image=images.ASR, secrets=SECRETS, **POOLS["asr"].declare())
@modal.concurrent(max_inputs=POOLS["asr"].concurrency)
class Asr:
    @modal.enter()
    def load(self) -> None:
        self.door = Door("asr")
        self.asr = handlers.asr(handlers.Choice())
        self.asr.load()

    @modal.exit()
    def close(self) -> None:
        self.asr.close()

    @modal.method()
    async def wake(self, token: str = "") -> str:
        """Do nothing, in a container that is awake then."""
        self.door.admit(token)
        return _container()

    @modal.method()
    async def transcribe(
        self, speech: Audio | bytes, language: Language, token: str = ""
    ) -> tuple[Transcript, Usage]:
        self.door.admit(token)
        meter = Meter()
        return await self.asr.transcribe(speech, language, meter), _usage(meter)

    @modal.method()
    async def stream(
        self, speech: Audio | bytes, language: Language, token: str = ""
    ) -> AsyncGenerator[Header | Transcript | Usage, None]:
        self.door.admit(token)
        meter = Meter()
        async with aclosing(_told(self.asr.stream(speech, language, meter), meter)) as items:
            async for item in items:
                yield item


@app.cls(image=images.TTS, secrets=SECRETS, **POOLS["tts"].declare())
@modal.concurrent(max_inputs=POOLS["tts"].concurrency)
class Tts:
    @modal.enter()
    def load(self) -> None:
        self.door = Door("tts")
        self.tts = handlers.tts(handlers.Choice())
        self.tts.load()

    @modal.exit()
    def close(self) -> None:
        self.tts.close()

    @modal.method()
    async def wake(self, token: str = "") -> str:
        self.door.admit(token)
        return _container()

    @modal.method()
    async def speak(
        self, text: str, voice: Voice | Audio, language: Language, style: Style | None = None, token: str = ""
    ) -> AsyncGenerator[Header | Audio | Usage, None]:
        """A voice is named, or a clip of 1 to 15 s that is imitated; clips and styles need IndexTTS2."""
        self.door.admit(token)
        meter = Meter()
        async with aclosing(_told(self.tts.speak(text, voice, language, style, meter), meter)) as items:
            async for item in items:
                yield item


@app.cls(image=images.LLM, secrets=SECRETS, **POOLS["llm"].declare())
@modal.concurrent(max_inputs=POOLS["llm"].concurrency)
class Llm:
    @modal.enter()
    def load(self) -> None:
        self.door = Door("llm")
        self.llm = handlers.llm(handlers.Choice())
        self.llm.load()

    @modal.exit()
    def close(self) -> None:
        self.llm.close()

    @modal.method()
    async def wake(self, token: str = "") -> str:
        self.door.admit(token)
        return _container()

    @modal.method()
    async def reply(self, prompt: Prompt, token: str = "") -> AsyncGenerator[Header | str | Usage, None]:
        self.door.admit(token)
        meter = Meter()
        async with aclosing(_told(self.llm.reply(prompt, meter), meter)) as items:
            async for item in items:
                yield item

    @modal.method()
    async def prepare(self, prompt: Prompt, token: str = "") -> tuple[None, Usage]:
        self.door.admit(token)
        meter = Meter()
        await self.llm.prepare(prompt, meter)
        return None, _usage(meter)


@app.cls(image=images.EMBED, secrets=SECRETS, **POOLS["queries"].declare())
@modal.concurrent(max_inputs=POOLS["queries"].concurrency)
class Queries:
    """Single queries, some of different users to one run of the model. A class like this can have no other method."""

    @modal.enter()
    def load(self) -> None:
        self.door = Door("embed")
        self.embedder = handlers.embed(handlers.Choice())
        self.embedder.load()

    @modal.exit()
    def close(self) -> None:
        self.embedder.close()

    @modal.batched(max_batch_size=BATCH.size, wait_ms=BATCH.wait_ms)
    async def embed(
        self, texts: list[list[str]], kinds: list[str], token: list[str]
    ) -> list[tuple[list[Vector] | ParleyError, Usage]]:
        """Each caller sends (texts, kind, token). A caller's error is its answer: raised here, it would be everybody's.

        A batched method takes no defaults (Modal's rule), so here a token must be given.
        """
        meter = Meter()
        refused = [self.door.refusal(each) for each in token]
        let_in = [number for number, refusal in enumerate(refused) if refusal is None]
        asked = [texts[number] for number in let_in], [kinds[number] for number in let_in]
        answers = dict(zip(let_in, await self.embedder.batch(*asked, meter) if let_in else [], strict=True))
        usage = _usage(meter)
        share = Usage(round(usage.engine_ms / max(1, len(answers))), container=usage.container)
        nothing = Usage(0, container=usage.container)
        return [(answers[n], share) if no is None else (no, nothing) for n, no in enumerate(refused)]


@app.cls(image=images.EMBED, secrets=SECRETS, **POOLS["passages"].declare())
@modal.concurrent(max_inputs=POOLS["passages"].concurrency)
class Passages:
    """A page of chunks to a call; and what can be told from vectors.

    A refusal is answered, not raised: what is raised here Modal tries again.
    """

    @modal.enter()
    def load(self) -> None:
        self.door = Door("embed")
        self.embedder = handlers.embed(handlers.Choice())
        self.embedder.load()

    @modal.exit()
    def close(self) -> None:
        self.embedder.close()

    @modal.method()
    async def embed(
        self, texts: Sequence[str], kind: str, token: str = ""
    ) -> tuple[list[Vector] | ParleyError, Usage]:
        meter = Meter()
        if refused := self.door.refusal(token):
            return refused, _usage(meter)
        return await self.embedder.embed(texts, kind, meter), _usage(meter)  # type: ignore[arg-type]

    @modal.method()
    async def similarity(self, one: str, other: str, token: str = "") -> tuple[float | ParleyError, Usage]:
        meter = Meter()
        if refused := self.door.refusal(token):
            return refused, _usage(meter)
        return await self.embedder.similarity(one, other, meter), _usage(meter)

    @modal.method()
    async def rerank(
        self, query: str, texts: Sequence[str], token: str = ""
    ) -> tuple[list[float] | ParleyError, Usage]:
        meter = Meter()
        if refused := self.door.refusal(token):
            return refused, _usage(meter)
        return await self.embedder.rerank(query, texts, meter), _usage(meter)
