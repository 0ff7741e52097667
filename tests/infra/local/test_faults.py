"""Faults on demand: what the settings mean, and that a wrong one changes nothing."""

import random

import pytest

from infra.local.faults import CapacityRefused, Faults

pytestmark = pytest.mark.anyio


class Sleeps(list[float]):
    """Stands in for asyncio.sleep; remembers how long."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


def faults(text: str, sleeps: Sleeps | None = None) -> Faults:
    return Faults(text, dice=random.Random(7), sleep=sleeps if sleeps is not None else Sleeps())


async def test_without_a_word_nothing_ever_goes_wrong() -> None:
    sleeps = Sleeps()
    none = faults("", sleeps)
    for _ in range(100):
        await none.before_boot("Tts.*")
        await none.round_trip()
        assert not none.should_crash("Tts.*")
        assert none.preempt_after_s("Tts.*") is None
    assert sleeps == []


async def test_a_cold_start_takes_as_long_as_it_is_told_give_or_take_the_jitter() -> None:
    sleeps = Sleeps()
    slow = faults("cold_start=10 jitter=0.2", sleeps)
    for _ in range(200):
        await slow.before_boot("Asr.*")
    assert len(sleeps) == 200
    assert 8 <= min(sleeps) < 8.5 < 11.5 < max(sleeps) <= 12


async def test_one_function_can_be_worse_than_the_others() -> None:
    sleeps = Sleeps()
    mixed = faults("cold_start=1 Tts.cold_start=30", sleeps)
    await mixed.before_boot("Asr.*")
    await mixed.before_boot("Tts.*")
    await mixed.before_boot("Tts")
    assert sleeps == [1, 30, 30]


async def test_a_round_trip_is_told_in_milliseconds() -> None:
    sleeps = Sleeps()
    await faults("round_trip_ms=220", sleeps).round_trip()
    assert sleeps == [0.22]


async def test_the_share_of_refusals_and_crashes_is_the_one_asked_for() -> None:
    often = faults("refuse=0.3 crash=0.5")
    refused = 0
    for _ in range(1_000):
        try:
            await often.before_boot("Asr.*")
        except CapacityRefused:
            refused += 1
    assert 250 < refused < 350
    assert 450 < sum(often.should_crash("Asr.*") for _ in range(1_000)) < 550


async def test_a_refused_boot_is_not_slept_for() -> None:
    sleeps = Sleeps()
    with pytest.raises(CapacityRefused):
        await faults("refuse=1 cold_start=30", sleeps).before_boot("Asr.*")
    assert sleeps == []


def test_machines_are_wanted_back_after_the_mean_time_asked_for() -> None:
    restless = faults("preempt=60")
    lives = [restless.preempt_after_s("Asr.*") or 0.0 for _ in range(2_000)]
    assert 54 < sum(lives) / len(lives) < 66
    assert min(lives) < 1


def test_what_is_in_force_can_be_read_and_set_again() -> None:
    told = faults("round_trip_ms=200, cold_start=12 Tts.cold_start=30 Tts.crash=0.1")
    again = faults(told.text())
    assert told.text() == "round_trip_ms=200 cold_start=12 Tts.cold_start=30 Tts.crash=0.1"
    assert (again.everywhere, again.functions, again.round_trip_ms) == (
        told.everywhere,
        told.functions,
        told.round_trip_ms,
    )
    told.set("")
    assert told.text() == ""


@pytest.mark.parametrize(
    "text",
    ["cold_start", "cold_start=", "cold_start=soon", "colder=1", "cold_start=-1", "cold_start=nan", "crash=1.5",
     "cold_start=inf", "=", "Tts.=1", "Tts.round_trip_ms=3"],
)  # fmt: skip
def test_a_setting_that_makes_no_sense_is_refused_and_the_old_ones_stay(text: str) -> None:
    told = faults("cold_start=2")
    with pytest.raises(ValueError, match="faults: "):
        told.set(f"jitter=0.5 {text}")
    assert told.text() == "cold_start=2"
