"""Calls through the unmodified client, to the real container entrypoint."""

import asyncio
from pathlib import Path

import modal
import pytest
from modal.exception import FunctionTimeoutError, NotFoundError, RemoteError

from tests.infra.local.live import PATIENT_S, Live
from tests.infra.local.sample import Sulking

pytestmark = [pytest.mark.anyio, pytest.mark.plane]


async def test_a_function_is_called_from_another_process_than_the_one_that_deployed_it(live: Live) -> None:
    assert await live.function("square").remote.aio(7) == 49


async def test_a_function_that_nobody_deployed_is_not_found(live: Live) -> None:
    with pytest.raises(NotFoundError, match="nobody"):
        await live.function("nobody").remote.aio()
    with pytest.raises(NotFoundError):
        await live.cls("Nobody")().anything.remote.aio()


async def test_a_container_has_its_secrets_its_image_and_nothing_else_of_the_machine(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["SAMPLE_SECRET", "SAMPLE_IMAGE", "PARLEY_POOLS", "MODAL_IS_REMOTE", "MODAL_TASK_ID", "MODAL_TOKEN_ID"]
    monkeypatch.setenv("A_KEY_OF_THE_DEVELOPER", "secret")
    there = await live.function("surroundings").remote.aio([*names, "A_KEY_OF_THE_DEVELOPER"])
    assert there.pop("MODAL_TASK_ID").startswith("ta-surroundings")
    root, file = Path(there.pop("cwd")), Path(there.pop("file"))
    assert file.is_relative_to(root) and file != Path(__file__).with_name("sample.py")  # the deployed copy runs
    assert there == {
        "SAMPLE_SECRET": "a secret word", "SAMPLE_IMAGE": "an image's word", "PARLEY_POOLS": "laptop",
        "MODAL_IS_REMOTE": "1", "MODAL_TOKEN_ID": None, "A_KEY_OF_THE_DEVELOPER": None,
    }  # fmt: skip


async def test_errors_keep_their_type_and_what_they_carry(live: Live) -> None:
    with pytest.raises(Sulking, match="not today") as caught:
        await live.function("sulk").remote.aio()
    assert caught.value.seconds == 7


async def test_a_failure_is_tried_again_as_often_as_the_function_says(live: Live) -> None:
    assert await live.function("third_time").remote.aio("plain") == 3
    assert len(live.notes("plain")) == 3


async def test_a_spawned_call_is_tried_again_too_though_nobody_waits(live: Live) -> None:
    call = await live.function("third_time").spawn.aio("spawned")
    assert await call.get.aio(timeout=PATIENT_S) == 3


async def test_a_call_over_its_time_ends_with_its_container_and_the_next_one_works(live: Live) -> None:
    slow = live.function("slow")
    assert await slow.remote.aio(0) == "in time"
    (before,) = live.containers("slow")
    with pytest.raises(FunctionTimeoutError):
        await slow.remote.aio(30)
    assert await slow.remote.aio(0) == "in time"
    assert before not in live.containers("slow")


async def test_hooks_run_in_order_before_the_first_call(live: Live) -> None:
    assert await live.cls("Echo")().hooks.remote.aio() == ["snap", "enter"]


async def test_a_stream_arrives_whole_and_in_order(live: Live) -> None:
    items = [item async for item in live.cls("Echo")().count.remote_gen.aio(50, 0)]
    assert len(items) == 50 and items == sorted(items)
    assert [letter async for letter in live.cls("Plain")().letters.remote_gen.aio("abc")] == ["a", "b", "c"]


async def test_an_empty_stream_ends(live: Live) -> None:
    assert [item async for item in live.cls("Echo")().count.remote_gen.aio(0)] == []


async def test_more_than_two_mebibytes_go_there_and_back(live: Live) -> None:
    sound = bytes(range(256)) * 12_000
    assert await live.cls("Echo")().say.remote.aio(sound) == sound


async def test_spawned_calls_are_found_by_their_id(live: Live) -> None:
    call = await live.function("square").spawn.aio(9)
    again = modal.FunctionCall.from_id(call.object_id, client=live.client)
    assert await again.get.aio(timeout=PATIENT_S) == 81
    assert await again.num_inputs.aio() == 1
    assert await again.get.aio(timeout=PATIENT_S) == 81


async def test_waiting_for_a_spawned_call_may_end_without_it(live: Live) -> None:
    call = await live.cls("Echo")().hang.spawn.aio("waiting")
    with pytest.raises(TimeoutError):
        await call.get.aio(timeout=0.2)
    await call.cancel.aio()


async def test_map_keeps_the_order_and_starmap_spreads_arguments(live: Live) -> None:
    numbers = range(120)
    assert [n async for n in live.function("square").map.aio(numbers)] == [n * n for n in numbers]
    sums = [total async for total, _ in live.cls("Together")().add.starmap.aio([(1, 2), (3, 4), (5, 6)])]
    assert sums == [3, 7, 11]


async def test_map_can_give_errors_back_as_values(live: Live) -> None:
    found = [
        answer
        async for answer in live.function("square").map.aio([2, "x", 3], return_exceptions=True)
    ]
    assert found[0] == 4 and isinstance(found[1], TypeError) and found[2] == 9


async def test_calls_that_come_together_share_a_batch(live: Live) -> None:
    add = live.cls("Together")().add
    answers = await asyncio.gather(*(add.remote.aio(n, 1) for n in range(8)))
    assert [total for total, _ in answers] == list(range(1, 9))
    assert {size for _, size in answers} == {4}


async def test_a_batch_does_not_wait_for_ever(live: Live) -> None:
    assert await live.cls("Together")().add.remote.aio(1, 1) == (2, 1)


async def test_each_set_of_parameters_has_containers_of_its_own(live: Live) -> None:
    greeter = live.cls("Greeter")
    hello, process = await greeter(word="hello").greet.remote.aio("you")
    howdy, other = await greeter(word="howdy", times=2).greet.remote.aio("you")
    again, same = await greeter(word="hello").greet.remote.aio("me")
    assert (hello, howdy, again) == ("hello you", "howdy howdy you", "hello me")
    assert process == same != other


async def test_a_cancelled_stream_runs_its_finally_and_keeps_its_container(live: Live) -> None:
    echo = live.cls("Echo")()
    process = await echo.where.remote.aio()
    stream = echo.forever.remote_gen.aio("stream")
    call = modal.FunctionCall.from_id(await anext(stream), client=live.client)
    await call.cancel.aio()
    with pytest.raises(RemoteError):
        [_ async for _ in stream]
    await live.noted("stream", seconds=30)  # the bench tells the figure; a minute would be the container's own end
    assert await echo.where.remote.aio() == process


async def test_leaving_a_stream_early_cancels_nothing(live: Live) -> None:
    """As on Modal, where the GPU goes on: callers must cancel by the call's id."""
    stream = live.cls("Echo")().forever.remote_gen.aio("left")
    call_id = await anext(stream)
    await stream.aclose()
    await asyncio.sleep(0.3)
    assert live.notes("left") == []
    await modal.FunctionCall.from_id(call_id, client=live.client).cancel.aio()
    await live.noted("left")


async def test_a_cancelled_call_that_runs_is_interrupted(live: Live) -> None:
    call = await live.cls("Echo")().hang.spawn.aio("spawned-hang")
    await live.noted("spawned-hang-began")
    await call.cancel.aio()
    await live.noted("spawned-hang")
    with pytest.raises(RemoteError):
        await call.get.aio(timeout=PATIENT_S)


async def test_a_cancelled_call_that_waits_never_runs(live: Live) -> None:
    plain = live.cls("Plain")()
    first = await plain.sleep.spawn.aio("first")
    await live.noted("first")
    second = await plain.sleep.spawn.aio("second")
    await second.cancel.aio()
    with pytest.raises(RemoteError):
        await second.get.aio(timeout=PATIENT_S)
    await first.cancel.aio()
    with pytest.raises(RemoteError):
        await first.get.aio(timeout=PATIENT_S)
    assert "".join([letter async for letter in plain.letters.remote_gen.aio("ok")]) == "ok"
    assert live.notes("second") == []


async def test_three_hundred_calls_at_once_through_two_containers_lose_nothing(live: Live) -> None:
    turn = live.cls("Crowd")().turn
    answers = await asyncio.gather(*(turn.remote.aio(n) for n in range(300)))
    assert [n for n, _ in answers] == list(range(300))
    assert len({process for _, process in answers}) <= 2
    assert sorted(map(int, live.notes("crowd"))) == list(range(300))  # each ran once
