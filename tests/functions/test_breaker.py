"""The circuit breaker in front of an LLM provider, on a clock of our own."""

import pytest

from functions.engines.breaker import LONGEST_REST_S, Breaker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("it", clock, failures=2, rest_s=10.0)


def broken(breaker: Breaker) -> Breaker:
    for _ in range(2):
        by = breaker.admit()
        assert by is not None
        breaker.failed(by)
    return breaker


def test_one_failure_is_forgiven_and_two_in_a_row_are_not(breaker: Breaker) -> None:
    breaker.failed("free")
    breaker.worked()
    breaker.failed("free")
    assert breaker.admit() == "free"
    breaker.failed("free")
    assert breaker.admit() is None


def test_after_its_rest_one_call_probes_while_the_others_stay_out(breaker: Breaker, clock: Clock) -> None:
    broken(breaker)
    clock.now += 9.9
    assert breaker.admit() is None
    clock.now += 0.1
    assert breaker.admit() == "probe"
    assert breaker.admit() is None
    breaker.worked()
    assert breaker.admit() == "free"


def test_each_failed_probe_doubles_the_rest_up_to_a_limit(breaker: Breaker, clock: Clock) -> None:
    broken(breaker)
    for rest in (10, 20, 40, 80, 160, LONGEST_REST_S, LONGEST_REST_S):
        clock.now += rest - 0.01
        assert breaker.admit() is None
        clock.now += 0.02
        assert breaker.admit() == "probe"
        breaker.failed("probe")


def test_a_caller_who_leaves_gives_the_probe_back(breaker: Breaker, clock: Clock) -> None:
    broken(breaker)
    clock.now += 10
    assert breaker.admit() == "probe"
    breaker.left("probe")
    assert breaker.admit() == "probe"


def test_a_call_from_before_that_ends_late_does_not_touch_the_probe(breaker: Breaker, clock: Clock) -> None:
    assert breaker.admit() == "free"  # the slow one
    broken(breaker)
    clock.now += 10
    assert breaker.admit() == "probe"
    breaker.failed("free")
    breaker.left("free")
    assert breaker.admit() is None
    breaker.worked()
    assert breaker.admit() == "free"
