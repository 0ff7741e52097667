"""The app "matrix". It says nothing that a release of modal since 1.3 does not know."""

import asyncio
import os
import time
from collections.abc import AsyncIterator

import modal

app = modal.App("matrix")
store = modal.Dict.from_name("matrix-notes", create_if_missing=True)
secret = modal.Secret.from_dict({"MATRIX_SECRET": "a secret word"})


@app.function(secrets=[secret])
def square(x: int) -> int:
    return x * x if os.environ["MATRIX_SECRET"] == "a secret word" else -1


@app.function()
def add(a: int, b: int) -> int:
    return a + b


@app.function()
def sulk() -> None:
    raise KeyError("not today")


@app.function(retries=modal.Retries(max_retries=2, initial_delay=0.0))
def third_time(key: str) -> int:
    count = int(store.get(key, 0)) + 1
    store.put(key, count)
    if count < 3:
        raise ValueError(f"try {count}")
    return count


@app.function(timeout=5)  # also what releases before 1.4 give a container to start
def slow(seconds: float) -> str:
    time.sleep(seconds)
    return "in time"


@app.cls(max_containers=1)
@modal.concurrent(max_inputs=4)
class Echo:
    @modal.enter()
    def first(self) -> None:
        self.steps = ["first"]
        self.inside = self.most = 0

    @modal.enter()
    async def second(self) -> None:
        self.steps.append("second")

    @modal.method()
    async def hooks(self) -> list[str]:
        return self.steps

    @modal.method()
    async def say(self, data: bytes) -> bytes:
        return data

    @modal.method()
    async def crowd(self) -> int:
        """Return the most that were ever in here together; wait for four."""
        self.inside += 1
        self.most = max(self.most, self.inside)
        end = time.monotonic() + 30
        while self.most < 4 and time.monotonic() < end:  # noqa: ASYNC110 - it has to stay what every release knows
            await asyncio.sleep(0.02)
        self.inside -= 1
        return self.most

    @modal.method()
    async def count(self, n: int) -> AsyncIterator[int]:
        for number in range(n):
            yield number

    @modal.method()
    async def where(self) -> int:
        return os.getpid()

    @modal.method()
    async def forever(self, key: str) -> AsyncIterator[str]:
        """The first item is the call's id."""
        yield modal.current_function_call_id() or ""
        try:
            while True:
                await asyncio.sleep(0.02)
                yield "more"
        finally:
            await store.put.aio(key, os.getpid())


@app.cls(max_containers=1)
class Together:
    @modal.batched(max_batch_size=4, wait_ms=2_000)
    async def double(self, x: list[int]) -> list[tuple[int, int]]:
        return [(2 * each, len(x)) for each in x]


@app.cls(max_containers=1)
class Greeter:
    word: str = modal.parameter()

    @modal.method()
    def greet(self) -> str:
        return f"hello {self.word}"


@app.cls(max_containers=1, scaledown_window=2)
class Brief:
    @modal.method()
    async def hello(self) -> int:
        return os.getpid()

    @modal.exit()
    def end(self) -> None:
        store.put("exit", os.getpid())


@app.function(schedule=modal.Period(seconds=2))
def tick() -> None:
    store.put("tick", int(store.get("tick", 0)) + 1)


@app.function()
@modal.asgi_app()
def site() -> object:
    async def answer(scope: dict[str, str], receive: object, send: object) -> None:
        assert callable(send)
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 203, "headers": []})
            await send({"type": "http.response.body", "body": scope["path"].encode()})

    return answer
