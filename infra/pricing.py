"""From what a call used to what it cost: one ledger row, priced where the call ran."""

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

import msgspec

from domain.usage import TURN, Call, CallKind, Outcome, Usage
from functions.pools import CLOUD, Name, Pool
from infra import prices

ENDPOINT = "endpoint"  # the price class of an LLM that is paid for by the token
POOL: dict[CallKind, Name] = {"asr": "asr", "llm": "llm", "tts": "tts", "embed": "queries"}
_WHOLE = Decimal(1)


class Price(msgspec.Struct, frozen=True):
    price_class: str
    price_version: str
    microusd: int


class Pricing:
    """What calls cost in this deployment.

    `runtime` modal is paid by the second of a container of the pool, by the prices of the day; inline and local are
    one's own machine, which costs nothing. With `endpoint`, the LLM is paid by the token wherever the rest runs:
    `price_in` and `price_out` in USD for a million tokens, which are micro-dollars for one.
    """

    def __init__(
        self,
        runtime: str = "inline",
        *,
        endpoint: bool = False,
        price_in: Decimal = Decimal(0),
        price_out: Decimal = Decimal(0),
        pools: Mapping[Name, Pool] = CLOUD,
    ) -> None:
        self._runtime, self._endpoint, self._pools = runtime, endpoint, pools
        self._in, self._out = price_in, price_out

    def price(self, kind: CallKind, used: Usage, at: datetime, pool: Name | None = None) -> Price:
        """`pool` names the pool where it is not the kind's own: ingest embeds in `passages`."""
        if kind == "llm" and self._endpoint:
            exact = used.tokens_in * self._in + used.tokens_out * self._out
            return Price(ENDPOINT, f"{self._in:f}+{self._out:f}", int(exact.quantize(_WHOLE, ROUND_HALF_UP)))
        held = prices.at(at.date())
        if self._runtime != "modal":
            return Price(prices.OWN, held.version, 0)
        of = self._pools[pool or POOL[kind]]
        cost = held.microusd(of.price_class, used.engine_ms, of.cpu, of.memory)
        return Price(of.price_class, held.version, cost)

    def call(
        self,
        call_id: str,
        kind: CallKind,
        at: datetime,
        used: Usage,
        outcome: Outcome = "done",
        *,
        remote_id: str = "",
        turn_id: str | None = None,
        pool: Name | None = None,
    ) -> Call:
        """Return the row of a call that began `at` (UTC); its turn is the one that runs here, unless it is given.

        `call_id` is the caller's own: the same one twice is one call.
        """
        cost = self.price(kind, used, at, pool)
        return Call(
            id=call_id,
            turn_id=TURN.get() if turn_id is None else turn_id,
            kind=kind,
            at=at,
            runtime="inline" if cost.price_class == ENDPOINT else self._runtime,  # we ask the endpoint ourselves
            remote_id=remote_id,
            container=used.container,
            outcome=outcome,
            engine_ms=used.engine_ms,
            audio_ms=used.audio_ms,
            tokens_in=used.tokens_in,
            tokens_out=used.tokens_out,
            price_class=cost.price_class,
            price_version=cost.price_version,
            microusd=cost.microusd,
        )
