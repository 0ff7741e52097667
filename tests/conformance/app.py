"""The app "parley-conformance": one function for each thing of Modal's that Parley builds on.

What must be seen from outside is written into a modal.Dict, which every target has, and not into files.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import modal

from domain.audio import Audio
from domain.errors import BadInput, TooLong, Unavailable
from domain.persona import Language, Voice
from domain.usage import Header, Usage
from functions.embed import Embed
from functions.engines.setting import BadSetting
from tests.conformance.image import IMAGE

APP = "parley-conformance"
NOTES = "parley-conformance-notes"
QUEUE = "parley-conformance-queue"
KEY = "CONFORMANCE_KEY"
MOST_INSIDE = 4
LATE_S = 60.0
app = modal.App(APP, image=IMAGE)
notes = modal.Dict.from_name(NOTES, create_if_missing=True)
queue = modal.Queue.from_name(QUEUE, create_if_missing=True)
secret = modal.Secret.from_dict({KEY: "a secret word"})


class Sulking(Exception):
    """An error of this app alone."""

    def __init__(self, why: str, seconds: int) -> None:
        super().__init__(why, seconds)
        self.seconds = seconds


def container() -> str:
    return os.environ.get("MODAL_TASK_ID", "")


async def times(key: str) -> int:
    """Return which time this key is asked for. One caller at a time."""
    count = int(await notes.get.aio(key, 0)) + 1
    await notes.put.aio(key, count)
    return count


@app.cls(max_containers=1)
@modal.concurrent(max_inputs=MOST_INSIDE)
class Echo:
    @modal.enter()
    async def first(self) -> None:
        self.steps = ["first"]
        self.inside = self.most = 0

    @modal.enter()
    def second(self) -> None:
        self.steps.append("second")

    @modal.method()
    async def say(self, data: object) -> object:
        return data

    @modal.method()
    async def hooks(self) -> list[str]:
        return self.steps

    @modal.method()
    async def where(self) -> str:
        return container()

    @modal.method()
    async def crowd(self, seconds: float) -> int:
        """Return the most that were ever in here together; wait for a full house, and then for who might still come."""
        self.inside += 1
        self.most = max(self.most, self.inside)
        until = time.monotonic() + LATE_S
        while self.most < MOST_INSIDE and time.monotonic() < until:  # noqa: ASYNC110 - others come in
            await asyncio.sleep(0.01)
        await asyncio.sleep(seconds)
        self.inside -= 1
        return self.most

    @modal.method()
    async def count(self, n: int) -> AsyncIterator[int]:
        for number in range(n):
            yield number

    @modal.method()
    async def fail(self, kind: str) -> None:
        errors: dict[str, Exception] = {
            "bad": BadInput("language_unknown", language="tlh"),
            "long": TooLong("speech_too_long", seconds=60),
            "away": Unavailable("engine_busy", engine="asr", retry_after=7),
            "own": Sulking("not today", 7),
        }
        raise errors[kind]

    @modal.method()
    async def fail_late(self) -> AsyncIterator[int]:
        yield 1
        raise BadInput("voice_unknown", voice="nobody")

    @modal.method()
    async def need(self, name: str) -> str:
        """Return the length of a secret's value, never the value."""
        if not os.environ.get(name):
            raise BadSetting(name, "", "the secret is missing")
        return str(len(os.environ[name]))

    @modal.method()
    async def forever(self, key: str) -> AsyncIterator[str | None]:
        """The first item is the call's id."""
        yield modal.current_function_call_id()
        try:
            while True:
                await asyncio.sleep(0.02)
                yield None
        finally:
            await notes.put.aio(key, container())

    @modal.method()
    async def hang(self, key: str) -> None:
        await notes.put.aio(f"{key}-began", container())
        try:
            await asyncio.sleep(60)
        finally:
            await notes.put.aio(key, container())


