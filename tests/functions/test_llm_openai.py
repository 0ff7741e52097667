"""The adapter for OpenAI-compatible endpoints, against a small server of our own on loopback."""

import asyncio
import base64
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web

from domain.chat import Line
from domain.errors import ParleyError, Unavailable
from domain.ports import Prompt
from domain.usage import Meter, Usage
from functions.engines.openai_llm import OpenAiLlm, Provider

pytestmark = pytest.mark.anyio
PROMPT = Prompt(
    "chat", "You are Odo.", (Line("user", "Hi"), Line("assistant", "What?"), Line("user", "Beer.")), 50, 0.3
)
Step = Callable[[web.Request, web.StreamResponse], Awaitable[None]]


class Endpoint:
    """Answers each request with the next of `plan`: a status, a refusal, or a list of what is streamed.

    In the list: words, a pause in seconds, tokens counted as (prompt, reply), raw bytes, or None: cut the connection.
    """

    def __init__(self) -> None:
        self.plan: list[int | dict[str, object] | list[str | float | tuple[int, int] | bytes | None]] = []
        self.asked: list[dict[str, object]] = []
        self.speaking, self.gone = asyncio.Event(), asyncio.Event()
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(await request.json() | {"key": request.headers["Authorization"]})
        step = self.plan.pop(0)
        if isinstance(step, int):
            return web.json_response({"error": {"message": "no"}}, status=step)
        if isinstance(step, dict):
            return web.json_response(step.get("body", {"error": step}), status=int(str(step.get("status", 400))))
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
                elif isinstance(word, bytes):
                    await response.write(word)
                elif isinstance(word, tuple):
                    await response.write(_counted(*word))
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


def _counted(prompt: int, reply: int) -> bytes:
    usage = {"prompt_tokens": prompt, "completion_tokens": reply, "total_tokens": prompt + reply}
    event = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": usage}
    return f"data: {json.dumps(event)}\n\n".encode()


@asynccontextmanager
async def served() -> AsyncIterator[Endpoint]:
    endpoint = Endpoint()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", endpoint.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    endpoint.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield endpoint
    finally:
        await runner.cleanup()


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with served() as endpoint:
        yield endpoint


@pytest.fixture
async def second() -> AsyncIterator[Endpoint]:
    async with served() as endpoint:
        yield endpoint


@pytest.fixture
async def llm(endpoint: Endpoint) -> AsyncIterator[OpenAiLlm]:
    llm = OpenAiLlm(endpoint.url, "s3cret", "some-model", first_token_s=60.0)
    yield llm
    await llm.close()


async def said(llm: OpenAiLlm, prompt: Prompt = PROMPT, meter: Meter | None = None) -> list[str]:
    async with aclosing(llm.reply(prompt, meter)) as deltas:
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
    async with asyncio.timeout(60):
        await endpoint.gone.wait()


async def test_cancelling_the_reader_closes_the_connection(endpoint: Endpoint, llm: OpenAiLlm) -> None:
    endpoint.plan = [["One ", 30.0, "never"]]
    task = asyncio.create_task(said(llm))
    async with asyncio.timeout(60):
        await endpoint.speaking.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(60):
        await endpoint.gone.wait()


async def test_tokens_are_as_the_endpoint_counted_them(endpoint: Endpoint, llm: OpenAiLlm) -> None:
    endpoint.plan = [["One ", (7, 1), "beer.", (31, 5)]]
    meter = Meter()
    async with aclosing(llm.reply(PROMPT, meter)) as deltas:
        assert [delta async for delta in deltas] == ["One ", "beer."]
    assert meter.usage() == Usage(0, tokens_in=31, tokens_out=5)
    assert endpoint.asked[0]["stream_options"] == {"include_usage": True}


async def test_tokens_are_estimated_where_nobody_counts(endpoint: Endpoint, llm: OpenAiLlm) -> None:
    endpoint.plan = [{"message": "no", "param": "stream_options"}, ["Twelve chars", "你好"]]
    meter = Meter()
    async with aclosing(llm.reply(PROMPT, meter)) as deltas:
        assert [delta async for delta in deltas] == ["Twelve chars", "你好"]
    assert "stream_options" not in endpoint.asked[1]
    assert meter.usage() == Usage(0, tokens_in=21, tokens_out=6)


async def test_a_reply_that_is_stopped_has_used_tokens_too(endpoint: Endpoint, llm: OpenAiLlm) -> None:
    endpoint.plan = [["Eight ch", 30.0, "never", (31, 5)]]
    meter = Meter()
    deltas = llm.reply(PROMPT, meter)
    assert await anext(deltas) == "Eight ch"
    await deltas.aclose()
    assert meter.usage() == Usage(0, tokens_in=21, tokens_out=3)


