"""Any LLM behind an OpenAI-compatible endpoint, with a second one for when the first does not answer."""

import asyncio
import logging
import math
import time
from collections.abc import AsyncGenerator, Callable

import msgspec

from domain.chat import bare_tokens, tokens
from domain.errors import Unavailable
from domain.ports import Prompt
from domain.usage import Meter
from functions import checked
from functions.engines.breaker import Breaker
from functions.engines.openai_endpoint import Endpoint, EndpointFailed, Reply, close_later

log = logging.getLogger(__name__)
FIRST_TOKEN_S = 20.0  # all tries together, those at the second provider too
FIRST_SHARE = 0.4  # of that time, which the first provider gets while there is a second
GAP_S = 20.0
IMAGE_TOKENS = 1_000  # of one of 1,024 pixels, as most count; the endpoint's own count replaces it
LONGEST = 24  # characters per token asked for; an endpoint that ignores the limit is cut off there


class Provider(msgspec.Struct, frozen=True):
    """Where an LLM is, and what it is called there."""

    base_url: str
    model: str
    api_key: str = ""

    def __repr__(self) -> str:
        return f"Provider({self.base_url!r}, {self.model!r})"  # never the key: reprs end in logs


class OpenAiLlm:
    """Implements domain.ports.Llm. The endpoint keeps its own prefix cache, so `prepare` has nothing to do.

    The fallback answers when the first provider fails before its first token; a first provider that keeps
    failing is not asked for a while (functions/engines/breaker.py).
    """

    continues = False

    def __init__(
        self,
        base_url: str,
        api_key: str,
        model: str,
        first_token_s: float = FIRST_TOKEN_S,
        fallback: Provider | None = None,
        gap_s: float = GAP_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._first = Endpoint(base_url, api_key, model, gap_s)
        self._second = Endpoint(fallback.base_url, fallback.api_key, fallback.model, gap_s) if fallback else None
        self._breaker = Breaker("the first LLM provider", clock)
        self._first_token_s = first_token_s

    async def reply(self, prompt: Prompt, meter: Meter | None = None) -> AsyncGenerator[str, None]:
        """Yield deltas. Until the first one, what may pass is tried again; after it, a break is Unavailable.

        The meter's tokens grow with the reply, estimated from the text, so that one that is stopped counts too; at
        the end they are what the endpoint counted, if it did. No engine of ours works, so its time stays as it is.
        Raises BadInput, TooLong, Unavailable.
        """
        checked.prompt(prompt)
        meter = meter or Meter()
        reply = None
        characters = 0
        try:
            async with asyncio.timeout(self._first_token_s):
                reply, delta = await self._begin(prompt)
            meter.tokens_in = tokens(prompt.system) + sum(tokens(line.text) for line in prompt.lines)
            meter.tokens_in += IMAGE_TOKENS * len(prompt.images)
            said = 0.0
            while delta is not None and characters <= prompt.max_tokens * LONGEST:
                if delta:
                    characters += len(delta)
                    said += bare_tokens(delta)
                    meter.tokens_out = math.ceil(said)
                    yield delta
                delta = await reply.next()
            if reply.usage is not None:
                meter.tokens_in, meter.tokens_out = reply.usage
        except TimeoutError:
            raise Unavailable("engine_late", engine="llm") from None
        except EndpointFailed as error:
            log.warning("the LLM endpoint failed: %s", error)
            raise Unavailable("llm_failed") from error
        finally:
            if reply is not None:
                close_later(reply)

    async def prepare(self, prompt: Prompt, meter: Meter | None = None) -> None:
        return

    async def close(self) -> None:
        await self._first.close()
        if self._second is not None:
            await self._second.close()

    async def _begin(self, prompt: Prompt) -> tuple[Reply, str | None]:
        """Return the reply of whichever provider began one, and its first words."""
        if self._second is None:
            return await self._first.begin(prompt)
        admitted = self._breaker.admit()
        if admitted is None:
            return await self._second.begin(prompt)
        told = False
        try:
            async with asyncio.timeout(self._first_token_s * FIRST_SHARE):
                begun = await self._first.begin(prompt)
            self._breaker.worked()
            return begun
        except EndpointFailed as error:
            # A refused prompt says that it is alive: another may be less particular, but it isn't left alone.
            told = True
            if error.about_request:
                self._breaker.worked()
            else:
                self._breaker.failed(admitted)
            log.warning("the first LLM provider failed (%s): the second is asked", error)
        except TimeoutError:
            told = True
            self._breaker.failed(admitted)
            log.warning("the first LLM provider is late: the second is asked")
        finally:
            if not told:
                self._breaker.left(admitted)
        return await self._second.begin(prompt)
