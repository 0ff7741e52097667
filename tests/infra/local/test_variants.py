"""Functions in other shapes: with options, from other functions, for one use, with elastic concurrency."""

import asyncio

import modal
import pytest
from modal.exception import RemoteError

from tests.infra.local.live import PATIENT_S, Live

pytestmark = [pytest.mark.anyio, pytest.mark.plane]


async def test_a_variant_with_options_is_a_pool_of_its_own(live: Live) -> None:
    echo = live.cls("Echo")
    variant = echo.with_options(max_containers=1, scaledown_window=2).with_concurrency(max_inputs=2)
    first, other = await echo().where.remote.aio(), await variant().where.remote.aio()
    assert first != other
    settings = await variant().where.autoscaler.settings.aio()
    assert (settings.max_containers, settings.scaledown_window) == (1, 2)


async def test_a_function_calls_another(live: Live) -> None:
    assert await live.function("squares_of_squares").remote.aio(3) == 81


async def test_single_use_containers_serve_one_call_each(live: Live) -> None:
    once = live.function("once_each")
    processes = await asyncio.gather(*(once.remote.aio() for _ in range(3)))
    assert len(set(processes)) == 3


async def test_concurrency_stretches_to_its_maximum_when_there_can_be_no_more_containers(live: Live) -> None:
    most = live.cls("Elastic")().most
    assert max(await asyncio.gather(*(most.remote.aio() for _ in range(4)))) > 1


async def test_a_spawned_map_runs_though_nobody_waits(live: Live) -> None:
    await live.function("third_time").spawn_map.aio(["spread-1", "spread-2"])
    await live.noted("spread-1", 3)
    await live.noted("spread-2", 3)


async def test_spawned_calls_are_gathered(live: Live) -> None:
    square = live.function("square")
    calls = [await square.spawn.aio(n) for n in range(3)]
    assert await modal.FunctionCall.gather.aio(*calls) == [0, 1, 4]


async def test_a_cancel_may_end_the_container_too_and_what_else_it_did_runs_again(live: Live) -> None:
    mortal = live.cls("Mortal")()
    other = await mortal.once.spawn.aio("bystander")
    call = await mortal.once.spawn.aio("terminated")
    await live.noted("bystander")
    await live.noted("terminated")
    await call.cancel.aio(terminate_containers=True)
    with pytest.raises(RemoteError):
        await call.get.aio(timeout=PATIENT_S)
    assert str(await other.get.aio(timeout=PATIENT_S)) == live.notes("bystander")[1]


async def test_blocking_calls_work_as_well(live: Live) -> None:
    def block() -> tuple[int, list[int]]:
        square = live.function("square")
        return square.remote(5), list(square.map([1, 2, 3]))

    assert await asyncio.to_thread(block) == (25, [1, 4, 9])
