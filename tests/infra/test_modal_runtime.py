"""The runtime's Modal side: what leaving a stream means, what errors mean, when pools are woken.

Streams, cancels and deadlines with real containers are cases of tests/conformance; here are the moments that those
cannot choose: handles stand in for Modal's, and say when the header comes.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import modal
import pytest

from domain.errors import BadInput, NotAllowed, TooLong, Unavailable
from domain.usage import Header, Meter, Usage
from domain.worker_tokens import WorkerTokens
from functions.pools import Name, pools
from infra.modal_runtime import ModalBackend
from tests.fakes import HandClock

pytestmark = pytest.mark.anyio
KEY = "of the workers, in this test: 32 signs"


class Method:
    """A remote method: `remote.aio` answers or raises, `remote_gen.aio` yields what it is given, when it may."""

    def __init__(self, answer: object = None, items: tuple[object, ...] = ()) -> None:
        self.answer = answer
        self.items = items
        self.go = asyncio.Event()
        self.calls = self.given = 0
        self.tokens: list[str] = []
        self.remote = self.remote_gen = self  # so that `.remote.aio` and `.remote_gen.aio` are what they must be
        self.closed = False

    def aio(self, *args: object, token: str) -> Any:
        self.calls += 1
        self.tokens.append(token)
        return self._stream() if self.items else self._answer()

    async def _answer(self) -> object:
        await self.go.wait()
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    async def _stream(self) -> AsyncGenerator[object, None]:
        try:
            await self.go.wait()
            for item in self.items:
                if isinstance(item, BaseException):
                    raise item
                self.given += 1
                yield item
                await asyncio.sleep(0)
            await asyncio.sleep(60)
        finally:
            self.closed = True


class Handle:
    def __init__(self, method: Method) -> None:
        self.wake = self.embed = self.speak = self.transcribe = method


class Backend(ModalBackend):
    """Looks nothing up, and writes down what it cancels."""

    def __init__(self, method: Method) -> None:
        self.now = 1_000.0
        self.cancelled: list[str] = []
        self._handle = Handle(method)
        self.clock = HandClock()
        super().__init__("laptop", WorkerTokens(KEY, self.clock), clock=lambda: self.now)

    def _object(self, function: Name) -> Any:
        return self._handle

    async def _cancel(self, call_id: str) -> None:
        self.cancelled.append(call_id)


async def settle(true: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if true():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came true")


SPOKEN = (Header("fc-1", "ta-1"), "one", "two", Usage(40, container="ta-1"))


async def test_leaving_after_the_header_cancels_the_call_by_its_id() -> None:
    method = Method(items=SPOKEN)
    method.go.set()
    backend = Backend(method)
    async with aclosing(backend.stream("tts", "speak", meter=Meter())) as items:
        await anext(items)
    await settle(lambda: backend.cancelled == ["fc-1"])
    await settle(lambda: method.closed)


async def test_leaving_before_the_header_cancels_the_call_as_soon_as_it_has_an_id() -> None:
    method = Method(items=SPOKEN)
    backend = Backend(method)
    reading = asyncio.ensure_future(anext(backend.stream("tts", "speak", meter=Meter())))
    await settle(lambda: method.calls == 1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await asyncio.sleep(0)
    assert backend.cancelled == []  # nothing to cancel it by
    method.go.set()
    await settle(lambda: backend.cancelled == ["fc-1"])
    await settle(lambda: method.closed)
    assert method.given == 1  # what came after the header was not read


async def test_a_stream_that_has_ended_is_not_cancelled_and_has_told_what_it_used() -> None:
    class Ends(Method):
        async def _stream(self) -> AsyncGenerator[object, None]:
            for item in self.items:
                yield item

    backend = Backend(Ends(items=SPOKEN))
    meter = Meter()
    assert [item async for item in backend.stream("tts", "speak", meter=meter)] == ["one", "two"]
    await asyncio.sleep(0)
    assert backend.cancelled == []
    assert (meter.remote_id, meter.usage()) == ("fc-1", Usage(40, container="ta-1"))


async def test_an_error_in_a_stream_comes_after_what_was_said() -> None:
    method = Method(items=(Header("fc-2", "ta-2"), "one", BadInput("voice_unknown", voice="nobody")))
    method.go.set()
    items = Backend(method).stream("tts", "speak", meter=Meter())
    assert await anext(items) == "one"
    with pytest.raises(BadInput, match="voice_unknown") as refused:
        await anext(items)
    assert refused.value.detail == {"voice": "nobody"}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (modal.exception.FunctionTimeoutError("60 s"), "engine_late"),
        (TimeoutError(), "engine_late"),
        (modal.exception.NotFoundError("no app"), "functions_missing"),
        (modal.exception.AuthError("bad token"), "functions_away"),
        (modal.exception.ConnectionError("no route"), "functions_away"),
        (OSError("no network"), "functions_away"),
        (modal.exception.InternalFailure("lost"), "embed_failed"),
        (RuntimeError("CUDA out of memory"), "embed_failed"),
    ],
)
async def test_what_goes_wrong_elsewhere_is_unavailable_here(error: Exception, code: str) -> None:
    method = Method(error)
    method.go.set()
    with pytest.raises(Unavailable, match=code):
        await Backend(method).call("queries", "embed", ["text"], "query", meter=Meter())


async def test_what_a_function_refuses_keeps_its_name_whether_it_is_raised_or_answered() -> None:
    raised, answered = Method(TooLong("texts_too_many", texts=64)), Method((TooLong("texts_too_many"), Usage(3)))
    for method in (raised, answered):
        method.go.set()
        with pytest.raises(TooLong, match="texts_too_many"):
            await Backend(method).call("queries", "embed", ["text"], "query", meter=(meter := Meter()))
    assert meter.usage().engine_ms == 3


@pytest.mark.parametrize("function", ["asr", "tts", "queries", "passages"])
async def test_a_pool_is_woken_once_and_not_again_while_it_is_warm(function: Name) -> None:
    method = Method("ta-1")
    backend = Backend(method)
    assert (backend.state(function), backend.patience(function)) == ("ready", 120.0)
    for _ in range(5):
        backend.wake(function)
    assert backend.state(function) == "waking"
    method.go.set()
    await settle(lambda: backend.state(function) == "ready")
    assert method.calls == 1 and backend.patience(function) == 0.0
    window = pools("laptop")[function].scaledown_window
    backend.now += 0.8 * window - 1
    backend.wake(function)
    assert backend.state(function) == "ready"
    backend.now += 2  # now its container may be going
    backend.wake(function)
    assert backend.state(function) == "waking"
    await backend.close()


@pytest.mark.parametrize("error", [RuntimeError("no GPU"), BadInput("dimension_wrong", found=8, expected=384)])
async def test_a_pool_that_does_not_wake_says_so_until_it_does(error: Exception) -> None:
    method = Method(error)
    method.go.set()
    backend = Backend(method)
    backend.wake("asr")
    await settle(lambda: backend.state("asr") == "failed")
    method.answer = "ta-1"
    backend.wake("asr")
    await settle(lambda: backend.state("asr") == "ready")


async def test_a_pool_that_did_not_wake_and_answers_a_call_after_all_is_not_said_to_have_failed() -> None:
    method = Method(RuntimeError("no route"))
    method.go.set()
    backend = Backend(method)
    backend.wake("asr")
    await settle(lambda: backend.state("asr") == "failed")
    method.answer = ("a transcript", Usage(1))
    await backend.call("asr", "transcribe", meter=Meter())
    backend.wake("asr")  # warm: nobody asks whether it wakes
    assert backend.state("asr") == "ready"


async def test_closing_ends_what_still_waits() -> None:
    backend = Backend(Method("never"))
    backend.wake("asr")
    await asyncio.sleep(0)
    await backend.close()
    assert backend.state("asr") == "ready"


async def test_a_call_that_was_left_just_before_the_end_is_cancelled_all_the_same() -> None:
    class Slow(Backend):
        async def _cancel(self, call_id: str) -> None:
            await asyncio.sleep(0.01)  # the request, and its answer
            await super()._cancel(call_id)

    method = Method(items=SPOKEN)
    method.go.set()
    backend = Slow(method)
    async with aclosing(backend.stream("tts", "speak", meter=Meter())) as items:
        await anext(items)
    await backend.close()
    assert backend.cancelled == ["fc-1"]
    assert method.closed


async def test_every_call_carries_a_token_for_its_function_and_the_same_one_for_half_a_minute() -> None:
    method = Method(("heard", Usage(1)))
    method.go.set()
    backend = Backend(method)
    for _ in range(3):
        await backend.call("asr", "transcribe", meter=Meter())
        backend.clock.seconds += 9
    await backend.call("queries", "embed", ["text"], "query", meter=Meter())
    backend.clock.seconds += 9
    await backend.call("asr", "transcribe", meter=Meter())
    first, second, third, other, later = method.tokens
    assert first == second == third
    assert len({first, other, later}) == 3
    reader = WorkerTokens(KEY, backend.clock)
    reader.check(third, "asr")
    reader.check(other, "embed")
    with pytest.raises(NotAllowed):
        reader.check(third, "embed")


class Strict(Method):
    """Refuses whom the real functions refuse, once its container has started, which takes long."""

    def __init__(self, starts_in_s: float, raises: bool) -> None:
        super().__init__(items=SPOKEN if raises else ())
        self.starts_in_s, self.raises = starts_in_s, raises
        self.backend: Backend
        self.key = KEY

    def aio(self, *args: object, token: str) -> Any:
        self.backend.clock.seconds += self.starts_in_s
        self.starts_in_s = 0.0
        return super().aio(*args, token=token)

    async def _answer(self) -> object:
        return ("an answer", Usage(1)) if (no := self._refusal()) is None else (no, Usage(0))

    async def _stream(self) -> AsyncGenerator[object, None]:
        if (no := self._refusal()) is not None:
            raise no
        for item in self.items:
            yield item

    def _refusal(self) -> NotAllowed | None:
        try:
            WorkerTokens(self.key, self.backend.clock).check(self.tokens[-1], "tts")
        except NotAllowed as refused:
            return refused
        return None


@pytest.mark.parametrize("raises", [True, False], ids=["a stream", "an answer"])
async def test_a_call_whose_token_ran_out_while_a_container_started_is_made_again(raises: bool) -> None:
    method = Strict(90, raises)
    method.backend = backend = Backend(method)
    if raises:
        assert [item async for item in backend.stream("tts", "speak", meter=Meter())] == ["one", "two"]
    else:
        assert await backend.call("tts", "speak", meter=Meter()) == "an answer"
    assert method.calls == 2


@pytest.mark.parametrize("raises", [True, False], ids=["a stream", "an answer"])
async def test_functions_with_another_key_are_asked_once_and_are_unavailable(raises: bool) -> None:
    method = Strict(0, raises)
    method.key = "of other workers, in this test: 32 signs"
    method.backend = backend = Backend(method)
    stream = backend.stream("tts", "speak", meter=Meter())
    asked = anext(stream) if raises else backend.call("tts", "speak", meter=Meter())
    with pytest.raises(Unavailable, match="tts_failed"):  # no word to the visitor about being allowed anything
        await asked
    await stream.aclose()
    assert method.calls == 1
