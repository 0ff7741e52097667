"""Webhooks signed by HMAC, as Stripe and the sandbox sign theirs, and what every event must look like.

The header is `t=<seconds>,v1=<hex of HMAC-SHA256 over "<t>.<body>">`. Stripe's own verifier takes signatures of the
future for good; here they are refused like old ones. Against replay within the five minutes helps neither: the store
keeps every event's id once.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import msgspec

from domain.errors import NotAllowed
from domain.membership.model import ProviderEvent

FRESH_S = 300  # how far the time of a signature may be from ours, either way
MOST_BYTES = 512 << 10  # Stripe's events are some kilobytes; an invoice with many lines may be 100
MOST_AMOUNT = 10**12  # minor units; no order comes near
_MOST_HEADER = 2_000
_MOST_SIGNATURES = 8  # two while a key is changed
_NAME = re.compile(r"[!-~]{0,255}", re.ASCII)  # ids of providers: visible ASCII
_SECONDS = re.compile(r"\d{1,12}", re.ASCII)
Clock = Callable[[], datetime]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
T = TypeVar("T")


def bad() -> NotAllowed:
    """Return the one error for all that is wrong with a webhook: whoever forges one learns nothing from it."""
    return NotAllowed("webhook_bad")


def fresh(seconds: str, now: datetime) -> bool:
    """Tell whether a time of a signature, as text, is near enough to now."""
    return _SECONDS.fullmatch(seconds) is not None and abs(int(seconds) - now.timestamp()) <= FRESH_S


def lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def sign(key: str, body: bytes, at: datetime) -> str:
    """Return the header for a body."""
    seconds = str(int(at.timestamp()))
    return f"t={seconds},v1={_mac(key, seconds, body)}"


def check(header: str, key: str, body: bytes, now: datetime) -> None:
    """Raises NotAllowed("webhook_bad") unless the body is signed with the key, and just now."""
    if not key or not header or len(header) > _MOST_HEADER or len(body) > MOST_BYTES or not header.isascii():
        raise bad()
    parts = [part.partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    signatures = [value for name, _, value in parts if name == "v1"]
    if len(times) != 1 or not 1 <= len(signatures) <= _MOST_SIGNATURES or not fresh(times[0], now):
        raise bad()
    right = _mac(key, times[0], body)
    if not any([hmac.compare_digest(right, signature) for signature in signatures]):  # noqa: C419 - all are compared
        raise bad()


def read(body: bytes, kind: type[T]) -> T:
    """Return the JSON of a body as a struct. Raises NotAllowed("webhook_bad")."""
    try:
        return msgspec.json.decode(body, type=kind, strict=True)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise bad() from None


def instant(seconds: int) -> datetime:
    """Return a time that is told in seconds since 1970. Raises NotAllowed("webhook_bad")."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        raise bad() from None


def sound(event: ProviderEvent) -> ProviderEvent:
    """Return the event if every store can hold what is in it. Raises NotAllowed("webhook_bad")."""
    names = (event.id, event.order_id, event.ref, event.currency, event.account, event.subscription)
    if not event.id or not all(_NAME.fullmatch(name) for name in names) or not 0 <= event.amount <= MOST_AMOUNT:
        raise bad()
    return event


def _mac(key: str, seconds: str, body: bytes) -> str:
    return hmac.new(key.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
