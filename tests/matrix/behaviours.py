"""Every behaviour, one after the other; a line of JSON for each. `modal` is led to the plane by the environment."""

import asyncio
import json
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any

import modal

APP = "matrix"
LONGEST_S = 120  # a container is a Python that imports everything, on a machine that may be busy
Behaviour = Callable[[], Awaitable[None]]
BEHAVIOURS: list[Behaviour] = []


def behaviour(check: Behaviour) -> Behaviour:
    BEHAVIOURS.append(check)
    return check


def function(name: str) -> Any:
    return modal.Function.from_name(APP, name)


def instance(name: str, **parameters: object) -> Any:
    return modal.Cls.from_name(APP, name)(**parameters)


def must(true: object, what: object = "") -> None:
    if not true:
        raise AssertionError(what)


async def until(get: Callable[[], Awaitable[object]], seconds: float = 100) -> Any:
    """Ask until there is something."""
    deadline = time.monotonic() + seconds
    while not (found := await get()):
        must(time.monotonic() < deadline, "it never came")
        await asyncio.sleep(0.05)
    return found


@behaviour
async def a_call_and_its_secret() -> None:
    must(await function("square").remote.aio(7) == 49)


@behaviour
async def a_function_that_is_not_there() -> None:
    try:
        await function("nobody").remote.aio(1)
    except modal.exception.NotFoundError:
        return
    raise AssertionError("it was found")


@behaviour
async def enter_hooks_in_their_order() -> None:
    must(await instance("Echo").hooks.remote.aio() == ["first", "second"])


@behaviour
async def a_stream() -> None:
    must([n async for n in instance("Echo").count.remote_gen.aio(50)] == list(range(50)))


@behaviour
async def spawn_and_get() -> None:
    call = await function("square").spawn.aio(5)
    must(await modal.FunctionCall.from_id(call.object_id).get.aio(timeout=100) == 25)


@behaviour
async def map_and_starmap() -> None:
    must([n async for n in function("square").map.aio(range(20))] == [n * n for n in range(20)])
    must([n async for n in function("add").starmap.aio([(1, 2), (3, 4)])] == [3, 7])


@behaviour
async def a_batch() -> None:
    found = await asyncio.gather(*(instance("Together").double.remote.aio(n) for n in range(4)))
    must([double for double, _ in found] == [0, 2, 4, 6], found)
    must(max(size for _, size in found) > 1, found)


@behaviour
async def inputs_at_once() -> None:
    must(max(await asyncio.gather(*(instance("Echo").crowd.remote.aio() for _ in range(4)))) == 4)


@behaviour
async def retries() -> None:
    must(await function("third_time").remote.aio(f"third-{time.time()}") == 3)


@behaviour
async def a_timeout_and_a_call_after_it() -> None:
    try:
        await function("slow").remote.aio(40)
    except modal.exception.FunctionTimeoutError:
        must(await function("slow").remote.aio(0) == "in time")
        return
    raise AssertionError("it was not cut short")


@behaviour
async def an_error_keeps_its_type() -> None:
    try:
        await function("sulk").remote.aio()
    except KeyError as error:
        must(error.args == ("not today",), repr(error))
        return
    raise AssertionError("it did not fail")


@behaviour
async def three_megabytes_both_ways() -> None:
    data = bytes(range(256)) * 12_000
    must(await instance("Echo").say.remote.aio(data) == data)


@behaviour
async def a_stream_is_cancelled_by_its_call_id_and_the_container_stays() -> None:
    echo, key = instance("Echo"), f"forever-{time.time()}"
    before = await echo.where.remote.aio()
    stream = echo.forever.remote_gen.aio(key)
    call_id = await stream.__anext__()
    await modal.FunctionCall.from_id(call_id).cancel.aio()
    store = modal.Dict.from_name("matrix-notes")
    must(await until(lambda: store.get.aio(key)) == before)
    must(await echo.where.remote.aio() == before)


@behaviour
async def a_parameter() -> None:
    must(await instance("Greeter", word="you").greet.remote.aio() == "hello you")


@behaviour
async def an_idle_container_goes_and_leaves_by_its_exit_hook() -> None:
    there = await instance("Brief").hello.remote.aio()
    store = modal.Dict.from_name("matrix-notes")
    must(await until(lambda: store.get.aio("exit")) == there)


@behaviour
async def a_dict_and_a_queue() -> None:
    async with modal.Dict.ephemeral() as store, modal.Queue.ephemeral() as queue:
        await store.put.aio("a", [1])
        must(await store.get.aio("a") == [1])
        await queue.put_many.aio([1, 2, 3])
        must(await queue.get_many.aio(3) == [1, 2, 3])


@behaviour
async def a_period() -> None:
    store = modal.Dict.from_name("matrix-notes")

    async def twice() -> bool:
        return int(await store.get.aio("tick", 0)) >= 2

    await until(twice)


@behaviour
async def a_web_function() -> None:
    site = function("site")
    await site.hydrate.aio()
    url = await site.get_web_url.aio()
    must(url and url.startswith("http://127.0.0.1:"), url)

    def ask() -> tuple[int, bytes]:
        with urllib.request.urlopen(f"{url}/a/path", timeout=100) as answer:
            return answer.status, answer.read()

    must(await asyncio.to_thread(ask) == (203, b"/a/path"))


async def main() -> None:
    for check in BEHAVIOURS:
        began, error = time.monotonic(), ""
        try:
            async with asyncio.timeout(LONGEST_S):
                await check()
        except Exception as caught:  # noqa: BLE001 - whatever it is, it is the outcome
            error = f"{type(caught).__name__}: {caught}"[:300]
        told = {"name": check.__name__, "error": error, "seconds": round(time.monotonic() - began, 2)}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
    sys.exit(0)