@pytest.mark.parametrize(
    "refusal",
    [
        {"message": "Unsupported", "param": "stream_options.include_usage"},
        {"status": 422, "body": {"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs"}]}},
    ],
)
async def test_a_parameter_is_found_however_the_refusal_names_it(
    endpoint: Endpoint, llm: OpenAiLlm, refusal: dict[str, object]
) -> None:
    endpoint.plan = [refusal, ["A"]]
    assert await said(llm) == ["A"]
    assert "stream_options" not in endpoint.asked[1]
    assert endpoint.asked[1]["temperature"] == 0.3


async def test_refusals_of_parameters_are_not_counted_as_tries(endpoint: Endpoint, llm: OpenAiLlm) -> None:
    names = ("max_tokens", "temperature", "stream_options")
    refusals: list[dict[str, object]] = [{"message": "no", "param": name} for name in names]
    endpoint.plan = [*refusals, 500, 500, ["A"]]
    assert await said(llm) == ["A"]


async def test_a_refused_parameter_that_we_cannot_do_without_is_the_end(endpoint: Endpoint, llm: OpenAiLlm) -> None:
    endpoint.plan = [{"message": "no", "param": "messages"}, ["never"]]
    with pytest.raises(Unavailable, match="llm_failed"):
        await said(llm)
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize(
    "nonsense",
    [
        b"data: {not json\n\n",
        b"data: \xff\xfe\n\n",
        b'data: {"error": {"message": "overloaded"}}\n\n',
        b'data: {"choices": [{"index": 0, "delta": {"content": 5}, "finish_reason": null}]}\n\n',
        b"<html>Please log in</html>",
        b"data: [DONE]\n\n",
    ],
)
async def test_nonsense_before_the_first_word_is_tried_again(
    endpoint: Endpoint, llm: OpenAiLlm, nonsense: bytes
) -> None:
    endpoint.plan = [[nonsense, None], ["Beer."]]
    assert await said(llm) == ["Beer."]


async def test_a_stream_that_falls_silent_after_its_first_word_is_given_up(endpoint: Endpoint) -> None:
    endpoint.plan = [["One ", b": ping\n\n", 0.1, b": ping\n\n", 0.1, b": ping\n\n", 30.0]]
    llm = OpenAiLlm(endpoint.url, "", "m", first_token_s=60.0, gap_s=0.3)
    deltas = llm.reply(PROMPT)
    assert await anext(deltas) == "One "
    with pytest.raises(Unavailable, match="llm_failed"):
        await anext(deltas)
    await llm.close()


async def test_an_endpoint_that_never_stops_talking_is_cut_off(endpoint: Endpoint, llm: OpenAiLlm) -> None:
    endpoint.plan = [["blah " * 100] * 50]
    assert 2 <= len(await said(llm)) <= 4


async def test_the_second_provider_answers_when_the_first_does_not(endpoint: Endpoint, second: Endpoint) -> None:
    endpoint.plan = [401]
    second.plan = [["Beer."]]
    llm = OpenAiLlm(endpoint.url, "a", "one", fallback=Provider(second.url, "two", "b"))
    assert await said(llm) == ["Beer."]
    assert (second.asked[0]["model"], second.asked[0]["key"]) == ("two", "Bearer b")
    await llm.close()


async def test_a_first_provider_that_hangs_leaves_time_for_the_second(endpoint: Endpoint, second: Endpoint) -> None:
    endpoint.plan = [[30.0, "never"]]
    second.plan = [["Beer."]]
    llm = OpenAiLlm(endpoint.url, "", "one", first_token_s=10.0, fallback=Provider(second.url, "two"))
    assert await said(llm) == ["Beer."]
    await llm.close()


async def test_nothing_of_the_second_is_spliced_into_a_reply_of_the_first(
    endpoint: Endpoint, second: Endpoint
) -> None:
    endpoint.plan = [["One ", None]]
    llm = OpenAiLlm(endpoint.url, "", "one", fallback=Provider(second.url, "two"))
    deltas = llm.reply(PROMPT)
    assert await anext(deltas) == "One "
    with pytest.raises(Unavailable, match="llm_failed"):
        await anext(deltas)
    assert not second.asked
    await llm.close()


