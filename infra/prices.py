"""What a second of a container costs, by date (infra/prices.toml). In whole numbers, so that sums are exact."""

import tomllib
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

import msgspec

NO_GPU = "CPU"  # the price class of a container without a GPU
OWN = "own"  # the price class of one's own machine, which costs nothing here
_PICO = 10**12


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """One dated list, in pico-dollars (1e-12 USD) per second: per GPU, physical core and GiB."""

    version: str
    since: date
    gpu: dict[str, int]
    core: int
    gib: int

    def microusd(self, price_class: str, ms: int, cpu: float, memory_mib: int) -> int:
        """Return what `ms` of a container with so much CPU (physical cores) and memory cost, rounded half up.

        `price_class` is a GPU of the list, "CPU" or "own". Raises ValueError for another one or a negative time.
        """
        if ms < 0:
            raise ValueError(f"a container cannot have run for {ms} ms")
        rate, per = self._rate(price_class, cpu, memory_mib)
        per *= 1_000 * (_PICO // 10**6)  # milliseconds, micro-dollars
        return (2 * rate * ms + per) // (2 * per)

    def usd_per_second(self, price_class: str, cpu: float, memory_mib: int) -> Decimal:
        """Return the exact price of a second of such a container, for sums over days."""
        rate, per = self._rate(price_class, cpu, memory_mib)
        return Decimal(rate) / (per * _PICO)

    def _rate(self, price_class: str, cpu: float, memory_mib: int) -> tuple[int, int]:
        """Pico-dollars per second as (numerator, denominator): cores count in thousandths, memory in MiB."""
        if price_class == OWN:
            return 0, 1
        if price_class != NO_GPU and price_class not in self.gpu:
            raise ValueError(f"no price for {price_class!r} in {self.version}, only for {', '.join(self.gpu)} and CPU")
        if not 0 <= cpu < 10_000 or memory_mib < 0:  # refuses NaN as well
            raise ValueError(f"no container has {cpu} cores and {memory_mib} MiB")
        gpu = self.gpu.get(price_class, 0)
        return gpu * 1_024_000 + self.core * round(cpu * 1_000) * 1_024 + self.gib * memory_mib * 1_000, 1_024_000


def read(toml: str) -> tuple[Prices, ...]:
    """Return the lists of a price file, oldest first. Raises ValueError for prices that are no exact pico-dollars."""
    rows = tomllib.loads(toml)["list"]
    lists = [
        Prices(
            version=row["version"],
            since=row["from"],
            gpu={name: _pico(usd) for name, usd in row["gpu"].items()},
            core=_pico(row["core"]),
            gib=_pico(row["gib"]),
        )
        for row in rows
    ]
    return tuple(sorted(lists, key=lambda prices: prices.since))


def _pico(usd: str) -> int:
    pico = Decimal(usd) * _PICO
    if pico < 0 or pico != int(pico):
        raise ValueError(f"{usd} is no price in whole pico-dollars")
    return int(pico)


@cache
def _lists() -> tuple[Prices, ...]:
    return read(Path(__file__).with_name("prices.toml").read_text(encoding="utf-8"))


def at(moment: date, lists: Sequence[Prices] | None = None) -> Prices:
    """Return the list that held on a day; the first list also holds for the days before it."""
    known = lists or _lists()
    held = [prices for prices in known if prices.since <= moment]
    return held[-1] if held else known[0]
