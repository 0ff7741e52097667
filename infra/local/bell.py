"""Waiting for something to change, without polling."""

import asyncio


class Bell:
    """Wakes everyone who waits, at once.

    In one event loop nothing can happen between looking at the state and waiting, so the usual use is safe:
    `while not there(): if not await bell.wait(left): return`.
    """

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake everyone who waits now; who comes later waits for the next ring."""
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, seconds: float | None = None) -> bool:
        """Return True when rung, False once `seconds` have passed."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        return True
