"""Containers: how many there are, what happens when they die, and that none outlives its plane."""

import asyncio
import os
import signal
import time

import modal
import pytest
from modal.exception import InternalFailure, RemoteError
from modal_proto import api_pb2

from infra.local.__main__ import deploy
from infra.local.calls import Result
from infra.local.containers import Container
from infra.local.faults import Faults
from infra.local.plane import Plane
from infra.local.rpc_containers import ContainerRpcs
from infra.local.server import Caller
from tests.infra.local.live import PATIENT_S, Live
from tests.infra.local.sample import Sulking

pytestmark = [pytest.mark.anyio, pytest.mark.plane]


async def kill(live: Live, name: str, number: int = signal.SIGKILL) -> int:
    """Send a signal to the one container of a class, as the machine might; return its process."""
    (container,) = live.containers(name)
    assert container.process is not None
    os.kill(container.process.pid, number)
    return container.process.pid


async def test_a_call_whose_container_is_killed_runs_again_in_another(live: Live) -> None:
    call = await live.cls("Mortal")().once.spawn.aio("once")
    await live.noted("once")
    killed = await kill(live, "Mortal")
    assert await call.get.aio(timeout=PATIENT_S) != killed
    assert len(live.notes("once")) == 2
    answers = live.plane.calls.by_id[call.object_id].outputs
    assert len(answers) == 1  # and reports once


async def test_a_stream_that_began_fails_rather_than_being_spliced(live: Live) -> None:
    stream = live.cls("Mortal")().stream.remote_gen.aio("splice")
    assert [await anext(stream) for _ in range(3)] == [0, 1, 2]
    await kill(live, "Mortal")
    with pytest.raises(InternalFailure, match="after the first results"):
        await anext(stream)
    assert len(live.notes("splice")) == 1


async def test_an_answer_of_a_container_that_was_given_up_is_ignored(live: Live) -> None:
    call = await live.cls("Mortal")().once.spawn.aio("late")
    await live.noted("late")

    async def answer_late(plane: Plane) -> None:
        (entry,) = plane.calls.by_id[call.object_id].inputs.values()
        (holder,) = live.containers("Mortal")
        ghost = Container("ta-gone-1", holder.function, holder.definition, holder.pool, holder.log)
        done = api_pb2.GenericResult(status=Result.GENERIC_STATUS_SUCCESS)
        output = api_pb2.FunctionPutOutputsItem(input_id=entry.id, result=done)
        request = api_pb2.FunctionPutOutputsRequest(outputs=[output])
        await ContainerRpcs(plane).FunctionPutOutputs(request, Caller(ghost))

    live.do(answer_late)
    with pytest.raises(TimeoutError):
        await call.get.aio(timeout=0)
    await call.cancel.aio()


async def test_a_preempted_container_goes_and_its_call_runs_elsewhere(live: Live) -> None:
    call = await live.cls("Mortal")().once.spawn.aio("preempted")
    await live.noted("preempted")
    (container,) = live.containers("Mortal")

    async def preempt(plane: Plane) -> None:
        plane.containers.preempt(container.id)

    live.do(preempt)
    assert str(await call.get.aio(timeout=PATIENT_S)) == live.notes("preempted")[1]
    assert container.why == "preempted"


async def test_containers_that_crash_and_capacity_that_is_refused_delay_calls_and_lose_none(live: Live) -> None:
    live.plane.faults.set("square.refuse=0.5 square.crash=0.5 square.crash_after=0.1")
    try:
        answers = await asyncio.gather(*(live.function("square").remote.aio(n) for n in range(40)))
    finally:
        live.plane.faults.set("")
    assert answers == [n * n for n in range(40)]


async def test_an_idle_container_goes_after_its_window_and_its_exit_hook_runs(live: Live) -> None:
    first = await live.cls("Brief")().hello.remote.aio()
    assert live.containers("Brief")
    await live.until(lambda: not live.containers("Brief"))
    assert live.notes("brief") == ["enter", "exit"]
    assert await live.cls("Brief")().hello.remote.aio() != first


async def test_code_that_cannot_start_tells_those_who_wait_why(live: Live) -> None:
    with pytest.raises(Sulking, match="no weights here"):
        await live.cls("Broken")().hello.remote.aio()
    assert len(live.notes("broken")) == 2  # it was tried again, and not for ever


async def test_a_container_that_does_not_start_in_time_is_given_up(live: Live) -> None:
    with pytest.raises(modal.exception.FunctionTimeoutError, match="did not start within 1s"):
        await live.cls("Sleepy")().hello.remote.aio()


async def test_the_autoscaler_can_be_told_and_asked(live: Live) -> None:
    square = live.function("square")
    await square.remote.aio(1)
    settings = await square.autoscaler.update.aio(min_containers=2, max_containers=2, scaledown_window=2)
    assert (settings.min_containers, settings.max_containers, settings.scaledown_window) == (2, 2, 2)
    assert await square.autoscaler.settings.aio() == settings
    await live.until(lambda: sum(container.booted for container in live.containers("square")) == 2)
    stats = await square.get_current_stats.aio()
    assert (stats.backlog, stats.num_total_runners) == (0, 2)
    await square.autoscaler.update.aio(min_containers=0)
    await live.until(lambda: not live.containers("square"))


async def test_a_redeploy_drains_the_old_containers_and_keeps_what_runs(live: Live) -> None:
    echo = live.cls("Echo")()
    before = await echo.where.remote.aio()
    stream = echo.forever.remote_gen.aio("redeployed")
    call_id = await anext(stream)
    await asyncio.to_thread(live.do, lambda plane: deploy(plane, "tests.infra.local.sample"))
    after = await echo.where.remote.aio()
    assert after != before
    assert await anext(stream) is None  # the old one still speaks
    assert len(live.containers("Echo")) == 2
    await modal.FunctionCall.from_id(call_id, client=live.client).cancel.aio()
    with pytest.raises(RemoteError):
        [_ async for _ in stream]
    await live.until(lambda: len(live.containers("Echo")) == 1)
    assert await echo.where.remote.aio() == after


async def test_every_container_is_on_the_bill_and_in_the_count_of_cold_starts(live: Live) -> None:
    await live.function("square").remote.aio(1)
    stays = {stay.container for stay in live.plane.bill.stays()}
    assert {container.id for container in live.containers("square")} <= stays
    assert live.plane.cold_starts == sum(line.cold_starts for line in live.plane.bill.lines(time.time()))


async def test_an_injected_cold_start_delays_the_first_call_only(live: Live) -> None:
    slept: list[float] = []

    async def note(seconds: float) -> None:
        slept.append(seconds)

    faults, live.plane.faults = live.plane.faults, Faults("Greeter.cold_start=12", sleep=note)
    try:
        greeter = live.cls("Greeter")(word="cold")
        await greeter.greet.remote.aio("you")
        await greeter.greet.remote.aio("you")
    finally:
        live.plane.faults = faults
    assert slept == [12.0]
