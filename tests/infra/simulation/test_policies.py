"""Policies in words: what they leave out is the pool table's."""

from datetime import date
from decimal import Decimal

import pytest

from functions.pools import CLOUD
from infra import prices
from infra.simulation.policies import KEYS, NAMED, policy
from infra.simulation.refused import Refused

LISTED = prices.at(date(2026, 11, 22))


def test_the_empty_policy_is_the_pool_table() -> None:
    for setup in policy("table", LISTED).setups:
        pool = CLOUD[setup.name]  # type: ignore[index]
        assert all(getattr(setup.limits, key) == getattr(pool, key) for key in KEYS.values())
        assert setup.usd_per_second == LISTED.usd_per_second(pool.price_class, pool.cpu, pool.memory)


def test_words_change_all_pools_or_one() -> None:
    made = policy("window=30, min=1, tts.min=2, tts.max=9, prewarm", LISTED)
    assert made.prewarm and {setup.limits.scaledown_window for setup in made.setups} == {30}
    assert {setup.name: setup.limits.min_containers for setup in made.setups} == {"asr": 1, "queries": 1, "tts": 2}


def test_a_snapshot_boots_faster() -> None:
    pairs = zip(policy("snapshot", LISTED).setups, policy("table", LISTED).setups, strict=True)
    assert all(fast.boot < slow.boot for fast, slow in pairs)


def test_a_shared_container_is_one_gpu_with_everybodys_cores_and_memory() -> None:
    (setup,) = policy("shared", LISTED).setups
    three = [CLOUD["asr"], CLOUD["queries"], CLOUD["tts"]]
    rest = LISTED.usd_per_second("CPU", sum(pool.cpu for pool in three), sum(pool.memory for pool in three))
    assert setup.engines == ("asr", "queries", "tts")
    assert setup.usd_per_second == rest + LISTED.usd_per_second(CLOUD["tts"].price_class, 0, 0)
    assert setup.usd_per_second - rest > Decimal("0.0001")


def test_every_named_policy_can_be_read() -> None:
    assert [policy(name, LISTED).words for name in NAMED] == list(NAMED.values())


@pytest.mark.parametrize(
    "words", ["windows=60", "window", "window=", "window=1.5", "window=-1", "llm.min=1", "shared,tts.min=1", "warm"]
)
def test_words_that_say_nothing_are_refused(words: str) -> None:
    with pytest.raises(Refused, match="is not known"):
        policy(words, LISTED)


@pytest.mark.parametrize("words", ["max=0", "concurrency=0"])
def test_a_policy_that_serves_nobody_is_refused(words: str) -> None:
    with pytest.raises(Refused, match="pool asr: "):
        policy(words, LISTED)
