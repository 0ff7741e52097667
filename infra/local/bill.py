"""What the containers of the local plane would cost on Modal: their seconds, at the price of the pool in the cloud.

A laptop's containers cost nothing, so they are billed as if they were the ones that `make deploy` asks for: the
GPU, cores and memory of functions/pools.py CLOUD. Every second counts, from the start of the container to its end,
busy or idle; that is how Modal bills, and why scaledown windows cost money.
"""

from collections.abc import Callable
from datetime import date

import msgspec

from functions.pools import CLOUD, Pool
from infra import prices

HOUR_MS = 3_600_000
KEPT = 500  # ended containers that can still be looked at one by one; the sums hold them all

Price = Callable[[str, int, float, int], int]  # price class, ms, cores, MiB -> micro-dollars


class Stay(msgspec.Struct, frozen=True, kw_only=True):
    """One container from its start to its end. Times are seconds of the plane's clock."""

    container: str
    function: str
    started: float
    booted: float | None = None
    ended: float | None = None
    why: str = ""

    def seconds(self, now: float) -> float:
        return max(0.0, (now if self.ended is None else self.ended) - self.started)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One function's part of the bill."""

    function: str
    price_class: str
    alive: int
    cold_starts: int
    container_seconds: float
    microusd: int
    microusd_per_hour: int  # as long as what is alive stays alive


class Bill:
    """Append-only. A container that is told to have ended twice ends once."""

    def __init__(self, price: Price | None = None, as_if: Callable[[str], Pool] | None = None) -> None:
        """`price` is that of the newest list of infra/prices.toml unless another one is given."""
        self._price = price or prices.at(date.today()).microusd
        self._as_if = as_if or as_if_deployed
        self._alive: dict[str, Stay] = {}
        self._ended: list[Stay] = []
        self._cold: dict[str, int] = {}
        self._past: dict[str, tuple[float, int]] = {}  # seconds and micro-dollars of the ended ones

    def started(self, now: float, container: str, function: str) -> None:
        self._alive[container] = Stay(container=container, function=function, started=now)
        self._cold[function] = self._cold.get(function, 0) + 1

    def booted(self, now: float, container: str) -> None:
        stay = self._alive.get(container)
        if stay is not None and stay.booted is None:
            self._alive[container] = msgspec.structs.replace(stay, booted=now)

    def ended(self, now: float, container: str, why: str = "") -> None:
        stay = self._alive.pop(container, None)
        if stay is None:
            return
        stay = msgspec.structs.replace(stay, ended=now, why=why)
        seconds, microusd = self._past.get(stay.function, (0.0, 0))
        self._past[stay.function] = (seconds + stay.seconds(now), microusd + self.of(now, stay))
        self._ended = [*self._ended[-KEPT + 1 :], stay]

    def stays(self) -> list[Stay]:
        """Those that are alive, oldest first, and the last ones that ended, newest first."""
        return [*self._alive.values(), *reversed(self._ended)]

    def of(self, now: float, stay: Stay) -> int:
        """Return the micro-dollars of one container so far."""
        pool = self._as_if(stay.function)
        return self._price(pool.price_class, round(stay.seconds(now) * 1_000), pool.cpu, pool.memory)

    def lines(self, now: float) -> list[Line]:
        return [self._line(now, function) for function in sorted(self._cold)]

    def microusd(self, now: float) -> int:
        return sum(line.microusd for line in self.lines(now))

    def _line(self, now: float, function: str) -> Line:
        pool = self._as_if(function)
        alive = [stay for stay in self._alive.values() if stay.function == function]
        seconds, microusd = self._past.get(function, (0.0, 0))
        return Line(
            function=function,
            price_class=pool.price_class,
            alive=len(alive),
            cold_starts=self._cold[function],
            container_seconds=seconds + sum(stay.seconds(now) for stay in alive),
            microusd=microusd + sum(self.of(now, stay) for stay in alive),
            microusd_per_hour=len(alive) * self._price(pool.price_class, HOUR_MS, pool.cpu, pool.memory),
        )


def as_if_deployed(function: str) -> Pool:
    """The cloud's pool of a function of ours (`Tts.*` is `tts`); any other is a core with a GiB."""
    key = function.partition(".")[0].lower()
    return CLOUD[key] if key in CLOUD else Pool()
