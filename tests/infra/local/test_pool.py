"""The warm-pool policy, told as short stories. The rules for any story are in test_pool_machine.py."""

import pytest

from infra.local.pool import Action, Limits, PoolState, Start, Stop


def pool(
    maximum: int = 10, *, minimum: int = 0, buffer: int = 0, window: float = 60, concurrency: int = 1
) -> PoolState:
    return PoolState(Limits(minimum, maximum, buffer, window, concurrency), "tts")


def serve(state: PoolState, now: float, *input_ids: str) -> list[Action]:
    """Let inputs arrive, boot what starts and hand over what waits; return the actions."""
    actions = [action for input_id in input_ids for action in state.arrived(now, input_id)]
    todo = list(actions)
    while todo:
        action = todo.pop()
        todo += state.booted(now, action.container) if isinstance(action, Start) else state.gone(now, action.container)
    while (container := state.offer()) is not None:
        state.take(now, container, 100)
    return actions


def where(state: PoolState) -> dict[str, list[str]]:
    return {name: held.inputs for name, held in state.containers.items()}


def test_the_first_input_starts_a_container_and_waits_for_it() -> None:
    state = pool()
    assert state.arrived(0, "a") == [Start("tts-1")]
    assert state.queue == ("a",) and state.take(1, "tts-1", 1) == []
    assert state.booted(2, "tts-1") == []
    assert state.take(2, "tts-1", 1) == ["a"] and state.waiting == 0


def test_a_burst_on_an_empty_pool_starts_as_many_as_the_queue_fills() -> None:
    state = pool(maximum=3, concurrency=4)
    started = [state.arrived(0, str(number)) for number in range(20)]
    assert [number for number, actions in enumerate(started) if actions] == [0, 4, 8]
    assert state.waiting == 20 and len(state.containers) == 3


def test_an_idle_container_goes_after_its_window_and_not_before() -> None:
    state = pool(window=60)
    serve(state, 0, "a")
    assert state.next_tick() is None and state.tick(1_000) == []
    assert state.finished(1_000, "tts-1", "a") == []
    assert state.next_tick() == 1_060 and state.tick(1_059.9) == []
    assert state.tick(1_060) == [Stop("tts-1")] and state.next_tick() is None
    assert state.take(1_061, "tts-1", 1) == []
    state.gone(1_062, "tts-1")
    assert not state.containers


def test_a_minimum_starts_with_the_first_tick_and_never_goes() -> None:
    state = pool(minimum=2)
    assert state.tick(0) == [Start("tts-1"), Start("tts-2")]
    state.booted(1, "tts-1"), state.booted(1, "tts-2")
    assert state.next_tick() is None and state.tick(10_000) == []
    assert state.lost(10_001, "tts-1") == [Start("tts-3")]


def test_a_buffer_is_kept_while_there_is_work_and_begins_its_window_after_it() -> None:
    state = pool(buffer=1, window=60)
    assert serve(state, 0, "a") == [Start("tts-1"), Start("tts-2")]
    assert state.tick(500) == [], "held by the buffer"
    state.finished(500, "tts-1" if where(state)["tts-1"] else "tts-2", "a")
    assert state.next_tick() == 560 and len(state.tick(560)) == 2


def test_a_container_with_room_gets_the_next_input_so_that_others_can_go() -> None:
    state = pool(concurrency=2, window=60)
    serve(state, 0, "a", "b", "c")
    assert sorted(map(len, where(state).values())) == [1, 2]
    lone = next(name for name, inputs in where(state).items() if inputs == ["c"])
    serve(state, 1, "d")
    assert where(state)[lone] == ["c", "d"]


def test_the_inputs_of_a_lost_container_are_next_in_their_order() -> None:
    state = pool(maximum=1, concurrency=2)
    serve(state, 0, "a", "b", "c")
    assert state.lost(1, "tts-1") == [Start("tts-2")]
    assert state.queue == ("a", "b", "c")
    assert state.finished(2, "tts-1", "a") == [] and state.queue == ("a", "b", "c"), "too late to count"


def test_a_cancelled_input_leaves_the_queue_or_its_container() -> None:
    state = pool(maximum=1)
    serve(state, 0, "a", "b")
    state.cancelled(1, "b")
    state.cancelled(1, "a")
    state.cancelled(1, "nobody")
    assert not state.active and state.next_tick() == 61


def test_an_input_that_arrives_twice_is_one_input() -> None:
    state = pool(maximum=1)
    serve(state, 0, "a")
    state.arrived(1, "a")
    assert state.waiting == 0 and state.running == 1


def test_opening_a_page_wakes_one_container_and_keeps_an_idle_one() -> None:
    state = pool(window=60, buffer=3)
    assert state.wanted(0) == [Start("tts-1")] and not state.active
    assert state.wanted(1) == [], "one is on its way"
    state.booted(5, "tts-1")
    assert state.wanted(60) == [] and state.next_tick() == 120


def test_a_stopping_container_counts_until_it_is_gone() -> None:
    state = pool(maximum=1, window=10)
    serve(state, 0, "a")
    state.finished(1, "tts-1", "a")
    assert state.tick(11) == [Stop("tts-1")]
    assert state.arrived(12, "b") == []
    assert state.gone(13, "tts-1") == [Start("tts-2")]


def test_a_lower_maximum_stops_the_idle_at_once_and_the_busy_when_they_are_done() -> None:
    state = pool(maximum=3)
    serve(state, 0, "a", "b", "c")
    holder = {inputs[0]: name for name, inputs in where(state).items()}
    state.finished(1, holder["a"], "a")
    assert state.relimit(2, Limits(0, 1, 0, 60, 1)) == [Stop(holder["a"])]
    serve(state, 3, "d")
    assert state.queue == ("d",)
    assert state.finished(4, holder["b"], "b") == [Stop(holder["b"])]
    assert state.offer() is None and state.finished(5, holder["c"], "c") == []
    assert state.take(5, holder["c"], 1) == ["d"]


def test_a_higher_concurrency_lets_a_busy_container_take_more() -> None:
    state = pool(maximum=1)
    serve(state, 0, "a", "b")
    state.relimit(1, Limits(0, 1, 0, 60, 2))
    assert state.take(1, "tts-1", 5) == ["b"]


def test_a_start_that_only_taking_made_due_is_told_by_the_next_tick() -> None:
    state = pool(buffer=1, concurrency=2, window=60)
    serve(state, 0, "a")
    idle = next(name for name, inputs in where(state).items() if not inputs)
    state.arrived(1, "b")
    state.take(1, idle, 1)  # whoever serves containers may not have asked `offer`
    assert state.next_tick() == 1 and state.tick(1) == [Start("tts-3")]


@pytest.mark.parametrize("limits", [{"concurrency": 0}, {"max_containers": -1}, {"scaledown_window": -0.5}])
def test_limits_that_make_no_sense_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"negative|at least one"):
        Limits(**limits)  # type: ignore[arg-type]
