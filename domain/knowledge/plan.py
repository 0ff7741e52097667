"""Which addresses a run of a source begins with: the page itself, a site's sitemaps, a feed's entries."""

import asyncio
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from urllib.parse import urlsplit

from domain.errors import ParleyError, TooMany, Unavailable
from domain.knowledge.model import Source
from domain.knowledge.ports import Fetcher, Hosts, Parser
from domain.knowledge.urls import allowed, canonical, parse
from domain.ports import Clock

MOST_SITEMAPS = 20  # that are read of a site; an index of indexes could go on for ever
MOST_WAITING = 1_000  # that are remembered until then
PLAN_S = 60.0  # then those that came have to do: whoever is silent for two minutes has the run taken over
_NAMED = re.compile(r"^[ \t]*sitemap[ \t]*:[ \t]*(\S+)", re.IGNORECASE | re.MULTILINE)
_SITEMAP = re.compile(r"\.xml(\.gz)?\Z|\.gz\Z|sitemap[^/]*\.txt\Z", re.IGNORECASE)


class Planner:
    def __init__(self, fetcher: Fetcher, parser: Parser, hosts: Hosts, clock: Clock) -> None:
        self._fetcher, self._parser, self._hosts, self._clock = fetcher, parser, hosts, clock

    async def plan(self, source: Source) -> list[tuple[str, int]]:
        """Return (address, depth) in the order of interest; those below `source.depth` are read for their links.

        What a sitemap or a feed names is one link away from where the source starts, so with a depth of 1 nothing
        further is followed. A site without a sitemap is only its start: its links lead on.
        Raises what the fetcher and the parser raise for a feed, and what kept all named sitemaps from being read.
        """
        if source.kind == "page":
            return [(source.url, 0)]
        if source.kind == "feed":
            entries = await self._links(source.url)
            return [(url, 1) for url in await asyncio.to_thread(_of, source, entries)]
        pages = await self._sitemaps(source)
        if not pages:
            return [(source.url, 0)]
        start = [] if _is_sitemap(source.url) or not allowed(source.url, source) else [source.url]
        return [(url, 1) for url in dict.fromkeys([*start, *pages])]

    async def _sitemaps(self, source: Source) -> list[str]:
        """Return the pages that the site's sitemaps name, those of robots.txt before the usual place."""
        until = self._clock.monotonic() + PLAN_S
        guess = source.url if _is_sitemap(source.url) else canonical("/sitemap.xml", source.url)
        found, nested, trouble = await self._read(guess)  # asking for it has robots.txt read, too
        named = [] if found or nested else await asyncio.to_thread(self._named, source)
        todo, seen, read = [*nested, *named][:MOST_WAITING], {guess, *nested, *named}, 1
        pages = await asyncio.to_thread(_of, source, found)
        while todo and read < MOST_SITEMAPS and len(pages) < source.max_pages and self._clock.monotonic() < until:
            found, nested, failed = await self._read(todo.pop(0))
            trouble, read = failed or trouble, read + 1
            if len(todo) < MOST_WAITING:
                todo += [url for url in nested if url not in seen]
                seen |= set(nested)
            # Fifty thousand addresses take a second: not on the loop that carries voices.
            pages = await asyncio.to_thread(_of, source, [*pages, *found])
        if not pages and (named or nested) and isinstance(trouble, (Unavailable, TooMany)):
            raise trouble  # better late than to take a large site for the few pages that its front links to
        return pages

    def _named(self, source: Source) -> list[str]:
        robots = self._hosts.robots(parse(source.url).authority, self._clock.now())
        return list(dict.fromkeys(_canonical(_NAMED.findall(robots[0] if robots else ""), source.url)))[:MOST_SITEMAPS]

    async def _read(self, url: str) -> tuple[list[str], list[str], ParleyError | None]:
        """Return the pages and the further sitemaps that one names, or why it could not be read."""
        try:
            links = await self._links(url)
        except ParleyError as error:
            return [], [], error
        nested = [link for link in links if _is_sitemap(link)]
        return [link for link in links if not _is_sitemap(link)], nested, None

    async def _links(self, url: str) -> tuple[str, ...]:
        return await self._parser.links(await self._fetcher.fetch(url))


def _of(source: Source, urls: Sequence[str]) -> list[str]:
    """Return the first of them that the source takes, as many as it holds."""
    return list(islice((url for url in dict.fromkeys(urls) if allowed(url, source)), source.max_pages))


def _is_sitemap(url: str) -> bool:
    return _SITEMAP.search(urlsplit(url).path) is not None


def _canonical(urls: Iterable[str], base: str) -> Iterable[str]:
    for url in urls:
        try:
            yield canonical(url, base)
        except ParleyError:
            continue
