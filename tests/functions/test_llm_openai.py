"""The adapter for OpenAI-compatible endpoints, against a small server of our own on loopback."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import pytest
from aiohttp import web

from domain.chat import Line
from domain.errors import Unavailable
from domain.ports import Prompt
from functions.engines.openai_llm import OpenAiLlm

pytestmark = pytest.mark.anyio
PROMPT = Prompt(
    "chat", "You are Odo.", (Line("user", "Hi"), Line("assistant", "What?"), Line("user", "Beer.")), 50, 0.3
)
Step = Callable[[web.Request, web.StreamResponse], Awaitable[None]]


class Endpoint:
    """Answers each request with the next of `plan`: a status, or a list of words (None: cut the connection)."""

    def __init__(self) -> None:
        self.plan: list[int | dict[str, object] | list[str | float | None]] = []
        self.asked: list[dict[str, object]] = []
        self.speaking, self.gone = asyncio.Event(), asyncio.Event()
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(await request.json() | {"key": request.headers["Authorization"]})
        step = self.plan.pop(0)
        if isinstance(step, int):
            return web.json_response({"error": {"message": "no"}}, status=step)
        if isinstance(step, dict):
            return web.json_response({"error": step}, status=400)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            for word in step:
                if isinstance(word, float):
                    await asyncio.sleep(word)
                elif word is None:
                    assert request.transport is not None
                    request.transport.close()
                    return response
                else:
                    await response.write(_event({"role": "assistant", "content": word}, None))
                    self.speaking.set()
            await response.write(_event({}, "stop") + b"data: [DONE]\n\n")
        except (ConnectionError, asyncio.CancelledError):
            self.gone.set()
            raise
        return response


def _event(delta: dict[str, str], finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    event = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return f"data: {json.dumps(event)}\n\n".encode()


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    endpoint = Endpoint()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", endpoint.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    endpoint.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield endpoint
    await runner.cleanup()


@pytest.fixture
async def llm(endpoint: Endpoint) -> AsyncIterator[OpenAiLlm]:
    llm = OpenAiLlm(endpoint.url, "s3cret", "some-model", first_token_s=2.0)
    yield llm
    await llm.close()


async def said(llm: OpenAiLlm) -> list[str]:
    async with aclosing(llm.reply(PROMPT)) as deltas:
        return [delta async for delta in deltas]


async def test_words_arrive_as_they_are_streamed(endpoint: Endpoint, llm: OpenAiLlm) -> None:
    endpoint.plan = [["", "One ", "beer."]]
    assert await said(llm) == ["One ", "beer."]
    asked = endpoint.asked[0]
    assert asked["model"] == "some-model"
    assert asked["key"] == "Bearer s3cret"
    assert asked["max_tokens"] == 50
    assert asked["messages"] == [
        {"role": "system", "content": "You are Odo."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "What?"},
        {"role": "user", "content": "Beer."},
    ]


async def test_what_may_pass_is_tried_again_before_the_first_word(endpoint: Endpoint, llm: OpenAiLlm) -> None:
    endpoint.plan = [500, [None], ["Beer."]]
    assert await said(llm) == ["Beer."]
    assert len(endpoint.asked) == 3


async def test_an_endpoint_that_stays_broken_is_unavailable(endpoint: Endpoint, llm: OpenAiLlm) -> None:
    endpoint.plan = [503, 500, 502, ["never"]]
    with pytest.raises(Unavailable, match="llm_failed"):
        await said(llm)
    assert len(endpoint.asked) == 3


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_refusal_is_not_tried_again(endpoint: Endpoint, llm: OpenAiLlm, status: int) -> None:
    endpoint.plan = [status, ["never"]]
    with pytest.raises(Unavailable, match="llm_failed"):
        await said(llm)
    assert len(endpoint.asked) == 1


async def test_a_parameter_the_endpoint_does_not_take_is_left_out_from_then_on(
    endpoint: Endpoint, llm: OpenAiLlm
) -> None:
    endpoint.plan = [{"message": "no", "param": "max_tokens"}, {"message": "no", "param": "temperature"}, ["A"], ["B"]]
    assert await said(llm) == ["A"]
    assert await said(llm) == ["B"]
    assert endpoint.asked[-1]["max_completion_tokens"] == 50
    assert "max_tokens" not in endpoint.asked[-1]
    assert "temperature" not in endpoint.asked[-1]


async def test_a_stream_that_breaks_in_mid_reply_is_not_begun_again(endpoint: Endpoint, llm: OpenAiLlm) -> None:
    endpoint.plan = [["One ", None], ["never"]]
    deltas = llm.reply(PROMPT)
    assert await anext(deltas) == "One "
    with pytest.raises(Unavailable, match="llm_failed"):
        await anext(deltas)
    assert len(endpoint.asked) == 1


async def test_an_endpoint_that_hangs_is_late(endpoint: Endpoint) -> None:
    endpoint.plan = [[30.0, "never"]]
    llm = OpenAiLlm(endpoint.url, "", "m", first_token_s=0.1)
    with pytest.raises(Unavailable, match="engine_late"):
        await said(llm)
    await llm.close()


async def test_leaving_closes_the_connection(endpoint: Endpoint, llm: OpenAiLlm) -> None:
    endpoint.plan = [["One ", 30.0, "never"]]
    deltas = llm.reply(PROMPT)
    assert await anext(deltas) == "One "
    await deltas.aclose()
    async with asyncio.timeout(5):
        await endpoint.gone.wait()


async def test_cancelling_the_reader_closes_the_connection(endpoint: Endpoint, llm: OpenAiLlm) -> None:
    endpoint.plan = [["One ", 30.0, "never"]]
    task = asyncio.create_task(said(llm))
    async with asyncio.timeout(5):
        await endpoint.speaking.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5):
        await endpoint.gone.wait()


def test_importing_the_adapter_does_not_import_the_package() -> None:
    code = "import sys, functions.engines.openai_llm; print('openai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
