"""What a call costs: nothing on one's own machine, GPU seconds on Modal, tokens at an endpoint."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from domain.usage import TURN, Usage
from functions.pools import CLOUD, LAPTOP
from infra import prices
from infra.pricing import POOL, Price, Pricing

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
USED = Usage(412, audio_ms=3_200, tokens_in=812, tokens_out=44, container="ta-01")
LIST = prices.at(date(2026, 10, 1)).version


@pytest.mark.parametrize("runtime", ["inline", "local"])
@pytest.mark.parametrize("kind", POOL)
def test_ones_own_machine_costs_nothing(runtime: str, kind: str) -> None:
    assert Pricing(runtime).price(kind, USED, NOON) == Price("own", LIST, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", POOL)
def test_modal_is_paid_by_the_second_of_the_container_of_the_pool(kind: str) -> None:
    cost = Pricing("modal").price(kind, USED, NOON)  # type: ignore[arg-type]

    pool = CLOUD[POOL[kind]]  # type: ignore[index]
    listed = prices.at(date(2026, 10, 1)).microusd(pool.gpu[0], 412, pool.cpu, pool.memory)
    assert cost == Price(pool.gpu[0], LIST, listed)
    assert listed > 0


def test_a_golden_price() -> None:
    """412 ms of an L4 with 2 cores and 8 GiB: 412 x (222 + 2 x 13.1 + 8 x 2.22) nano-dollars."""
    assert Pricing("modal").price("asr", USED, NOON) == Price("L4", "modal-2026-09-27", 110)


def test_ingest_is_priced_by_the_pool_that_it_runs_in() -> None:
    assert Pricing("modal").price("embed", USED, NOON).price_class == "T4"
    assert Pricing("modal").price("embed", USED, NOON, "passages").price_class == "L4"
    assert Pricing("modal", pools=LAPTOP).price("embed", USED, NOON).price_class == "CPU"


@pytest.mark.parametrize("runtime", ["inline", "local", "modal"])
def test_an_endpoint_is_paid_by_the_token_wherever_the_rest_runs(runtime: str) -> None:
    pricing = Pricing(runtime, endpoint=True, price_in=Decimal("0.15"), price_out=Decimal("0.60"))

    # 812 x 0.15 + 44 x 0.60 = 148.2 micro-dollars
    assert pricing.price("llm", USED, NOON) == Price("endpoint", "0.15+0.60", 148)
    assert pricing.price("asr", USED, NOON).price_class != "endpoint"
    assert pricing.call("k1", "llm", NOON, USED).runtime == "inline"
    assert pricing.call("k2", "asr", NOON, USED).runtime == runtime


@pytest.mark.parametrize(
    ("price", "tokens", "microusd"),
    [("0.5", 1, 1), ("0.499999", 1, 0), ("2.5", 3, 8), ("0.075", 1_000_000, 75_000), ("15", 123_456_789, 1_851_851_835),
     ("0", 10**9, 0)],
)  # fmt: skip
def test_tokens_are_reckoned_exactly_and_rounded_half_up_once(price: str, tokens: int, microusd: int) -> None:
    pricing = Pricing(endpoint=True, price_in=Decimal(price))
    assert pricing.price("llm", Usage(0, tokens_in=tokens), NOON).microusd == microusd


def test_a_row_says_whose_call_it_was_and_what_it_used() -> None:
    token = TURN.set("turn-9")
    try:
        row = Pricing("modal").call("k1", "asr", NOON, USED, "stopped", remote_id="fc-1")
        ahead = Pricing("modal").call("k2", "tts", NOON, USED, turn_id="")
    finally:
        TURN.reset(token)

    assert (row.id, row.turn_id, row.kind, row.at, row.outcome) == ("k1", "turn-9", "asr", NOON, "stopped")
    assert (row.runtime, row.remote_id, row.container) == ("modal", "fc-1", "ta-01")
    assert (row.engine_ms, row.audio_ms, row.tokens_in, row.tokens_out) == (412, 3_200, 812, 44)
    assert (row.price_class, row.price_version, row.microusd) == ("L4", LIST, 110)
    assert (ahead.turn_id, ahead.outcome) == ("", "done")
