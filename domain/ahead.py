"""Run a generator in its own task, a few items ahead of its reader. The only maker of such tasks."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

T = TypeVar("T")

_running: set[asyncio.Task[None]] = set()  # asyncio itself keeps only weak references


async def ahead(source: AsyncGenerator[T, None], by: int) -> AsyncGenerator[T, None]:
    """Yield the items of `source`, which is at most `by` items ahead.

    Closing it cancels the source at once and does not wait for it: an await in a `finally` that runs
    under cancellation is cancelled again.
    """
    queue: asyncio.Queue[tuple[T] | Exception | None] = asyncio.Queue(by)

    async def fill() -> None:
        try:
            async with aclosing(source) as items:
                async for item in items:
                    await queue.put((item,))
        except Exception as error:  # noqa: BLE001 - handed to the reader, who raises it
            await queue.put(error)
        else:
            await queue.put(None)

    task = asyncio.create_task(fill())
    _running.add(task)
    task.add_done_callback(_running.discard)
    try:
        while (item := await queue.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item[0]
    finally:
        task.cancel()
