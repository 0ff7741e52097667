"""Which pages a scheduled crawl has to visit. Nothing names any yet: characters with sources come later."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec


class Source(msgspec.Struct, frozen=True):
    """A page that a character knows, and how often it is looked at."""

    url: str
    every: timedelta
    visited: datetime | None = None  # UTC


def due(sources: Sequence[Source], now: datetime) -> list[Source]:
    """Return those whose time has come, the longest waiting first; one that was never visited waits longest."""
    ripe = [source for source in sources if source.visited is None or source.visited + source.every <= now]
    return sorted(ripe, key=lambda source: (source.visited is not None, source.visited or now, source.url))


def tell(sources: Sequence[Source], now: datetime) -> str:
    """Return in a line what a crawl at this moment would do."""
    if not sources:
        return "no sources yet, nothing to crawl"
    return f"{len(due(sources, now))} of {len(sources)} sources are due"
