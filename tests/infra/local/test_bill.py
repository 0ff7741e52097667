"""The bill of the local plane: container-seconds at the cloud's prices."""

from functions.pools import CLOUD, Pool
from infra.local.bill import KEPT, Bill, as_if_deployed

POOL = Pool(gpu=("L4",), cpu=2, memory=1_024)


def price(price_class: str, ms: int, cpu: float, memory_mib: int) -> int:
    """One micro-dollar a millisecond for an L4, nothing for the rest."""
    assert (cpu, memory_mib) == (2, 1_024)
    return ms if price_class == "L4" else 0


def bill() -> Bill:
    return Bill(price, lambda _: POOL)


def test_a_container_costs_from_its_start_to_its_end_busy_or_not() -> None:
    ours = bill()
    ours.started(10.0, "tts-1", "Tts.*")
    ours.booted(12.0, "tts-1")
    assert ours.microusd(15.0) == 5_000
    ours.ended(20.0, "tts-1", "idle")
    assert ours.microusd(20.0) == ours.microusd(99.0) == 10_000
    [stay] = ours.stays()
    assert (stay.started, stay.booted, stay.ended, stay.why) == (10.0, 12.0, 20.0, "idle")


def test_the_sum_is_that_of_all_lifetimes() -> None:
    ours = bill()
    for n in range(KEPT + 50):
        ours.started(float(n), f"a-{n}", "A.*")
        ours.ended(n + 2.5, f"a-{n}")
    assert len(ours.stays()) == KEPT
    assert ours.microusd(1e6) == (KEPT + 50) * 2_500
    [line] = ours.lines(1e6)
    assert (line.alive, line.cold_starts, line.container_seconds) == (0, KEPT + 50, (KEPT + 50) * 2.5)


def test_every_function_has_its_line_with_what_it_costs_an_hour_as_it_stands() -> None:
    ours = bill()
    ours.started(0.0, "a-1", "A.*")
    ours.started(0.0, "a-2", "A.*")
    ours.started(0.0, "b-1", "B.*")
    ours.ended(1.0, "b-1")
    a, b = ours.lines(1.0)
    assert (a.function, a.alive, a.microusd, a.microusd_per_hour) == ("A.*", 2, 2_000, 7_200_000)
    assert (b.function, b.alive, b.microusd, b.microusd_per_hour) == ("B.*", 0, 1_000, 0)


def test_an_end_told_twice_is_billed_once_and_an_unknown_container_is_nothing() -> None:
    ours = bill()
    ours.started(0.0, "a-1", "A.*")
    ours.ended(1.0, "a-1", "killed")
    ours.ended(5.0, "a-1", "again")
    ours.booted(6.0, "ghost")
    ours.ended(6.0, "ghost")
    assert ours.microusd(9.0) == 1_000
    assert [stay.why for stay in ours.stays()] == ["killed"]


def test_our_functions_are_billed_as_what_the_cloud_would_run() -> None:
    assert as_if_deployed("Tts.*") is CLOUD["tts"]
    assert as_if_deployed("crawl") is CLOUD["crawl"]
    assert as_if_deployed("somebody_elses").price_class == "CPU"
