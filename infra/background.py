"""Work beside the web server: tasks that begin and end with it, and pauses that can be cut short."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

Work = Callable[[], Coroutine[Any, Any, None]]


class Background:
    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, *works: Work) -> None:
        """Begin each in a task of its own. When they run already they go on."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(work()) for work in works]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []


async def pause(seconds: float, until: asyncio.Event) -> None:
    """Wait so long, or less where the event is set."""
    try:
        async with asyncio.timeout(seconds):
            await until.wait()
    except TimeoutError:
        return
