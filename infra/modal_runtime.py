"""The functions on Modal, or on the local plane, which is the same client with another server's address."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Any

import modal

from domain.errors import NotAllowed, ParleyError, Unavailable
from domain.usage import Header, Meter, Usage
from domain.worker_tokens import WorkerTokens
from functions.pools import Kind, Name
from infra.calls import FUNCTIONS
from infra.modal_errors import translated
from infra.modal_pools import WarmPools

log = logging.getLogger(__name__)
APP = "parley"
CLASSES: dict[Name, str] = {"asr": "Asr", "tts": "Tts", "llm": "Llm", "queries": "Queries", "passages": "Passages"}
CLOSE_S = 2.0
_END = object()


class ModalBackend:
    """Implements infra.calls.Backend. Handles are looked up once; a redeployed app is found behind the same ones."""

    def __init__(
        self,
        kind: Kind,
        tokens: WorkerTokens,
        clock: Callable[[], float] = time.monotonic,
        app: str = APP,
        client: modal.Client | None = None,
    ) -> None:
        """`kind` is the pool table that was deployed; `client` is that of the environment unless it is given.

        `tokens` are what the functions know us by. One is good for a minute, and a container may take longer to start:
        a call that is refused with a token which ran out meanwhile is made once more, in the container that is up now.
        """
        self._tokens = tokens
        self._app, self._client = app, client
        self._pools = WarmPools(kind, self._ask_for_nothing, self._keep, clock)
        self.patience, self.state, self.wake = self._pools.patience, self._pools.state, self._pools.wake
        self._objects: dict[Name, Any] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._cancels: set[asyncio.Task[Any]] = set()  # of them, those that end calls over there

    async def call(self, function: Name, method: str, *args: object, meter: Meter) -> Any:
        with translated(function):
            answer, usage = await self._ask(function, method, *args)
        self._pools.answered(function)
        meter.take(usage)
        if isinstance(answer, ParleyError):
            raise answer
        return answer

    async def _ask(self, function: Name, method: str, *args: object) -> Any:
        """Return what a method that does not stream answers. A refusal of our token is raised, also an answered one."""

        async def once(token: str) -> Any:
            found = await getattr(self._object(function), method).remote.aio(*args, token=token)
            if isinstance(found, tuple) and found and isinstance(found[0], NotAllowed):
                raise found[0]
            return found

        token = self._token(function)
        try:
            return await once(token)
        except NotAllowed:
            if (newer := self._token(function)) == token:
                raise
        return await once(newer)

    async def stream(self, function: Name, method: str, *args: object, meter: Meter) -> AsyncGenerator[Any, None]:
        """Pass on a remote stream. It is read by a task of its own, which can outlive this generator: see `_leave`."""
        reading = _Reading()
        reading.task = self._keep(self._read(reading, function, method, args))
        try:
            while (item := await reading.items.get()) is not _END:
                if isinstance(item, Header):
                    meter.remote_id, meter.container = item.call_id, item.container
                elif isinstance(item, Usage):
                    meter.take(item)
                elif isinstance(item, BaseException):
                    raise item
                else:
                    yield item
        finally:
            self._leave(reading)

    async def _read(self, reading: "_Reading", function: Name, method: str, args: tuple[object, ...]) -> None:
        try:
            with translated(function):
                async with aclosing(self._items(function, method, args)) as items:
                    async for item in items:
                        if isinstance(item, Header):
                            reading.call_id = item.call_id
                            self._pools.answered(function)
                            if reading.left:
                                await self._cancel(reading.call_id)
                                return
                        reading.items.put_nowait(item)
        except asyncio.CancelledError:  # by `_leave`, which nobody waits for, or at the end of the program
            reading.items.put_nowait(Unavailable("functions_away", engine=function))
            raise
        except Exception as error:  # noqa: BLE001 - raised where it is awaited
            reading.items.put_nowait(error)
        finally:
            reading.ended = True
            reading.items.put_nowait(_END)

    async def _items(self, function: Name, method: str, args: tuple[object, ...]) -> AsyncGenerator[Any, None]:
        """Yield what a stream yields. A refusal of our token comes before the first item, so nothing is said twice."""
        remote = getattr(self._object(function), method).remote_gen
        token = self._token(function)
        try:
            async with aclosing(remote.aio(*args, token=token)) as items:
                async for item in items:
                    yield item
            return
        except NotAllowed:
            if (newer := self._token(function)) == token:
                raise
        async with aclosing(remote.aio(*args, token=newer)) as items:
            async for item in items:
                yield item

    def _leave(self, reading: "_Reading") -> None:
        """Nobody listens any more. Leaving the loop would cancel nothing over there: the call is, by its id.

        Before the header there is no id, and the reader goes on until it comes. Nothing is awaited here, for
        whoever closes a generator under cancellation must not be held up.
        """
        reading.left = True
        if reading.call_id and not reading.ended:
            reading.task.cancel()
            cancel = self._keep(self._cancel(reading.call_id))
            self._cancels.add(cancel)
            cancel.add_done_callback(self._cancels.discard)

    async def _cancel(self, call_id: str) -> None:
        try:
            await modal.FunctionCall.from_id(call_id, client=self._client).cancel.aio()
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody waits to be told
            log.warning("a call could not be cancelled and will run to its end: %s", type(error).__name__)

    def _token(self, function: Name) -> str:
        return self._tokens.token(FUNCTIONS[function])

    async def _ask_for_nothing(self, function: Name) -> None:
        with translated(function):
            if FUNCTIONS[function] == "embed":  # a batched class has no second method, nor has its sister
                await self._ask(function, "embed", ["."], "query")
            else:
                await self._ask(function, "wake")

    def _object(self, function: Name) -> Any:
        if function not in self._objects:
            self._objects[function] = modal.Cls.from_name(self._app, CLASSES[function], client=self._client)()
        return self._objects[function]

    def _keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """End what still waits. Calls that were left a moment ago are still cancelled: their containers cost."""
        for task in self._tasks - self._cancels:
            task.cancel()
        if tasks := set(self._tasks):
            _, late = await asyncio.wait(tasks, timeout=CLOSE_S)
            for task in late:
                task.cancel()


class _Reading:
    """A remote stream on its way here."""

    task: asyncio.Task[None]

    def __init__(self) -> None:
        self.items: asyncio.Queue[object] = asyncio.Queue()
        self.call_id = ""
        self.left = self.ended = False
