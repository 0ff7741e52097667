"""Prices: exact, dated, and there for every pool of the table."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.pools import CLOUD, LAPTOP
from infra import prices

TODAY = prices.at(date(2026, 11, 22))
TWO_LISTS = """
[[list]]
from = 2026-06-01
version = "new"
core = "0.00002"
gib = "0"
gpu = {}
[[list]]
from = 2026-01-01
version = "old"
core = "0.00001"
gib = "0"
gpu = { T4 = "0.0001" }
"""


def test_an_hour_of_an_l4_costs_what_the_page_says_plus_its_cores_and_memory() -> None:
    hour = 3_600_000
    assert TODAY.microusd("L4", hour, 0, 0) == 799_200
    assert TODAY.microusd("CPU", hour, 1, 0) == 47_160
    assert TODAY.microusd("CPU", hour, 0, 1_024) == 7_992
    assert TODAY.microusd("L4", hour, 2, 8_192) == 799_200 + 2 * 47_160 + 8 * 7_992


def test_half_a_micro_dollar_is_rounded_up() -> None:
    prices_of_a_core = prices.read(TWO_LISTS)[0]  # 10 micro-dollars per core and second
    assert [prices_of_a_core.microusd("CPU", ms, 1, 0) for ms in (0, 49, 50, 149, 150)] == [0, 0, 1, 1, 2]


@given(st.integers(0, 10**9), st.integers(0, 64_000), st.integers(0, 10**6), st.sampled_from(["CPU", *TODAY.gpu]))
def test_money_is_exact_to_the_micro_dollar(ms: int, millicores: int, mib: int, price_class: str) -> None:
    exact = Fraction(TODAY.gpu.get(price_class, 0), 10**12)
    exact += Fraction(TODAY.core, 10**12) * Fraction(millicores, 1000)
    exact += Fraction(TODAY.gib, 10**12) * Fraction(mib, 1024)
    exact *= Fraction(ms, 1000) * 10**6
    told = TODAY.microusd(price_class, ms, millicores / 1000, mib)
    assert -Fraction(1, 2) < told - exact <= Fraction(1, 2)


def test_the_price_of_a_second_is_the_same_for_the_simulator() -> None:
    assert TODAY.usd_per_second("T4", 1, 1_024) == Decimal("0.000164") + Decimal("0.0000131") + Decimal("0.00000222")
    assert TODAY.usd_per_second("own", 4, 8_192) == 0


def test_ones_own_machine_costs_nothing() -> None:
    assert TODAY.microusd("own", 10**9, 64, 10**6) == 0


def test_the_list_of_the_day_holds_and_the_first_one_for_the_days_before_it() -> None:
    lists = prices.read(TWO_LISTS)
    days = [date(2025, 1, 1), date(2026, 1, 1), date(2026, 5, 31), date(2026, 6, 1), date(2030, 1, 1)]
    assert [prices.at(day, lists).version for day in days] == ["old", "old", "old", "new", "new"]


@pytest.mark.parametrize(("price_class", "ms", "cpu"), [("T5", 1, 1.0), ("T4", -1, 1.0), ("T4", 1, float("nan"))])
def test_what_has_no_price_is_refused(price_class: str, ms: int, cpu: float) -> None:
    with pytest.raises(ValueError, match=r"T5|-1|nan"):
        TODAY.microusd(price_class, ms, cpu, 0)


def test_every_pool_has_a_price_for_each_gpu_that_it_may_get() -> None:
    for pool in [*CLOUD.values(), *LAPTOP.values()]:
        for price_class in pool.gpu or (pool.price_class,):
            assert TODAY.usd_per_second(price_class, pool.cpu, pool.memory) > 0
