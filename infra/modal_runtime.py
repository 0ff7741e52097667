"""The functions on Modal, or on the local plane, which is the same client with another server's address."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import modal

from domain.errors import ParleyError, Unavailable
from domain.usage import Header, Meter, Usage
from functions.pools import Kind, Name, pools
from infra.engines import State

log = logging.getLogger(__name__)
APP = "parley"
CLASSES: dict[Name, str] = {"asr": "Asr", "tts": "Tts", "llm": "Llm", "queries": "Queries", "passages": "Passages"}
COLD_S = 120.0  # a container with a large model may take so long to start; a call waits for it
CLOSE_S = 2.0
_END = object()


class ModalBackend:
    """Implements infra.calls.Backend. Handles are looked up once; a redeployed app is found behind the same ones."""

    def __init__(
        self,
        kind: Kind,
        clock: Callable[[], float] = time.monotonic,
        app: str = APP,
        client: modal.Client | None = None,
    ) -> None:
        """`kind` is the pool table that was deployed; `client` is that of the environment unless it is given."""
        self._app, self._client = app, client
        self._pools = pools(kind)
        self._clock = clock
        self._objects: dict[Name, Any] = {}
        self._answered: dict[Name, float] = {}
        self._waking: dict[Name, asyncio.Task[None]] = {}
        self._broken: set[Name] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._cancels: set[asyncio.Task[Any]] = set()  # of them, those that end calls over there

    async def call(self, function: Name, method: str, *args: object, meter: Meter) -> Any:
        with _translated(function):
            answer, usage = await getattr(self._object(function), method).remote.aio(*args)
        self._has_answered(function)
        meter.take(usage)
        if isinstance(answer, ParleyError):
            raise answer
        return answer

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
            with _translated(function):
                async for item in getattr(self._object(function), method).remote_gen.aio(*args):
                    if isinstance(item, Header):
                        reading.call_id = item.call_id
                        self._has_answered(function)
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

    # -- warm pools --------------------------------------------------------------------------------

    def patience(self, function: Name) -> float:
        return 0.0 if self._warm(function) else COLD_S

    def state(self, function: Name) -> State:
        """Return waking, failed or ready, which includes asleep: a call would wake it."""
        if function in self._waking:
            return "waking"
        return "failed" if function in self._broken else "ready"

    def wake(self, function: Name) -> None:
        """Have a container start in the background, unless one is likely to be up; returns at once."""
        if not self._warm(function) and function not in self._waking:
            self._waking[function] = self._keep(self._wake(function))

    async def _wake(self, function: Name) -> None:
        try:
            with _translated(function):
                handle = self._object(function)
                if function in ("queries", "passages"):  # a batched class has no second method, nor has its sister
                    await handle.embed.remote.aio(["."], "query")
                else:
                    await handle.wake.remote.aio()
            self._has_answered(function)
        except ParleyError as error:  # also what its loading raised: a wrong dimension, a setting
            log.warning("%s did not wake: %s", function, error.code)
            self._broken.add(function)
        finally:
            del self._waking[function]

    def _warm(self, function: Name) -> bool:
        """Whether it answered so lately that its container still waits for work."""
        pool = self._pools[function]
        answered = self._answered.get(function)
        return answered is not None and (
            pool.min_containers > 0 or self._clock() - answered < 0.8 * pool.scaledown_window
        )

    def _has_answered(self, function: Name) -> None:
        self._answered[function] = self._clock()
        self._broken.discard(function)

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


@contextmanager
def _translated(function: Name) -> Iterator[None]:
    """Modal's errors in the domain's words; what a function itself raised comes with its type and passes."""
    try:
        yield
    except ParleyError:
        raise
    except (TimeoutError, modal.exception.TimeoutError):
        raise Unavailable("engine_late", engine=function) from None
    except modal.exception.NotFoundError as error:
        log.error("%s is not deployed: run `make deploy`", function)
        raise Unavailable("functions_missing", engine=function) from error
    except (modal.exception.AuthError, modal.exception.ConnectionError, OSError) as error:
        log.warning("the functions cannot be reached: %s", error)
        raise Unavailable("functions_away", engine=function) from error
    except Exception as error:
        log.warning("%s failed: %s: %s", function, type(error).__name__, error)
        raise Unavailable(f"{_engine(function)}_failed") from error


def _engine(function: Name) -> str:
    return "embed" if function in ("queries", "passages") else function
