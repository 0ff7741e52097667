import asyncio
import contextvars
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from functools import partial

import pytest

from functions import offload

pytestmark = pytest.mark.anyio
PATIENT_S = 60


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def until(ready: threading.Event) -> None:
    assert ready.wait(PATIENT_S)


async def test_a_call_runs_in_another_thread_with_the_callers_context(pool: ThreadPoolExecutor) -> None:
    turn: contextvars.ContextVar[str] = contextvars.ContextVar("turn")
    turn.set("t1")
    thread, value = await offload.run(pool, lambda: (threading.get_ident(), turn.get()))
    assert thread != threading.get_ident()
    assert value == "t1"


async def test_a_call_raises_what_it_raised(pool: ThreadPoolExecutor) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        await offload.run(pool, lambda: int("no"))


async def test_callers_wait_in_the_order_they_came_and_a_cancelled_one_leaves(pool: ThreadPoolExecutor) -> None:
    gate, order = threading.Event(), list[int]()
    first = asyncio.create_task(offload.run(pool, lambda: until(gate)))
    await asyncio.sleep(0.01)
    waiting = [asyncio.create_task(offload.run(pool, partial(order.append, n))) for n in range(4)]
    await asyncio.sleep(0.01)
    waiting[1].cancel()
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, *waiting, return_exceptions=True)
    assert order == [0, 2, 3]


async def test_items_arrive_in_order_while_the_rest_is_still_being_made(pool: ThreadPoolExecutor) -> None:
    gate = threading.Event()

    def count(_stop: threading.Event) -> Iterator[int]:
        yield from range(3)
        until(gate)
        yield 3

    got = []
    async with aclosing(offload.stream(pool, count)) as items:
        async for item in items:
            got.append(item)
            if item == 2:
                gate.set()
    assert got == [0, 1, 2, 3]


async def test_an_exception_comes_after_the_items_made_before_it(pool: ThreadPoolExecutor) -> None:
    def breaks(_stop: threading.Event) -> Iterator[str]:
        yield "one"
        raise ValueError("broken")

    items = offload.stream(pool, breaks)
    assert await anext(items) == "one"
    with pytest.raises(ValueError, match="broken"):
        await anext(items)


async def test_none_is_an_item_like_any_other(pool: ThreadPoolExecutor) -> None:
    assert [x async for x in offload.stream(pool, lambda _stop: iter([None, None]))] == [None, None]


class Endless:
    """Counts until it is told to stop, and says that it did."""

    def __init__(self) -> None:
        self.stopped, self.begun = threading.Event(), threading.Event()
        self.made = 0

    def __call__(self, stop: threading.Event) -> Iterator[int]:
        self.begun.set()
        try:
            while not stop.is_set():
                self.made += 1
                yield self.made
                time.sleep(0.001)
        finally:
            self.stopped.set()


async def test_closing_stops_the_iterator(pool: ThreadPoolExecutor) -> None:
    endless = Endless()
    items = offload.stream(pool, endless)
    assert await anext(items) == 1
    await items.aclose()
    assert await asyncio.to_thread(endless.stopped.wait, PATIENT_S)


async def test_cancelling_the_task_stops_the_iterator_at_once(pool: ThreadPoolExecutor) -> None:
    endless = Endless()

    async def listen() -> None:
        async with aclosing(offload.stream(pool, endless)) as items:
            async for _ in items:
                pass

    task = asyncio.create_task(listen())
    assert await asyncio.to_thread(endless.begun.wait, PATIENT_S)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(endless.stopped.wait, PATIENT_S)


async def test_a_stream_cancelled_while_it_waits_never_begins(pool: ThreadPoolExecutor) -> None:
    gate, endless = threading.Event(), Endless()
    first = asyncio.create_task(offload.run(pool, lambda: until(gate)))
    await asyncio.sleep(0.01)
    waiting = asyncio.create_task(anext(offload.stream(pool, endless)))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.set()
    await first
    await offload.run(pool, lambda: None)
    assert not endless.begun.is_set()


async def test_a_stream_that_is_never_read_never_begins(pool: ThreadPoolExecutor) -> None:
    endless = Endless()
    await offload.stream(pool, endless).aclose()
    await offload.run(pool, lambda: None)
    assert not endless.begun.is_set()


async def test_no_more_than_the_asked_number_of_items_is_made_ahead(pool: ThreadPoolExecutor) -> None:
    endless = Endless()
    async with aclosing(offload.stream(pool, endless, ahead=2)) as items:
        assert await anext(items) == 1
        async with asyncio.timeout(PATIENT_S):
            while endless.made < 3:  # noqa: ASYNC110 - a thread makes them
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.05)  # in which it could make more
        assert endless.made == 3
    assert await asyncio.to_thread(endless.stopped.wait, PATIENT_S)


async def test_nothing_is_left_behind_after_many_interrupted_streams() -> None:
    before = threading.active_count()
    with ThreadPoolExecutor(1) as pool:
        for _ in range(50):
            items = offload.stream(pool, Endless())
            await anext(items)
            await items.aclose()
    assert threading.active_count() <= before
