"""One OpenAI-compatible endpoint: asked once or a few times, and its answer read event by event.

Package `openai`, imported only when an endpoint is made. What endpoints do differently is learned from
their refusals and remembered: a parameter that is not taken is left out from then on.
"""

import asyncio
import base64
import logging
from typing import Any

from domain.ports import Prompt

log = logging.getLogger(__name__)
TRIES, BACKOFF_S = 3, 0.25
CONNECT_S = 5.0
# Parameters that can be left out or said in another way.
_OPTIONAL = ("max_tokens", "temperature", "stream_options")


class EndpointFailed(Exception):
    """No answer, or one that broke off. The text names what happened and holds nothing of the prompt or the key."""

    def __init__(self, what: str, passing: bool = False, about_request: bool = False) -> None:
        super().__init__(what)
        self.passing = passing  # may be gone a moment later
        self.about_request = about_request  # it works, but not with this prompt


class Reply:
    """A reply that has begun, or that ended without words."""

    def __init__(self, stream: Any, endpoint: "Endpoint") -> None:
        self._stream = stream
        self._endpoint = endpoint
        self._finished = False
        self.usage: tuple[int, int] | None = None  # tokens of the prompt and of the reply, as the endpoint counted

    async def next(self) -> str | None:
        """Return the next words, "" for an event without any, None at the end. Raises EndpointFailed."""
        try:
            async with asyncio.timeout(self._endpoint.gap_s):
                event = await anext(self._stream)
            return self._read(event)
        except StopAsyncIteration:
            if not self._finished:
                raise EndpointFailed("the stream ended before the reply did", passing=True) from None
            return None
        except TimeoutError:
            raise EndpointFailed("nothing came for too long", passing=True) from None
        except (ValueError, TypeError, AttributeError) as error:
            raise EndpointFailed("an event could not be read", passing=True) from error
        except self._endpoint.errors as error:
            raise self._endpoint.failure(error) from error

    def _read(self, event: Any) -> str:
        counted = getattr(event, "usage", None)
        if counted is not None:  # some send it with every event, growing; most once, after the end
            self.usage = int(counted.prompt_tokens), int(counted.completion_tokens)
        words = ""
        for choice in (event.choices or ())[:1]:
            self._finished = self._finished or choice.finish_reason is not None
            words = (choice.delta.content if choice.delta is not None else "") or ""
        if not isinstance(words, str):
            raise TypeError("words are no text")
        return words

    async def close(self) -> None:
        await self._stream.close()


class Endpoint:
    """`gap_s` is the longest silence between two events of a stream."""

    def __init__(self, base_url: str, api_key: str, model: str, gap_s: float) -> None:
        import openai

        self._openai = openai
        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=api_key or "none",
            max_retries=0,  # we try again ourselves: a stream may also break before its first token
            timeout=openai.Timeout(gap_s, connect=CONNECT_S),
        )
        self._model = model
        self._refused: set[str] = set()
        self._blind = False  # it has refused a picture: from then on it gets words only
        self.gap_s = gap_s
        self.errors = (openai.OpenAIError,)

    async def close(self) -> None:
        await self._client.close()

    async def begin(self, prompt: Prompt, tries: int = TRIES) -> tuple[Reply, str | None]:
        """Return a reply and its first words, None if it has none. What may pass is tried again.

        No deadline of its own. Raises EndpointFailed.
        """
        left = tries
        while True:
            reply = None
            try:
                reply = Reply(await self._ask(prompt), self)
                while (words := await reply.next()) == "":
                    continue
                return reply, words
            except self.errors as error:
                if self._learns(error) or self._learns_blindness(error, prompt):
                    continue
                failed = self.failure(error)
            except EndpointFailed as error:
                failed = error
            except asyncio.CancelledError:
                if reply is not None:
                    close_later(reply)
                raise
            if reply is not None:
                close_later(reply)
            left -= 1
            if not left or not failed.passing:
                raise failed
            await asyncio.sleep(BACKOFF_S * 2 ** (tries - 1 - left))

    async def _ask(self, prompt: Prompt) -> Any:
        messages: list[dict[str, Any]] = [{"role": "system", "content": prompt.system}]
        messages += [{"role": line.role, "content": line.text} for line in prompt.lines]
        if prompt.images and not self._blind:
            messages[-1]["content"] = _with_images(messages[-1]["content"], prompt.images)
        more: dict[str, Any] = {
            "max_tokens": prompt.max_tokens,
            "temperature": prompt.temperature,
            "stream_options": {"include_usage": True},
        }
        more = {name: value for name, value in more.items() if name not in self._refused}
        if "max_tokens" in self._refused:
            more["max_completion_tokens"] = prompt.max_tokens
        # The library's overloads cannot follow a dict of parameters.
        create: Any = self._client.chat.completions.create
        return await create(model=self._model, messages=messages, stream=True, **more)

    def _learns(self, error: Exception) -> bool:
        """Whether a refusal names a parameter that we can do without; each is learned once.

        Not all fill in `param`: FastAPI-like servers answer 422 and name it somewhere in the body.
        """
        if not isinstance(error, self._openai.BadRequestError | self._openai.UnprocessableEntityError):
            return False
        said = (error.param or "").split(".")[0] or f"{error.message} {error.body}"
        for name in _OPTIONAL:
            if name not in self._refused and (said == name or (not error.param and name in said)):
                self._refused.add(name)
                log.info("the LLM endpoint does not take %s: left out from now on", name)
                return True
        return False

    def _learns_blindness(self, error: Exception, prompt: Prompt) -> bool:
        """Whether what was refused had pictures in it. Servers say so in many ways: it is tried once without."""
        refused = isinstance(error, self._openai.BadRequestError | self._openai.UnprocessableEntityError)
        if not refused or not prompt.images or self._blind:
            return False
        self._blind = True
        log.warning("the LLM endpoint takes no pictures (LLM_SEES=0 is for it): it gets their words only")
        return True

    def failure(self, error: Exception) -> EndpointFailed:
        o = self._openai
        status = getattr(error, "status_code", None)
        what = f"{type(error).__name__} {status}" if status else type(error).__name__
        # A bare APIError is an error that was sent inside a stream which began well.
        passing = isinstance(error, o.APIConnectionError | o.InternalServerError | o.RateLimitError)
        return EndpointFailed(
            what,
            passing=passing or type(error) is o.APIError,
            about_request=isinstance(error, o.BadRequestError | o.UnprocessableEntityError),
        )


def _with_images(text: str, images: tuple[bytes, ...]) -> list[dict[str, Any]]:
    """Return a message's parts: the pictures first, so that the words are the last thing read."""
    urls = [f"data:image/jpeg;base64,{base64.b64encode(image).decode()}" for image in images]
    return [*({"type": "image_url", "image_url": {"url": url}} for url in urls), {"type": "text", "text": text}]


_closing: set[asyncio.Task[None]] = set()


def close_later(reply: Reply) -> None:
    """Close it in a task of its own: whoever leaves a generator under cancellation must not wait here."""
    task = asyncio.get_running_loop().create_task(reply.close())
    _closing.add(task)
    task.add_done_callback(_closing.discard)
