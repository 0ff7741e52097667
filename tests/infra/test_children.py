"""Processes kept warm: one that nobody needs is ended, and the next thing that is asked starts another.

What is asked is answered by one that is forked off, and knows of nothing else that is asked.
"""

import asyncio
import contextlib
import os
from pathlib import Path

import pytest

from domain.knowledge.ports import Fetched
from infra.children import Broke, Children, Kind, NotStarted
from infra.parse_child import CPU_S, MEMORY, Answer, Ask
from infra.shut_in import FORKS
from tests.infra import telling_child
from tests.infra.test_shut_in import landlock

pytestmark = pytest.mark.anyio
WORDS = Fetched(url="https://example.com/", status=200, content_type="text/plain", charset="", body=b"Words of a page.")
PAGE = Ask("page", WORDS)
forked = pytest.mark.skipif(not FORKS, reason="elsewhere one process answers all")


def kind(module: str = "infra.parse_child", idle_s: float | None = None) -> Kind:
    return Kind(module=module, deadline_s=60, cpu_s=CPU_S, memory=MEMORY, idle_s=idle_s)


async def test_a_process_that_waits_too_long_is_ended() -> None:
    pool = Children(kind(idle_s=0.1), Answer, 1)
    try:
        assert (await pool.ask(PAGE)).page is not None
        (first,) = pool.pids
        async with asyncio.timeout(30):
            while pool.pids:  # noqa: ASYNC110 - what is waited for is in another process
                await asyncio.sleep(0.02)
        assert (await pool.ask(PAGE)).page is not None
        assert pool.pids != {first}
    finally:
        await pool.close()
    assert not pool.pids


async def test_what_does_not_start_is_told_apart_from_what_breaks() -> None:
    pool = Children(kind("infra.no_such_reader"), Answer, 1)
    with pytest.raises(NotStarted):
        await pool.ask(PAGE)
    await pool.close()
    with pytest.raises(NotStarted):
        await pool.ask(PAGE)


def telling() -> Children[telling_child.Told]:
    return Children(kind("tests.infra.telling_child"), telling_child.Told, 1)


def runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def forked_off(pid: int) -> list[int]:
    """Return what a process forked off that has a session of its own by now."""
    with contextlib.suppress(OSError):
        pids = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return [each for each in pids if os.getsid(each) == each]
    return []


@forked
async def test_whatever_is_asked_is_answered_by_a_process_that_knows_nothing_else_and_is_gone_then() -> None:
    pool = telling()
    try:
        first, second = [await pool.ask(telling_child.Ask(what)) for what in ("one person's", "another's")]
        (warm,) = pool.pids
        assert (first.asked, second.asked) == (["one person's"], ["another's"])
        assert len({first.pid, second.pid, warm}) == 3
        assert not runs(first.pid) and not runs(second.pid)
        assert first.processes == 0 and first.cpu_s <= CPU_S + 1
        if landlock() > 0:
            assert first.reached == []
    finally:
        await pool.close()


@forked
async def test_one_that_dies_is_what_was_asked_broken() -> None:
    pool = telling()
    try:
        with pytest.raises(Broke):
            await pool.ask(telling_child.Ask("die"))
        assert (await pool.ask(telling_child.Ask("next"))).asked == ["next"]
    finally:
        await pool.close()


@forked
@pytest.mark.parametrize("closed", [False, True])
async def test_one_that_does_all_to_stay_goes_with_whoever_asked_or_with_the_pool(closed: bool) -> None:
    pool = telling()
    try:
        await pool.ask(telling_child.Ask("warm"))
        (warm,) = pool.pids
        task = asyncio.create_task(pool.ask(telling_child.Ask("stay")))
        async with asyncio.timeout(30):
            while not (pids := forked_off(warm)):  # noqa: ASYNC110 - what is waited for is in another process
                await asyncio.sleep(0.02)
        if closed:
            await pool.close()
        else:
            task.cancel()
        with pytest.raises((Broke, asyncio.CancelledError)):
            await task
        assert not any(map(runs, [warm, *pids]))
    finally:
        await pool.close()
