"""What the till does in the background of a web process: jobs of orders, the reconciler, soon after a webhook.

None of it is lost when the process ends: the store holds what is to be done, and whoever runs next does it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from domain.errors import Unavailable
from domain.membership.till import Till
from infra.background import Background, pause

log = logging.getLogger(__name__)
LOOK_S = 5.0  # how often it looks for jobs that have come due, unless it is woken
RECONCILE_S = 15.0
AWAY_S = 10.0  # before it tries again while the store is away


class Cashier:
    def __init__(self, till: Till, look_s: float = LOOK_S, reconcile_s: float = RECONCILE_S) -> None:
        self._till, self._look_s, self._reconcile_s = till, look_s, reconcile_s
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._background = Background()
        till.wake = self.wake

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._background.start(self._keep_working, self._keep_reconciling)

    def wake(self) -> None:
        """Look now. Any thread may call; before `start` and after `stop` it does nothing."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._news.set)

    async def stop(self) -> None:
        """Leave everything as it is: each step is whole, and the next is made by whoever starts next."""
        self._loop = None
        await self._background.stop()

    async def _keep_working(self) -> None:
        while True:
            self._news.clear()
            while await self._quietly("the jobs of orders", self._till.work):
                pass
            await pause(self._look_s, until=self._news)

    async def _keep_reconciling(self) -> None:
        while True:
            await self._quietly("looking at what is left of orders", self._till.reconcile)
            await asyncio.sleep(self._reconcile_s)

    async def _quietly(self, what: str, work: Callable[[], Awaitable[int]]) -> int:
        """Return how much it did."""
        try:
            return await work()
        except Unavailable as error:
            log.warning("%s: %s", what, error.code)
            await asyncio.sleep(AWAY_S)
        except Exception:
            log.exception("%s failed", what)
            await asyncio.sleep(AWAY_S)
        return 0
