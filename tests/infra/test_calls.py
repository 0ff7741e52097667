"""One function call: its deadline, what its failure means, and that it is written down once."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from domain.audio import SPOKEN_RATE, Audio
from domain.errors import BadInput, ParleyError, Unavailable
from domain.usage import TURN, Call, Meter, Usage
from functions.pools import Name
from infra.calls import Calls
from infra.pricing import Pricing

pytestmark = pytest.mark.anyio


class Far:
    """A backend whose functions do what the test says."""

    def __init__(self, patience: float = 0.0) -> None:
        self._patience = patience
        self.closed = False

    async def call(self, function: Name, method: str, *args: object, meter: Meter) -> Any:
        (behaviour,) = args
        if behaviour == "refuse":
            raise BadInput("speech_empty")
        meter.container, meter.remote_id = "ta-1", "fc-1"
        if behaviour == "hang":
            await asyncio.sleep(60)
        if behaviour == "break":
            raise RuntimeError("CUDA out of memory")
        meter.take(Usage(250, 3_000, 10, 20, "ta-1"))
        return "heard"

    async def stream(self, function: Name, method: str, *args: object, meter: Meter) -> AsyncGenerator[Any, None]:
        (count, then) = args
        meter.container, meter.remote_id = "ta-2", "fc-2"
        try:
            for number in range(int(str(count))):
                yield number
            if then == "hang":
                await asyncio.sleep(60)
            meter.take(Usage(40, container="ta-2"))
        finally:
            self.closed = True

    def patience(self, function: Name) -> float:
        return self._patience


class Book:
    def __init__(self, backend: Far, runtime: str = "modal") -> None:
        self.rows: list[Call] = []
        self.calls = Calls(backend, Pricing(runtime), self.rows.append)

    @property
    def row(self) -> Call:
        (row,) = self.rows
        return row


async def test_an_answer_is_written_down_with_what_it_used_and_whose_it_was() -> None:
    book = Book(Far())
    TURN.set("turn-7")
    assert await book.calls.ask("asr", "transcribe", "work", within_s=5) == "heard"
    row = book.row
    assert (row.turn_id, row.kind, row.outcome, row.runtime) == ("turn-7", "asr", "done", "modal")
    assert (row.engine_ms, row.audio_ms, row.tokens_in, row.tokens_out) == (250, 3_000, 10, 20)
    assert (row.remote_id, row.container, row.price_class) == ("fc-1", "ta-1", "L4")
    # L4 0.000222 a second, two cores at 0.0000131, 8 GiB at 0.00000222: a quarter of 0.00026596 USD.
    assert row.microusd == 66


async def test_sound_is_counted_as_it_comes_so_that_a_stream_that_is_left_tells_what_was_heard_of_it() -> None:
    class Singing(Far):
        async def stream(self, function: Name, method: str, *args: object, meter: Meter) -> AsyncGenerator[Any, None]:
            meter.container = "ta-3"
            for _ in range(3):
                yield Audio(bytes(4_800), SPOKEN_RATE)
            meter.take(Usage(40, 301, container="ta-3"))  # what the function itself has measured, at its end

    left, whole = Book(Singing()), Book(Singing())
    async with aclosing(left.calls.stream("tts", "speak", "la", first_s=5, gap_s=5)) as sounds:
        await anext(sounds)
        await anext(sounds)
    assert (left.row.audio_ms, left.row.outcome) == (200, "stopped")
    async for _ in whole.calls.stream("tts", "speak", "la", first_s=5, gap_s=5):
        pass
    assert (whole.row.audio_ms, whole.row.outcome) == (301, "done")


async def test_every_call_has_an_id_of_its_own() -> None:
    book = Book(Far())
    for _ in range(3):
        await book.calls.ask("asr", "transcribe", "work", within_s=5)
    assert len({row.id for row in book.rows}) == 3


@pytest.mark.parametrize(("behaviour", "code"), [("hang", "engine_late"), ("break", "asr_failed")])
async def test_what_goes_wrong_is_unavailable_and_paid_for_as_long_as_it_was_seen(behaviour: str, code: str) -> None:
    book = Book(Far())
    with pytest.raises(Unavailable, match=code):
        await book.calls.ask("asr", "transcribe", behaviour, within_s=0.05)
    assert book.row.outcome == "failed"
    assert book.row.container == "ta-1"


async def test_what_was_refused_before_it_ran_costs_nothing_and_keeps_its_name() -> None:
    book = Book(Far())
    with pytest.raises(ParleyError, match="speech_empty"):
        await book.calls.ask("asr", "transcribe", "refuse", within_s=1)
    assert book.rows == []


async def test_a_cold_pool_is_waited_for_longer() -> None:
    async def slow(patience: float) -> str:
        far = Far(patience=patience)
        calls = Book(far).calls
        answer: str = await calls.ask("asr", "transcribe", "work", within_s=0.0)
        return answer

    assert await slow(30.0) == "heard"


async def test_a_stream_read_to_its_end_is_done() -> None:
    book = Book(Far())
    items = [item async for item in book.calls.stream("tts", "speak", 3, "", first_s=5, gap_s=5)]
    assert items == [0, 1, 2]
    assert (book.row.outcome, book.row.engine_ms, book.row.kind) == ("done", 40, "tts")


async def test_leaving_a_stream_closes_it_and_bills_what_was_seen() -> None:
    far = Far()
    book = Book(far)
    async with aclosing(book.calls.stream("tts", "speak", 3, "", first_s=5, gap_s=5)) as items:
        async for _ in items:
            await asyncio.sleep(0.02)
            break
    assert far.closed
    assert (book.row.outcome, book.row.remote_id) == ("stopped", "fc-2")
    assert book.row.engine_ms >= 20


async def test_a_gap_in_a_stream_is_late() -> None:
    book = Book(Far())
    items = book.calls.stream("llm", "reply", 2, "hang", first_s=5, gap_s=0.05)
    assert [await anext(items), await anext(items)] == [0, 1]
    with pytest.raises(Unavailable, match="engine_late"):
        await anext(items)
    assert book.row.outcome == "failed"


async def test_a_row_that_cannot_be_written_does_not_cost_the_answer() -> None:
    def full(row: Call) -> None:
        raise MemoryError

    calls = Calls(Far(), Pricing("modal"), full)
    assert await calls.ask("asr", "transcribe", "work", within_s=5) == "heard"


async def test_ones_own_machine_costs_nothing() -> None:
    book = Book(Far(), "inline")
    await book.calls.ask("asr", "transcribe", "work", within_s=5)
    assert (book.row.microusd, book.row.price_class) == (0, "own")
