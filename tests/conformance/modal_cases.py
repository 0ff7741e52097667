"""What Modal itself does and Parley builds on: the unmodified client against the plane or the real thing."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx
import modal
import pytest
from modal.exception import FunctionTimeoutError, RemoteError

from domain.errors import Unavailable
from tests.conformance.app import KEY, MOST_INSIDE, NOTES, QUEUE
from tests.conformance.case import MODALS_OWN, PATIENT_S, Target, case, new_key
from tests.conformance.samples import HEART

FEATURES = "Modal's features"
remote = case(FEATURES, MODALS_OWN)


async def until(t: Target, true: Callable[[dict[str, Any]], bool], seconds: float = PATIENT_S) -> dict[str, Any]:
    """Wait until the notes that functions leave are as they should be; return them."""
    deadline = time.monotonic() + seconds
    while not true(notes := await t.apps.notes()):
        assert time.monotonic() < deadline, f"it never came true: {notes}"
        await asyncio.sleep(0.1)
    return notes


@remote
async def what_goes_there_comes_back(t: Target) -> None:
    echo = t.apps.cls("Echo")()
    for data in (None, "言葉", {"a": [1, 2.5, b"\x00"]}, HEART):
        assert await echo.say.remote.aio(data) == data


@remote
async def three_megabytes_go_there_and_back(t: Target) -> None:
    data = bytes(range(256)) * 12_000
    assert await t.apps.cls("Echo")().say.remote.aio(data) == data


@remote
async def hooks_run_in_order_before_the_first_call(t: Target) -> None:
    assert await t.apps.cls("Echo")().hooks.remote.aio() == ["first", "second"]


@remote
async def an_exit_hook_runs_when_the_pool_scales_down(t: Target) -> None:
    first = await t.apps.cls("Brief")().hello.remote.aio()
    await until(t, lambda notes: notes.get("brief") == "exit")
    assert await t.apps.cls("Brief")().hello.remote.aio() != first


@remote
async def a_stream_arrives_whole_and_in_order(t: Target) -> None:
    assert [n async for n in t.apps.cls("Echo")().count.remote_gen.aio(200)] == list(range(200))
    assert [n async for n in t.apps.cls("Echo")().count.remote_gen.aio(0)] == []


@remote
async def no_more_inputs_are_inside_than_may_be(t: Target) -> None:
    echo = t.apps.cls("Echo")()
    most = await asyncio.gather(*(echo.crowd.remote.aio(0.3) for _ in range(12)))
    assert max(most) == MOST_INSIDE


@remote
async def calls_that_come_together_share_a_batch(t: Target) -> None:
    add = t.apps.cls("Together")().add
    await add.remote.aio(0, 0)
    answers = await asyncio.gather(*(add.remote.aio(number, 1) for number in range(8)))
    assert [total for total, _ in answers] == list(range(1, 9))
    assert {size for _, size in answers} == {4}


@remote
async def a_batch_does_not_wait_for_ever(t: Target) -> None:
    assert await t.apps.cls("Together")().add.remote.aio(1, 1) == (2, 1)


@remote
async def a_parameter_has_a_pool_of_its_own(t: Target) -> None:
    greeter = t.apps.cls("Greeter")
    hello, one = await greeter(word="hello").greet.remote.aio()
    howdy, other = await greeter(word="howdy").greet.remote.aio()
    assert (hello, howdy) == ("hello", "howdy") and one != other


@remote
async def secrets_and_the_image_make_the_environment(t: Target) -> None:
    there = await t.apps.function("surroundings").remote.aio()
    assert there == {KEY: "a secret word", "CONFORMANCE_WORD": "an image's word", "MODAL_TOKEN_ID": None}


@remote
async def a_call_over_its_time_fails_and_the_next_one_works(t: Target) -> None:
    slow = t.apps.function("slow")
    with pytest.raises(FunctionTimeoutError):
        await slow.remote.aio(30)
    assert await slow.remote.aio(0) == "in time"


@remote
async def a_failure_is_tried_again(t: Target) -> None:
    assert await t.apps.function("third_time").remote.aio(new_key()) == 3


@remote
async def a_spawned_call_is_found_by_its_id(t: Target) -> None:
    call = await t.apps.function("square").spawn.aio(9)
    again = modal.FunctionCall.from_id(call.object_id, client=t.apps.client)
    assert await again.get.aio(timeout=PATIENT_S) == 81


@remote
async def a_spawned_call_is_cancelled_and_its_container_stays(t: Target) -> None:
    key, echo = new_key(), t.apps.cls("Echo")()
    call = await echo.hang.spawn.aio(key)
    notes = await until(t, lambda notes: f"{key}-began" in notes)
    await call.cancel.aio()
    ended = (await until(t, lambda notes: key in notes))[key]
    assert ended == notes[f"{key}-began"] == await echo.where.remote.aio()


@remote
async def a_stream_is_cancelled_by_its_id_and_its_finally_runs(t: Target) -> None:
    key, echo = new_key(), t.apps.cls("Echo")()
    stream = echo.forever.remote_gen.aio(key)
    call_id = await anext(stream)
    assert await anext(stream) is None
    await modal.FunctionCall.from_id(call_id, client=t.apps.client).cancel.aio()
    with pytest.raises(RemoteError):
        [item async for item in stream]
    assert (await until(t, lambda notes: key in notes))[key] == await echo.where.remote.aio()


@remote
async def a_stream_outlives_a_redeploy_while_new_calls_go_to_a_new_container(t: Target) -> None:
    echo = t.apps.cls("Echo")()
    old = await echo.where.remote.aio()
    stream = echo.forever.remote_gen.aio(key := new_key())
    call_id = await anext(stream)
    await t.apps.deploy("tests.conformance.app")
    assert await echo.where.remote.aio() != old
    assert await anext(stream) is None
    assert key not in await t.apps.notes()  # it has not ended
    await modal.FunctionCall.from_id(call_id, client=t.apps.client).cancel.aio()
    with pytest.raises(RemoteError):
        [item async for item in stream]
    assert (await until(t, lambda notes: key in notes))[key] == old


@remote
async def map_keeps_the_order_and_starmap_spreads_arguments(t: Target) -> None:
    assert [n async for n in t.apps.function("square").map.aio(range(30))] == [n * n for n in range(30)]
    assert [n async for n in t.apps.function("add").starmap.aio([(1, 2), (3, 4)])] == [3, 7]


@remote
async def map_gives_errors_back_as_values(t: Target) -> None:
    found = [n async for n in t.apps.function("square").map.aio([2, "x", 3], return_exceptions=True)]
    assert found[0] == 4 and isinstance(found[1], TypeError) and found[2] == 9


@remote
async def a_dict_and_a_queue_are_shared(t: Target) -> None:
    word = new_key()
    there = modal.Queue.from_name(QUEUE, create_if_missing=True, client=t.apps.client)
    await there.put_many.aio(["a", "b"], partition=word)
    assert await t.apps.function("pass_on").remote.aio(word) == 2
    assert await there.get_many.aio(2, timeout=PATIENT_S, partition=f"{word}-back") == ["A", "B"]


@remote
async def a_period_fires_by_itself(t: Target) -> None:
    first = (await until(t, lambda notes: "period" in notes))["period"]
    await until(t, lambda notes: notes["period"] > first)


@remote
async def a_cron_is_declared(t: Target) -> None:
    info = await t.apps.function("every_half_hour").info.aio()
    assert "*/30" in repr(info.schedule)


@remote
async def an_asgi_app_has_an_address(t: Target) -> None:
    url = await t.apps.function("site").get_web_url.aio()
    async with httpx.AsyncClient(timeout=PATIENT_S) as http:
        reply = await http.get(f"{url}/a/b?c=d")
    assert (reply.status_code, reply.text) == (203, "/a/b?c=d")


@remote
async def the_autoscaler_can_be_told(t: Target) -> None:
    square = t.apps.function("square")
    settings = await square.autoscaler.update.aio(min_containers=0, max_containers=2, scaledown_window=30)
    assert (settings.max_containers, settings.scaledown_window) == (2, 30)
    assert await square.autoscaler.settings.aio() == settings


# -- what is billed ------------------------------------------------------------------------------------


@remote
async def a_call_whose_container_is_killed_runs_again_and_is_billed_once(t: Target) -> None:
    assert await t.apps.odd.ask("passages", "embed", new_key(), "dies", within_s=PATIENT_S) == 2
    (row,) = t.rows
    assert (row.outcome, row.engine_ms) == ("done", 7)


@remote
async def a_call_that_is_tried_again_is_billed_once(t: Target) -> None:
    assert await t.apps.odd.ask("passages", "embed", new_key(), "fails", within_s=PATIENT_S) == 3
    assert [row.outcome for row in t.rows] == ["done"]


@remote
async def a_stream_whose_container_is_killed_fails_cleanly_and_is_billed_once(t: Target) -> None:
    key = new_key()
    stream = t.apps.odd.stream("tts", "speak", key, HEART, "en", first_s=PATIENT_S, gap_s=PATIENT_S)
    await anext(stream)
    await modal.Dict.from_name(NOTES, client=t.apps.client).put.aio(f"{key}-heard", True)
    with pytest.raises(Unavailable, match="tts_failed"):
        await anext(stream)  # and no second take is spliced on
    (row,) = t.rows
    assert (row.outcome, bool(row.remote_id)) == ("failed", True)
