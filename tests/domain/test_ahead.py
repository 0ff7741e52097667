import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from domain.ahead import ahead

pytestmark = pytest.mark.anyio


async def test_the_next_item_is_made_while_this_one_is_used() -> None:
    made: list[int] = []

    async def source() -> AsyncGenerator[int, None]:
        for number in range(5):
            made.append(number)
            yield number

    async with aclosing(ahead(source(), by=1)) as items:
        assert await anext(items) == 0
        for _ in range(20):  # turns of the loop, and no time: whatever can go on has gone on then
            await asyncio.sleep(0)
        assert made == [0, 1, 2]


async def test_leaving_stops_the_source() -> None:
    stopped = asyncio.Event()

    async def source() -> AsyncGenerator[int, None]:
        try:
            while True:
                yield 1
        finally:
            stopped.set()

    async with aclosing(ahead(source(), by=1)) as items:
        await anext(items)
    await asyncio.wait_for(stopped.wait(), 60)


async def test_an_error_of_the_source_reaches_the_reader_after_its_items() -> None:
    async def source() -> AsyncGenerator[int, None]:
        yield 1
        raise LookupError

    async with aclosing(ahead(source(), by=1)) as items:
        assert await anext(items) == 1
        with pytest.raises(LookupError):
            await anext(items)
