"""The way into a handler: short queues, and a rest for an engine that keeps failing."""

import asyncio

import pytest

from domain.errors import BadInput, ParleyError, Unavailable
from functions.gate import Gate


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def fail(gate: Gate, error: Exception) -> None:
    seen = (type(error), str(error)) if isinstance(error, ParleyError) else (Unavailable, "asr_failed")
    with pytest.raises(seen[0], match=seen[1]), gate.through():
        raise error


def test_a_full_queue_says_when_to_come_back_and_is_open_again_once_somebody_leaves() -> None:
    clock = Clock()
    gate = Gate("asr", most=2, clock=clock)
    with gate.through():
        with gate.through():
            with pytest.raises(Unavailable, match="engine_busy") as busy, gate.through():
                pass
            assert busy.value.detail == {"engine": "asr", "retry_after": 1}
            clock.now += 21.0
        with gate.through():  # there is room again
            pass
        with gate.through(), pytest.raises(Unavailable, match="engine_busy") as busy, gate.through():
            pass
    assert busy.value.detail["retry_after"] == 4  # it has learnt that calls take long


def test_three_failures_in_a_row_close_the_way_and_the_rest_grows_with_every_failed_probe() -> None:
    clock = Clock()
    gate = Gate("asr", most=8, clock=clock)
    for _ in range(3):
        fail(gate, RuntimeError())
    for rest in (2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0):
        with pytest.raises(Unavailable, match="engine_resting") as resting, gate.through():
            pass
        assert resting.value.detail["retry_after"] == rest
        clock.now += rest
        fail(gate, RuntimeError())


def test_one_call_tries_a_rested_engine_and_the_others_wait_for_its_verdict() -> None:
    clock = Clock()
    gate = Gate("asr", most=8, clock=clock)
    for _ in range(3):
        fail(gate, RuntimeError())
    clock.now += 2.0
    with gate.through():  # the probe
        fail(gate, Unavailable("engine_resting"))
    with gate.through(), gate.through():  # it went well: all may come
        pass
    fail(gate, RuntimeError())
    with gate.through():  # one failure is not three
        pass


def test_calls_that_waited_behind_a_broken_engine_fail_with_it_and_do_not_lengthen_its_rest() -> None:
    clock = Clock()
    gate = Gate("asr", most=8, clock=clock)
    inside = [gate.through() for _ in range(8)]
    for call in inside:
        call.__enter__()
    for call in inside:
        with pytest.raises(Unavailable, match="asr_failed"):
            call.__exit__(RuntimeError, RuntimeError(), None)
    with pytest.raises(Unavailable, match="engine_resting") as resting, gate.through():
        pass
    assert resting.value.detail["retry_after"] == 2


def test_a_caller_who_leaves_is_no_failure_and_gives_its_place_and_the_probe_back() -> None:
    clock = Clock()
    gate = Gate("asr", most=1, clock=clock)
    for _ in range(5):
        with pytest.raises(asyncio.CancelledError), gate.through():
            raise asyncio.CancelledError
    for _ in range(3):
        fail(gate, RuntimeError())
    clock.now += 2.0
    for left in (asyncio.CancelledError, BadInput):  # neither tells whether the engine works again
        with pytest.raises(left), gate.through():
            raise left("speech_empty")
    with gate.through():  # still a probe, and it works
        pass
    with gate.through():
        pass


def test_what_the_caller_did_wrong_is_no_failure_of_the_engine() -> None:
    gate = Gate("asr", most=8)
    for _ in range(10):
        fail(gate, BadInput("speech_empty"))
    with gate.through():
        pass
    for _ in range(3):
        fail(gate, Unavailable("asr_failed"))
    with pytest.raises(ParleyError, match="engine_resting"), gate.through():
        pass
