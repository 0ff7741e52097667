"""The simulated fleet: every turn is served once, at the time and for the money that pencil and paper say."""

import random
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from infra import prices
from infra.local.pool import Limits
from infra.simulation import traffic
from infra.simulation.fleet import Fleet, Outcome
from infra.simulation.policies import NAMED, Policy, Setup, policy
from infra.simulation.traffic import Step, Visit

LISTED = prices.at(date(2026, 11, 22))
A_DAY = list(traffic.days(2_000, 1, seed=7))
TURNS = sum(len(visit.turns) for visit in A_DAY)


def one_pool(limits: Limits, boot: float = 10.0, usd: str = "0.001", prewarm: bool = False) -> Policy:
    return Policy("test", "", prewarm, (Setup("tts", ("tts",), limits, boot, Decimal(usd)),))


def calls(*at: float, seconds: float = 1.0) -> list[Visit]:
    return [Visit(when, when, (((("tts", seconds),), 0.0),)) for when in at]


def run(policy: Policy, visits: Sequence[Visit], slowdown: float = 0.0, ending: float = 0.0) -> Outcome:
    return Fleet(policy, slowdown=slowdown, ending=ending, keep_lives=True).run(visits)


def chosen(words: str, visits: Sequence[Visit] = A_DAY) -> Outcome:
    return Fleet(policy(words, LISTED), keep_lives=True).run(visits)


def late(outcome: Outcome) -> int:
    return int(np.sum(outcome.waits > 0.5))


def test_one_container_and_three_calls_go_as_on_paper() -> None:
    """Asked at 0, 3 and 30, each 2 s long, the container boots until 10 and is idle for 15 s at most."""
    outcome = run(one_pool(Limits(0, 1, 0, 15, 1)), calls(0, 3, 30, seconds=2))
    # Served 10-12 and 12-14; idle until 29; a new one boots from 30 to 40, serves until 42, goes at 57.
    assert outcome.waits.tolist() == [10, 9, 10]
    assert [(life.began, life.ended) for life in outcome.lives] == [(0, 29), (30, 57)]
    assert (outcome.cold_starts, outcome.alive, outcome.busy, outcome.most) == (2, 56, 6, 1)
    assert outcome.usd == Decimal("0.056")


def test_a_turn_waits_at_each_of_its_steps_and_goes_on_after_its_pause() -> None:
    steps: tuple[Step, ...] = (("tts", 1.0), ("", 5.0), ("tts", 2.0))
    outcome = run(one_pool(Limits(0, 1, 0, 2, 1)), [Visit(0, 0, ((steps, 1.0), (steps, 1.0)))])
    # 10 s for the boot; served 10-11, endpoint until 16, but the window of 2 s ended at 13: 10 s more. 26-28.
    # A second of pause: 29-30, endpoint until 35, cold again: 10 s.
    assert outcome.waits.tolist() == [20, 10] and outcome.cold_starts == 3


def test_inputs_that_share_a_container_slow_each_other_down() -> None:
    outcome = run(one_pool(Limits(0, 1, 0, 60, 2), boot=0), calls(0, 0, seconds=4), slowdown=0.5)
    assert outcome.busy == 6, "4 s alone, 4 s times 1.5 beside another"


def test_a_minimum_is_paid_from_the_first_moment_to_the_last() -> None:
    fleet = Fleet(one_pool(Limits(2, 2, 0, 60, 1)), keep_lives=True)
    outcome = fleet.run(calls(500), until=1_000)
    assert outcome.alive == 2_000 and late(outcome) == 0


def test_a_queue_before_one_container_is_as_long_as_the_theory_says() -> None:
    """M/D/1 at 60 % load: the mean wait is load / (2 (1 - load)) = 0.75 services (Pollaczek and Khinchine)."""
    dice, now, at = random.Random(5), 0.0, []
    for _ in range(20_000):
        now += dice.expovariate(0.6)
        at.append(now)
    outcome = run(one_pool(Limits(1, 1, 0, 60, 1), boot=0), calls(*at))
    assert float(np.mean(outcome.waits)) == pytest.approx(0.75, rel=0.05)
    assert outcome.busy / outcome.alive == pytest.approx(0.6, rel=0.02)


@pytest.mark.parametrize("name", NAMED)
def test_every_turn_is_served_once_and_every_second_is_paid(name: str) -> None:
    outcome = chosen(name)
    assert outcome.turns == TURNS == len(outcome.waits) and bool(np.all(outcome.waits >= 0))
    assert len(outcome.lives) == outcome.cold_starts
    price = {setup.name: setup.usd_per_second for setup in policy(name, LISTED).setups}
    paid = sum(float(price[life.pool]) * (life.ended - life.began) for life in outcome.lives)
    assert float(outcome.usd) == pytest.approx(paid)
    assert 0 < outcome.busy < outcome.alive


def test_the_same_seed_is_the_same_day_and_another_seed_is_another() -> None:
    again, other = list(traffic.days(2_000, 1, seed=7)), list(traffic.days(2_000, 1, seed=8))
    first, second = chosen("table"), chosen("table", again)
    assert again == A_DAY != other
    assert first.waits.tolist() == second.waits.tolist() and first.usd == second.usd and first.lives == second.lives


def test_a_longer_window_never_makes_more_turns_late() -> None:
    by_window = [late(chosen(f"window={seconds},buffer=0")) for seconds in (10, 30, 60, 120, 300, 900, 3_000)]
    assert by_window == sorted(by_window, reverse=True) and by_window[0] > 4 * by_window[-1]


def test_opening_the_page_helps_and_so_does_a_faster_boot() -> None:
    plain = chosen("window=60,buffer=0")
    for words in ("prewarm", "snapshot", "min=1"):
        better = chosen(f"window=60,buffer=0,{words}")
        assert late(better) < late(plain), words
    both = chosen("window=60,buffer=0,snapshot,prewarm")
    assert np.percentile(both.waits, 99) < np.percentile(plain.waits, 99) / 2


def test_one_container_for_three_engines_costs_less_than_three() -> None:
    assert chosen("window=60,buffer=0,shared").usd < chosen("window=60,buffer=0").usd


def test_a_page_that_is_opened_and_left_costs_a_container_only_with_prewarm() -> None:
    left = [Visit(0, 5, ())]
    assert run(one_pool(Limits(0, 1, 0, 60, 1)), left).cold_starts == 0
    woken = run(one_pool(Limits(0, 1, 0, 60, 1), prewarm=True), left)
    assert [(life.began, life.ended) for life in woken.lives] == [(0, 70)] and woken.turns == 0
