"""Blocking engine work, kept off the event loop.

A pool of one thread is an engine's queue: callers wait their turn in the order they came, and one
that is cancelled before its turn leaves without having cost anything. A call that has begun cannot be
broken off from outside, so what takes long is written as an iterator that looks at a stop event.
"""

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Executor
from typing import TypeVar

from domain.usage import Meter

T = TypeVar("T")
_END = object()


async def run(pool: Executor, fn: Callable[[], T], meter: Meter | None = None) -> T:
    """Return fn() from a thread of `pool`, with the caller's context variables; `meter` takes its time."""
    context = contextvars.copy_context()

    def work() -> T:
        with meter.working() if meter is not None else contextlib.nullcontext():
            return context.run(fn)

    return await asyncio.get_running_loop().run_in_executor(pool, work)


async def stream(
    pool: Executor,
    make_iterator: Callable[[threading.Event], Iterator[T]],
    ahead: int = 0,
    meter: Meter | None = None,
) -> AsyncGenerator[T, None]:
    """Yield what a blocking iterator makes in a thread of `pool`, in order; its exception is raised here.

    `make_iterator` is called in the thread with an event that is set as soon as this generator is closed
    or its task cancelled; the iterator should then end soon. At most `ahead` items are made before they
    are asked for (0: no limit); `meter` takes the time of making them. Nothing is awaited on the way out,
    so a cancelled caller is not held up.
    """
    loop = asyncio.get_running_loop()
    stop = threading.Event()
    made: asyncio.Queue[object] = asyncio.Queue()
    failure: list[BaseException] = []
    room = threading.Semaphore(ahead) if ahead > 0 else None

    def hand(item: object) -> None:
        # A loop that has closed in the meantime has nobody left to tell.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(made.put_nowait, item)

    def pump() -> None:
        try:
            for item in _items(make_iterator(stop), stop, room, meter):
                hand(item)
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            failure.append(error)
        finally:
            hand(_END)

    job = pool.submit(contextvars.copy_context().run, pump)
    try:
        while (item := await made.get()) is not _END:
            if room is not None:
                room.release()
            yield item  # type: ignore[misc]
        if failure:
            raise failure[0]
    finally:
        stop.set()
        job.cancel()
        if room is not None:
            room.release()


def _items(
    iterator: Iterator[T], stop: threading.Event, room: threading.Semaphore | None, meter: Meter | None
) -> Iterator[T]:
    """Yield the items, each once there is room for it, until `stop` is set; then close the iterator, if it can be."""
    try:
        while not stop.is_set():
            if room is not None:
                room.acquire()
                if stop.is_set():
                    return
            with meter.working() if meter is not None else contextlib.nullcontext():
                item = next(iterator, _END)
            if item is _END:
                return
            yield item  # type: ignore[misc]
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()
