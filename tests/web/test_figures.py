"""Money and time as people read them: every micro-dollar and every millisecond, without a float."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.figures import each, money, share, span, usd


@pytest.mark.parametrize(
    ("microusd", "text"),
    [
        (0, "$0.000000"),
        (1, "$0.000001"),
        (123, "$0.000123"),
        (9_999, "$0.009999"),
        (10_000, "$0.010000"),
        (999_999, "$0.999999"),
        (1_000_000, "$1.000000"),
        (12_345_678, "$12.345678"),
        (1_234_567_890_123, "$1,234,567.890123"),
        (2**53 + 1, "$9,007,199,254.740993"),  # a float would say ...992
        (-1_500_000, "-$1.500000"),
    ],
)
def test_money_is_shown_to_the_micro_dollar(microusd: int, text: str) -> None:
    assert money(microusd) == text
    assert "".join(usd(microusd)) == text
    assert len(usd(microusd)[1]) == 4


@given(st.integers(0, 2**63))
def test_what_is_shown_reads_back_as_what_it_was(microusd: int) -> None:
    assert int(money(microusd).translate(str.maketrans("", "", "$,."))) == microusd


@pytest.mark.parametrize(
    ("microusd", "many", "average"),
    [(10, 4, 3), (9, 4, 2), (10, 3, 3), (11, 3, 4), (0, 7, 0), (5, 0, 0), (2**60 + 1, 2, 2**59 + 1)],
)
def test_an_average_is_rounded_half_up(microusd: int, many: int, average: int) -> None:
    assert each(microusd, many) == average


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0:00.000"),
        (412, "0:00.412"),
        (59_999, "0:59.999"),
        (60_000, "1:00.000"),
        (187_250, "3:07.250"),
        (3_599_999, "59:59.999"),
        (3_723_004, "1:02:03.004"),
        (3_600_000_000, "1,000:00:00.000"),
    ],
)
def test_time_is_shown_to_the_millisecond(ms: int, text: str) -> None:
    assert span(ms) == text


def test_a_bar_is_never_nothing_for_something_nor_longer_than_the_whole() -> None:
    assert [share(part, 10**9) for part in (0, 1, 5 * 10**8, 10**9)] == [0, 1, 500, 1_000]
    assert share(0, 0) == 0
