"""What a server on the internet must not start with, and a laptop may."""

import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from urllib.parse import unquote

from infra.payments import settings as payments

KEYS = ("SECRET_KEY", "AUDIT_KEY", "WORKER_KEY")  # and OPERATOR_KEY, which need not be there
LONG = 32
VARIED = 10  # different characters; of 32 random hexadecimal ones it is fewer once in ten thousand
# What stands in examples, in manuals, and in the files that people copied from them.
_EXAMPLE = re.compile(r"change|example|secret|password|default|insecure|placeholder|0123456789|abcdefgh", re.IGNORECASE)
# Others see what is in these.
_HOLDERS = (
    "CORE_URL", "PAGES_URL", "QDRANT_API_KEY", "MAIL", "REDIS_URL", "LLM_API_KEY", "LLM_FALLBACK_API_KEY",
    "FILES_SECRET", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "WECHAT_APIV3_KEY",
)  # fmt: skip


def problems(env: Mapping[str, str]) -> list[str]:
    """Return what is wrong, each naming its setting and none repeating a value: these lines go to logs."""
    return [*_keys(env), *_doors(env), *_money(env)]


def _keys(env: Mapping[str, str]) -> Iterator[str]:
    keys = {name: env.get(name, "").strip() for name in (*KEYS, "OPERATOR_KEY")}
    if not keys["OPERATOR_KEY"]:
        del keys["OPERATOR_KEY"]  # then the page of costs is closed
    for name, key in keys.items():
        if not key:
            yield f"{name} is not set, and a key made at the first start is on one machine's disk only"
        elif len(key) < LONG:
            yield f"{name} is too short: use {LONG} random characters or more"
        elif len(set(key)) < VARIED or _EXAMPLE.search(key):
            yield f"{name} can be guessed: use what `openssl rand -base64 36` prints"
    there = [(name, key) for name, key in keys.items() if key]
    for (first, one), (second, other) in combinations(there, 2):
        if one.casefold() in other.casefold() or other.casefold() in one.casefold():
            yield f"{second} is {first} again: every key must be its own"
    for name, key in there:
        for holder in _HOLDERS:
            if len(key) >= 8 and key in unquote(env.get(holder, "")):
                yield f"{name} is also used in {holder}: every key must be its own"


def _doors(env: Mapping[str, str]) -> Iterator[str]:
    if not env.get("PUBLIC_URL", "").startswith("https://"):
        yield "PUBLIC_URL must begin with https://: sign-ins are sent over nothing else"
    if (env.get("MAIL") or "outbox") == "outbox":
        yield "MAIL is the outbox: people would wait for links that nobody delivers; give smtp://user:password@host:port"
    if _weak(env.get("ARGON2") or ""):
        yield "ARGON2 is below OWASP's floor: use 19456,2,1 or more"
    if env.get("BENCH", "0") == "1":
        yield "BENCH opens a door for everybody: leave it 0"


def _money(env: Mapping[str, str]) -> Iterator[str]:
    """Whoever can pay with nothing has everything."""
    try:
        there = payments.kinds(env)
    except payments.BadSetting:
        return  # it is told elsewhere
    if not env.get("PAYMENTS"):
        yield "PAYMENTS is not set: use stripe, wechat, or off where everybody may have everything"
    elif "sandbox" in there:
        yield "PAYMENTS is the sandbox, where anybody pays with nothing: use stripe, wechat or off"
    if "stripe" in there and "_test_" in env.get("STRIPE_SECRET_KEY", ""):
        yield "STRIPE_SECRET_KEY is one of the test mode, where a card from a manual buys everything: use sk_live_"
    if "stripe" in there and len(env.get("STRIPE_WEBHOOK_SECRET", "")) < LONG:
        yield "STRIPE_WEBHOOK_SECRET is too short: whoever guesses it pays with nothing; use the one that Stripe shows"
    if "wechat" in there and len(set(env.get("WECHAT_APIV3_KEY", ""))) < VARIED:
        yield "WECHAT_APIV3_KEY can be guessed: use 32 random characters"


def _weak(argon2: str) -> bool:
    """OWASP's equals run from 46 MiB with one pass to 7 MiB with five; what cannot be read is refused elsewhere."""
    parts = argon2.split(",")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        return False
    memory, passes = int(parts[0]), int(parts[1])
    return memory < 7_168 or memory * passes < 7_168 * 5