@app.function(secrets=[secret])
def surroundings() -> dict[str, str | None]:
    return {name: os.environ.get(name) for name in (KEY, "CONFORMANCE_WORD", "MODAL_TOKEN_ID")}


@app.function()
def square(x: int) -> int:
    return x * x


@app.function()
def add(a: int, b: int) -> int:
    return a + b


@app.function(timeout=3, startup_timeout=60)
def slow(seconds: float) -> str:
    time.sleep(seconds)
    return "in time"


@app.function(retries=modal.Retries(max_retries=2, initial_delay=0.0))
async def third_time(key: str) -> int:
    count = await times(key)
    if count < 3:
        raise ValueError(f"try {count}")
    return count


@app.function()
async def pass_on(word: str) -> int:
    """Take what the caller has put into the queue, and say how much there was."""
    found = await queue.get_many.aio(10, block=False, partition=word)
    await queue.put_many.aio([item.upper() for item in found], partition=f"{word}-back")
    return len(found)


@app.function(schedule=modal.Period(seconds=2))
async def every_two_seconds() -> None:
    await notes.put.aio("period", time.time())


@app.function(schedule=modal.Cron("*/30 * * * *", timezone="Asia/Shanghai"))
def every_half_hour() -> None:
    """Only declared: nobody waits for it."""


@app.cls(max_containers=1)
class Together:
    @modal.batched(max_batch_size=4, wait_ms=6_000)  # eight that come together arrive within it
    async def add(self, a: list[int], b: list[int]) -> list[tuple[int, int]]:
        return [(x + y, len(a)) for x, y in zip(a, b, strict=True)]


@app.cls(max_containers=1)
class Greeter:
    word: str = modal.parameter()

    @modal.method()
    async def greet(self) -> tuple[str, str]:
        return self.word, container()


@app.cls(max_containers=1, scaledown_window=2)
class Brief:
    @modal.enter()
    async def begin(self) -> None:
        await notes.put.aio("brief", "enter")

    @modal.method()
    async def hello(self) -> str:
        return container()

    @modal.exit()
    async def end(self) -> None:
        await notes.put.aio("brief", "exit")


@app.cls(max_containers=1)
class Queries:
    """Named as Parley's own class, for calls by infra.calls: its model has another dimension than the index."""

    @modal.enter()
    def load(self) -> None:
        from functions.engines.rehearsed import Reader

        Embed(lambda: Reader(8), 384).load()

    @modal.method()
    async def embed(self, texts: list[str], kind: str, token: str = "") -> None:
        """Never reached."""


@app.cls(max_containers=1, retries=modal.Retries(max_retries=2, initial_delay=0.0))
class Passages:
    """Named as Parley's own class, for calls by infra.calls: dies or fails at first, and answers then."""

    @modal.method()
    async def embed(self, key: str, how: str, token: str = "") -> tuple[int, Usage]:
        count = await times(key)
        if count == 1 and how == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if count < 3 and how == "fails":
            raise RuntimeError(f"try {count}")
        return count, Usage(7, container=container())


@app.cls(max_containers=1)
class Tts:
    """Named as Parley's own class, for calls by infra.calls: dies in the middle of what it says, once it was heard."""

    @modal.method()
    async def speak(
        self, key: str, voice: Voice, language: Language, token: str = ""
    ) -> AsyncIterator[Header | Audio | Usage]:
        await times(key)
        yield Header(modal.current_function_call_id() or "", container())
        yield Audio(bytes(480), 24_000)
        until = time.monotonic() + LATE_S
        while not await notes.get.aio(f"{key}-heard", False) and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        os.kill(os.getpid(), signal.SIGKILL)


Message = dict[str, Any]


@app.function()
@modal.asgi_app()
def site() -> object:
    async def answer(
        scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if scope["type"] != "http":
            return
        headers = [(b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 203, "headers": headers})
        await send({"type": "http.response.body", "body": scope["path"].encode() + b"?" + scope["query_string"]})

    return answer
