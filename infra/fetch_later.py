"""The client for addresses of others, made when the first is visited: its HTTP packages take 10 MB and 0.2 s of CPU."""

import asyncio

from domain.knowledge.ports import Fetched, Fetcher, Hosts
from domain.ports import Clock


class LateFetcher:
    """Implements domain.knowledge.ports.Fetcher over an infra.fetch.SafeFetcher, one for all."""

    def __init__(self, hosts: Hosts, clock: Clock, agent: str) -> None:
        self._hosts, self._clock, self._agent = hosts, clock, agent
        self._making = asyncio.Lock()
        self._made: Fetcher | None = None

    async def fetch(self, url: str, *, etag: str = "", last_modified: str = "", robots: bool = True) -> Fetched:
        async with self._making:
            if self._made is None:
                self._made = await asyncio.to_thread(self._make)
        return await self._made.fetch(url, etag=etag, last_modified=last_modified, robots=robots)

    def _make(self) -> Fetcher:
        from infra.fetch import SafeFetcher

        return SafeFetcher(self._hosts, self._clock, self._agent)
