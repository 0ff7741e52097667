"""What can be done about cold starts, each written as one line of words: `window=60,min=1,buffer=1,prewarm`.

What a line does not say is what functions/pools.py says. Words with a value: `window` `min` `buffer` `max`
`concurrency`, for all pools or for one (`tts.min=1`). Words alone: `snapshot` (containers boot from a memory snapshot),
`prewarm` (opening the page wakes the pools), `shared` (ASR, TTS and embedding in one container).
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from functions.pools import CLOUD, Name, Pool
from infra.local.pool import Limits
from infra.prices import Prices
from infra.simulation.refused import Refused
from infra.simulation.work import ENGINES

# By the words that a reader of the report will look for.
NAMED = {
    "table": "",
    "table + prewarm": "prewarm",
    "window 30": "window=30,buffer=0",
    "window 60": "window=60,buffer=0",
    "window 300": "window=300,buffer=0",
    "window 900": "window=900,buffer=0",
    "min 1": "window=60,buffer=0,min=1",
    "min 1 + buffer 1": "window=60,min=1,buffer=1",
    "concurrency 1": "window=60,buffer=0,concurrency=1",
    "concurrency 4": "window=60,buffer=0,concurrency=4",
    "snapshot": "window=60,buffer=0,snapshot",
    "prewarm": "window=60,buffer=0,prewarm",
    "snapshot + prewarm": "window=60,buffer=0,snapshot,prewarm",
    "shared": "window=60,buffer=0,shared",
    "shared, window 300": "window=300,buffer=0,shared",
    "shared + min 1": "window=60,buffer=0,min=1,shared",
    "shared + snapshot + prewarm": "window=60,buffer=0,snapshot,prewarm,shared",
    "shared + min 1 + buffer 1": "window=60,min=1,buffer=1,shared",
}
KEYS = {
    "window": "scaledown_window",
    "min": "min_containers",
    "buffer": "buffer_containers",
    "max": "max_containers",
    "concurrency": "concurrency",
}
FLAGS = ("snapshot", "prewarm", "shared")
SEPARATE = ("asr", "queries", "tts")


class Setup(msgspec.Struct, frozen=True):
    """One pool of a policy: which engines its containers have, how they scale, boot and cost."""

    name: str
    engines: tuple[str, ...]
    limits: Limits
    boot: float  # seconds
    usd_per_second: Decimal


class Policy(msgspec.Struct, frozen=True):
    name: str
    words: str
    prewarm: bool
    setups: tuple[Setup, ...]


def policy(text: str, prices: Prices, table: Mapping[Name, Pool] | None = None, boots: float = 1.0) -> Policy:
    """Return a named policy, or the one that `text` describes; every boot takes `boots` times as long.

    Raises Refused for words that say nothing.
    """
    words = NAMED.get(text, text)
    parts = [part.strip() for part in words.split(",") if part.strip()]
    flags = {part for part in parts if part in FLAGS}
    names = ("voice",) if "shared" in flags else SEPARATE
    asked: dict[str, dict[str, int]] = {name: {} for name in names}
    for part in parts:
        if part not in FLAGS:
            pool, key, value = _setting(part, text, names)
            for name in names if pool is None else (pool,):
                asked[name][KEYS[key]] = value
    shelf: dict[str, Pool] = {str(name): pool for name, pool in (table or CLOUD).items()}
    shelf["voice"] = _shared(shelf)
    setups = []
    for name in names:
        boot = boots * (ENGINES[name].snapshot_boot if "snapshot" in flags else ENGINES[name].boot)
        setups.append(_setup(name, shelf[name], asked[name], boot, prices))
    return Policy(text, words, "prewarm" in flags, tuple(setups))


def _setting(part: str, text: str, names: tuple[str, ...]) -> tuple[str | None, str, int]:
    left, equals, value = part.partition("=")
    pool, dot, key = left.strip().rpartition(".")
    if not equals or key not in KEYS or (dot and pool not in names) or not value.strip().isdecimal():
        known = ", ".join([*(f"{word}=NUMBER" for word in KEYS), *FLAGS])
        raise Refused(
            f"policy {text!r}: {part!r} is not known. Named policies: {', '.join(NAMED)}. Words: {known}; "
            f"with a number also for one pool: POOL.WORD=NUMBER ({', '.join(names)})"
        )
    return pool or None, key, int(value)


def _shared(table: Mapping[str, Pool]) -> Pool:
    """ASR and embedding move in with TTS: its GPU, everybody's cores and memory."""
    pools = [table[name] for name in SEPARATE]
    return msgspec.structs.replace(
        table["tts"],
        cpu=sum(pool.cpu for pool in pools),
        memory=sum(pool.memory for pool in pools),
        concurrency=2 * table["tts"].concurrency,  # half of the inputs are short ones
    )


def _setup(name: str, pool: Pool, asked: dict[str, int], boot: float, prices: Prices) -> Setup:
    limits = {key: getattr(pool, key) for key in KEYS.values()} | asked
    try:
        made = Limits(**limits)
    except ValueError as error:
        raise Refused(f"pool {name}: {error}") from error
    if made.max_containers == 0:
        raise Refused(f"pool {name}: without a container nobody is ever served")
    return Setup(
        name,
        SEPARATE if name == "voice" else (name,),
        made,
        boot,
        prices.usd_per_second(pool.price_class, pool.cpu, pool.memory),
    )
