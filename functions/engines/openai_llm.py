"""Any LLM behind an OpenAI-compatible endpoint (package `openai`, imported only when one is configured)."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Any

from domain.errors import Unavailable
from domain.ports import Prompt

log = logging.getLogger(__name__)
FIRST_TOKEN_S = 20.0  # all tries together
GAP_S = 20.0
TRIES, BACKOFF_S = 3, 0.25


class _BrokenOff(Exception):
    """The stream ended before the endpoint said that the reply had."""


class OpenAiLlm:
    """Implements domain.ports.Llm. The endpoint keeps its own prefix cache, so `prepare` has nothing to do."""

    continues = False

    def __init__(self, base_url: str, api_key: str, model: str, first_token_s: float = FIRST_TOKEN_S) -> None:
        import openai

        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=api_key or "none",
            max_retries=0,  # we try again ourselves: a stream may also break before its first token
            timeout=openai.Timeout(GAP_S, connect=5.0),
        )
        self._failures = (openai.OpenAIError, _BrokenOff)
        self._passing = (openai.APIConnectionError, openai.InternalServerError, openai.RateLimitError, _BrokenOff)
        self._bad_request = openai.BadRequestError
        self._model = model
        self._first_token_s = first_token_s
        self._refused: set[str] = set()  # parameters that this endpoint does not take
        self._closing: set[asyncio.Task[None]] = set()

    async def reply(self, prompt: Prompt) -> AsyncGenerator[str, None]:
        """Yield deltas. Until the first one, what may pass is tried again; after it, a break is Unavailable."""
        stream = None
        try:
            async with asyncio.timeout(self._first_token_s):
                stream, delta = await self._first(prompt)
            while delta is not None:
                if delta:
                    yield delta
                delta = await _next(stream)
        except TimeoutError:
            raise Unavailable("engine_late", engine="llm") from None
        except self._failures as error:
            log.warning("the LLM endpoint failed: %s", type(error).__name__)
            raise Unavailable("llm_failed") from error
        finally:
            if stream is not None:
                # In a task of its own: whoever leaves a generator under cancellation must not wait here.
                task = asyncio.get_running_loop().create_task(stream.close())
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)

    async def prepare(self, prompt: Prompt) -> None:
        return

    async def close(self) -> None:
        await self._client.close()

    async def _first(self, prompt: Prompt) -> tuple[Any, str | None]:
        """Return the stream and its first words, None if it has none."""
        for left in reversed(range(TRIES)):
            stream = None
            try:
                stream = await self._ask(prompt)
                while (delta := await _next(stream)) == "":
                    continue
                return stream, delta
            except self._bad_request as error:
                if error.param in self._refused or error.param not in ("max_tokens", "temperature"):
                    raise
                self._refused.add(error.param)
            except self._passing:
                if stream is not None:
                    await stream.close()
                if not left:
                    raise
                await asyncio.sleep(BACKOFF_S * 2 ** (TRIES - 1 - left))
        raise Unavailable("llm_failed")

    async def _ask(self, prompt: Prompt) -> Any:
        messages: list[dict[str, str]] = [{"role": "system", "content": prompt.system}]
        messages += [{"role": line.role, "content": line.text} for line in prompt.lines]
        more: dict[str, Any] = {"max_tokens": prompt.max_tokens, "temperature": prompt.temperature}
        more = {name: value for name, value in more.items() if name not in self._refused}
        if "max_tokens" in self._refused:
            more["max_completion_tokens"] = prompt.max_tokens
        # The library's overloads cannot follow a dict of parameters.
        create: Any = self._client.chat.completions.create
        return await create(model=self._model, messages=messages, stream=True, **more)


async def _next(stream: Any) -> str | None:
    """Return the next delta, "" for an event without words, None at the end."""
    try:
        event = await anext(stream)
    except StopAsyncIteration:
        if not getattr(stream, "finished", False):
            raise _BrokenOff from None
        return None
    for choice in event.choices[:1]:
        if choice.finish_reason is not None:
            stream.finished = True
        return choice.delta.content or ""
    return ""
