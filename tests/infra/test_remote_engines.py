"""The engines of functions elsewhere: which pools are woken, and what the page is told."""

import pytest

from functions.pools import Name
from infra.engines import Engine, Engines, State
from infra.remote_engines import RemoteEngines


class Pools:
    def __init__(self) -> None:
        self.states: dict[Name, State] = {}
        self.woken: list[Name] = []

    def state(self, function: Name) -> State:
        return self.states.get(function, "ready")

    def wake(self, function: Name) -> None:
        self.woken.append(function)

    async def close(self) -> None:
        raise AssertionError("not here")


def engines(pools: Pools) -> RemoteEngines:
    return RemoteEngines(pools, [("asr", "ASR"), ("tts", "TTS"), ("llm", "LLM")], Engines([]))


def test_all_that_a_turn_needs_is_woken_at_once() -> None:
    pools = Pools()
    engines(pools).prewarm()
    assert pools.woken == ["asr", "tts", "llm"]


def test_who_writes_needs_nobody_who_hears() -> None:
    pools = Pools()
    engines(pools).prewarm(hearing=False)
    assert pools.woken == ["tts", "llm"]


@pytest.mark.parametrize(("state", "ready"), [("ready", True), ("waking", True), ("failed", False)])
def test_a_pool_that_sleeps_or_wakes_is_ready_for_visitors_and_one_that_failed_is_not(
    state: State, ready: bool
) -> None:
    pools = Pools()
    pools.states["tts"] = state
    remote = engines(pools)
    assert remote.ready is ready
    assert [(engine.name, engine.state) for engine in remote.status()] == [
        ("asr", "ready"), ("tts", state), ("llm", "ready"),
    ]  # fmt: skip


def test_an_endpoint_asked_from_this_process_is_told_beside_the_pools() -> None:
    own = Engines([Engine("llm", "an endpoint", lambda: None)])
    told = RemoteEngines(Pools(), [("asr", "ASR")], own).status()
    assert [(engine.name, engine.what) for engine in told] == [("asr", "ASR"), ("llm", "an endpoint")]
