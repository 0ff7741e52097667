"""An app for the tests of the local plane: one function for each thing that functions can do.

It is deployed by `modal deploy` and imported again in each container, as any other app is.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import modal


def not_ours(path: Path) -> bool:
    """Of the package `tests`, upload this module alone: others are edited while tests run."""
    return path.name != "__init__.py" and not path.match("infra/local/sample.py")


source = modal.Image.debian_slim().add_local_python_source("tests", ignore=not_ours)
app = modal.App("sample", image=source, include_source=False)
image = modal.Image.debian_slim().env({"SAMPLE_IMAGE": "an image's word"})
image = image.add_local_python_source("tests", ignore=not_ours)
secret = modal.Secret.from_dict({"SAMPLE_SECRET": "a secret word"})


class Sulking(Exception):
    """An error that only this app has."""

    def __init__(self, why: str, seconds: int) -> None:
        super().__init__(why, seconds)
        self.seconds = seconds


def note(name: str, text: object) -> None:
    """Leave a line where the tests look for it."""
    with (Path(os.environ["PARLEY_SAMPLE_NOTES"]) / name).open("a") as file:
        file.write(f"{text}\n")


def notes(name: str) -> list[str]:
    path = Path(os.environ["PARLEY_SAMPLE_NOTES"]) / name
    return path.read_text().splitlines() if path.exists() else []


@app.function(image=image, secrets=[secret])
def square(x: int) -> int:
    return x * x


@app.function(image=image, secrets=[secret])
def surroundings(names: list[str]) -> dict[str, str | None]:
    return {name: os.environ.get(name) for name in names} | {"cwd": str(Path.cwd()), "file": __file__}


@app.function()
async def squares_of_squares(x: int) -> int:
    """A function that calls another."""
    return await square.remote.aio(await square.remote.aio(x))


@app.function(single_use_containers=True, max_containers=2)
def once_each() -> int:
    return os.getpid()


@app.cls(max_containers=1)
@modal.concurrent(max_inputs=4, target_inputs=1)
class Elastic:
    """One at a time as long as there may be more containers, four at a time when there may not."""

    at_once = 0

    @modal.method()
    async def most(self) -> int:
        self.at_once += 1
        most = 0
        for _ in range(40):
            most = max(most, self.at_once)
            await asyncio.sleep(0.1)
        self.at_once -= 1
        return most


@app.function()
def sulk() -> None:
    raise Sulking("not today", 7)


@app.function(retries=modal.Retries(max_retries=2, initial_delay=0.0))
def third_time(key: str) -> int:
    note(key, os.getpid())
    if len(notes(key)) < 3:
        raise ValueError(f"try {len(notes(key))}")
    return len(notes(key))


@app.function(timeout=3, startup_timeout=60)
def slow(seconds: float) -> str:
    time.sleep(seconds)
    return "in time"


@app.cls(max_containers=1, enable_memory_snapshot=True)
@modal.concurrent(max_inputs=8)
class Echo:
    @modal.enter(snap=True)
    def first(self) -> None:
        self.steps = ["snap"]

    @modal.enter()
    async def load(self) -> None:
        self.steps.append("enter")

    @modal.method()
    async def say(self, data: bytes) -> bytes:
        return data

    @modal.method()
    async def hooks(self) -> list[str]:
        return self.steps

    @modal.method()
    async def where(self) -> int:
        return os.getpid()

    @modal.method()
    async def count(self, n: int, pause: float = 0.01) -> AsyncIterator[float]:
        for _ in range(n):
            yield time.time()
            await asyncio.sleep(pause)

    @modal.method()
    async def forever(self, key: str) -> AsyncIterator[str | None]:
        """The first item is the call's id: leaving the loop cancels nothing, but the id can."""
        yield modal.current_function_call_id()
        try:
            while True:
                await asyncio.sleep(0.005)
                yield None
        finally:
            note(key, time.time())

    @modal.method()
    async def hang(self, key: str) -> None:
        note(f"{key}-began", time.time())
        try:
            await asyncio.sleep(60)
        finally:
            note(key, time.time())


@app.cls(max_containers=1)
class Plain:
    """One input at a time, and code that nothing can interrupt but a signal."""

    @modal.method()
    def letters(self, text: str) -> Iterator[str]:
        yield from text

    @modal.method()
    def sleep(self, key: str) -> None:
        note(key, os.getpid())
        time.sleep(60)


@app.cls(max_containers=2)
@modal.concurrent(max_inputs=4)
class Crowd:
    @modal.method()
    async def turn(self, n: int) -> tuple[int, int]:
        await asyncio.sleep(0.02)
        note("crowd", n)
        return n, os.getpid()


@app.cls(max_containers=1)
class Together:
    @modal.batched(max_batch_size=4, wait_ms=2_000)  # eight that come together arrive within it, on any machine
    async def add(self, a: list[int], b: list[int]) -> list[tuple[int, int]]:
        return [(x + y, len(a)) for x, y in zip(a, b, strict=True)]


@app.cls(max_containers=1)
class Greeter:
    word: str = modal.parameter()
    times: int = modal.parameter(default=1)

    @modal.method()
    def greet(self, name: str) -> tuple[str, int]:
        return f"{' '.join([self.word] * self.times)} {name}", os.getpid()


@app.cls(scaledown_window=5, max_containers=1)  # longer than it takes to look whether it is there
class Brief:
    @modal.enter()
    def begin(self) -> None:
        note("brief", "enter")

    @modal.method()
    def hello(self) -> int:
        return os.getpid()

    @modal.exit()
    def end(self) -> None:
        note("brief", "exit")


@app.cls(max_containers=1, timeout=200)
@modal.concurrent(max_inputs=4)
class Mortal:
    """What the tests kill. Whoever is preempted has 30 s to go: a call has longer than that."""

    @modal.method()
    async def once(self, key: str) -> int:
        """Hang the first time, answer the second."""
        note(key, os.getpid())
        if len(notes(key)) == 1:
            await asyncio.sleep(300)
        return os.getpid()

    @modal.method()
    async def stream(self, key: str) -> AsyncIterator[int]:
        note(key, os.getpid())
        for n in range(3):
            yield n
        await asyncio.sleep(60)


@app.cls(max_containers=1)
class Broken:
    @modal.enter()
    def load(self) -> None:
        note("broken", os.getpid())
        raise Sulking("no weights here", 3)

    @modal.method()
    def hello(self) -> str:
        return "never"


@app.cls(max_containers=1, startup_timeout=1)
class Sleepy:
    @modal.enter()
    def load(self) -> None:
        time.sleep(60)

    @modal.method()
    def hello(self) -> str:
        return "never"
