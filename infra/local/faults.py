"""Things that go wrong in a data centre, on demand: a laptop then behaves like one far away on a bad day.

Everything is off unless asked for: by `--faults` or PARLEY_FAULTS when the plane starts, and live on the dashboard.
The text is a list of settings, each for every function or for one: `cold_start=12 jitter=0.2 round_trip_ms=200
Tts.cold_start=30`.
"""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable

import msgspec

SETTING = "PARLEY_FAULTS"
ROUND_TRIP = "round_trip_ms"
SHARES = frozenset({"jitter", "crash", "refuse"})
LONGEST_S = 3_600.0


class CapacityRefused(Exception):
    """There is no room for another container of this function at the moment; ask again later."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to one function's containers. Times in seconds, shares from 0 to 1."""

    cold_start: float = 0.0  # added to every boot: a GPU image takes 10 to 60 s where a bare process takes 1
    jitter: float = 0.0  # of delays: 0.2 means between 80 % and 120 %
    crash: float = 0.0  # of containers die by SIGKILL
    crash_after: float = 1.0  # so long after they booted
    preempt: float = 0.0  # a container lives so long on average until its machine is wanted back; 0: for ever
    refuse: float = 0.0  # of requests for a container find no capacity


NOTHING = Fault()


class Faults:
    """The faults in force; `set` changes them while the plane runs."""

    def __init__(
        self,
        text: str = "",
        dice: random.Random | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Raises ValueError for a text that cannot be read."""
        self._dice = dice or random.Random()  # noqa: S311 - chance, not secrecy
        self._sleep = sleep
        self.round_trip_ms = 0.0
        self.everywhere = NOTHING
        self.functions: dict[str, Fault] = {}
        self.set(text)

    def set(self, text: str) -> None:
        """Replace what is in force; nothing changes when the text cannot be read (ValueError)."""
        round_trip, settings = _read(text)
        everywhere = msgspec.structs.replace(NOTHING, **settings.pop("", {}))
        self.functions = {name: msgspec.structs.replace(everywhere, **own) for name, own in settings.items()}
        self.everywhere, self.round_trip_ms = everywhere, round_trip

    def text(self) -> str:
        """What `set` would take to bring about what is in force."""
        said = [f"{ROUND_TRIP}={self.round_trip_ms:g}"] if self.round_trip_ms else []
        said += _differences("", self.everywhere, NOTHING)
        for name, fault in sorted(self.functions.items()):
            said += _differences(f"{name}.", fault, self.everywhere)
        return " ".join(said)

    def of(self, function_name: str) -> Fault:
        """A class is called `Tts.*` on the plane and `Tts` in the settings."""
        return self.functions.get(function_name.removesuffix(".*"), self.everywhere)

    async def before_boot(self, function_name: str) -> None:
        """Sleep for the injected cold start. Raises CapacityRefused."""
        fault = self.of(function_name)
        if self._happens(fault.refuse):
            raise CapacityRefused(function_name)
        if fault.cold_start:
            await self._sleep(self._jittered(fault.cold_start, fault.jitter))

    async def round_trip(self) -> None:
        """Sleep for the injected network round trip of one request."""
        if self.round_trip_ms:
            await self._sleep(self._jittered(self.round_trip_ms / 1_000, self.everywhere.jitter))

    def should_crash(self, function_name: str) -> bool:
        """Decide once per container."""
        return self._happens(self.of(function_name).crash)

    def crash_after_s(self, function_name: str) -> float:
        fault = self.of(function_name)
        return self._jittered(fault.crash_after, fault.jitter)

    def preempt_after_s(self, function_name: str) -> float | None:
        """Decide once per container how long it may live; None: until it is no longer needed.

        Exponential: a machine is as likely to be wanted back in its first minute as in its hundredth.
        """
        mean = self.of(function_name).preempt
        return self._dice.expovariate(1 / mean) if mean else None

    def _happens(self, share: float) -> bool:
        return share > 0 and self._dice.random() < share

    def _jittered(self, seconds: float, jitter: float) -> float:
        return seconds * (1 + jitter * (2 * self._dice.random() - 1))


def _read(text: str) -> tuple[float, dict[str, dict[str, float]]]:
    """Return the round trip in ms and the settings of each function, "" being all of them."""
    round_trip = 0.0
    settings: dict[str, dict[str, float]] = {}
    for word in text.replace(",", " ").split():
        key, equals, figure = word.partition("=")
        function, _, setting = key.rpartition(".")
        if not equals or (setting not in Fault.__struct_fields__ and key != ROUND_TRIP):
            known = ", ".join([ROUND_TRIP, *Fault.__struct_fields__])
            raise ValueError(f"faults: {word!r} is not a setting and its value; there are {known}")
        value = _number(word, figure, 1.0 if setting in SHARES else LONGEST_S * (1_000 if key == ROUND_TRIP else 1))
        if key == ROUND_TRIP:
            round_trip = value
        else:
            settings.setdefault(function, {})[setting] = value
    return round_trip, settings


def _number(word: str, figure: str, most: float) -> float:
    try:
        value = float(figure)
    except ValueError:
        value = math.nan
    if not 0 <= value <= most:  # false for NaN too
        raise ValueError(f"faults: {word!r} needs a number from 0 to {most:g}")
    return value


def _differences(prefix: str, fault: Fault, base: Fault) -> list[str]:
    now, then = msgspec.structs.asdict(fault), msgspec.structs.asdict(base)
    return [f"{prefix}{key}={value:g}" for key, value in now.items() if value != then[key]]