async def test_a_dead_first_provider_is_left_alone_and_probed_again_later(
    endpoint: Endpoint, second: Endpoint
) -> None:
    now = 0.0
    endpoint.plan = [401, 401, 401, ["First."], ["First."]]
    second.plan = [["Second."]] * 5
    llm = OpenAiLlm(endpoint.url, "", "one", fallback=Provider(second.url, "two"), clock=lambda: now)
    assert [await said(llm) for _ in range(4)] == [["Second."]] * 4
    assert len(endpoint.asked) == 2, "two failures, then it rests"
    now = 15.0
    assert await said(llm) == ["Second."], "the probe fails"
    assert len(endpoint.asked) == 3
    now = 45.0
    assert [await said(llm) for _ in range(2)] == [["First."]] * 2
    await llm.close()


async def test_a_refused_prompt_goes_to_the_second_but_does_not_condemn_the_first(
    endpoint: Endpoint, second: Endpoint
) -> None:
    endpoint.plan = [{"message": "too long"}] * 3
    second.plan = [["Second."]] * 3
    llm = OpenAiLlm(endpoint.url, "", "one", fallback=Provider(second.url, "two"))
    assert [await said(llm) for _ in range(3)] == [["Second."]] * 3
    assert len(endpoint.asked) == 3
    await llm.close()


async def test_both_providers_down_is_unavailable(endpoint: Endpoint, second: Endpoint) -> None:
    endpoint.plan, second.plan = [401], [403]
    llm = OpenAiLlm(endpoint.url, "", "one", fallback=Provider(second.url, "two"))
    with pytest.raises(Unavailable, match="llm_failed"):
        await said(llm)
    await llm.close()


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"temperature": float("nan")}, "sampling_bad"),
        ({"max_tokens": 0}, "sampling_bad"),
        ({"system": "\ud800"}, "text_unreadable"),
        ({"system": "x" * 200_001}, "text_too_long"),
    ],
)
async def test_what_cannot_be_asked_is_refused_before_anybody_is(
    endpoint: Endpoint, llm: OpenAiLlm, wrong: dict[str, Any], code: str
) -> None:
    with pytest.raises(ParleyError, match=code) as refused:
        await anext(llm.reply(msgspec.structs.replace(PROMPT, **wrong)))
    assert not isinstance(refused.value, Unavailable)
    assert endpoint.asked == []


def test_a_key_is_never_shown() -> None:
    assert "s3cret" not in repr(Provider("http://127.0.0.1:1/v1", "m", "s3cret"))


def test_importing_the_adapter_does_not_import_the_package() -> None:
    code = "import sys, functions.engines.openai_llm; print('openai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


JPEG = b"\xff\xd8\xff\xe0 a picture"
SHOWN = msgspec.structs.replace(PROMPT, images=(JPEG, JPEG))


async def test_pictures_go_with_the_last_words_and_before_them(endpoint: Endpoint, llm: OpenAiLlm) -> None:
    endpoint.plan = [["A lamp."]]
    assert await said(llm, SHOWN) == ["A lamp."]
    messages: Any = endpoint.asked[0]["messages"]
    *earlier, last = messages
    assert all(isinstance(message["content"], str) for message in earlier)
    assert [part["type"] for part in last["content"]] == ["image_url", "image_url", "text"]
    assert last["content"][0]["image_url"]["url"] == f"data:image/jpeg;base64,{base64.b64encode(JPEG).decode()}"
    assert last["content"][2]["text"] == "Beer."


async def test_an_endpoint_that_takes_no_pictures_gets_the_words_and_is_not_asked_again(
    endpoint: Endpoint, llm: OpenAiLlm
) -> None:
    endpoint.plan = [{"message": "image_url is only supported by vision models"}, ["I see."], ["Still."]]
    assert await said(llm, SHOWN) == ["I see."]
    assert await said(llm, SHOWN) == ["Still."]
    kinds = [type(asked["messages"][-1]["content"]) for asked in endpoint.asked]  # type: ignore[index]
    assert kinds == [list, str, str]


async def test_a_refusal_that_has_nothing_to_do_with_pictures_stays_one(endpoint: Endpoint, llm: OpenAiLlm) -> None:
    endpoint.plan = [{"message": "no"}, {"message": "no"}]
    with pytest.raises(Unavailable, match="llm_failed"):
        await said(llm, SHOWN)


async def test_pictures_count_among_the_tokens_that_were_read(endpoint: Endpoint, llm: OpenAiLlm) -> None:
    meters = Meter(), Meter()
    for meter, prompt in zip(meters, (PROMPT, SHOWN), strict=True):
        endpoint.plan = [["Yes."]]
        await said(llm, prompt, meter)
    assert meters[1].tokens_in - meters[0].tokens_in == 2_000
