"""The one client for addresses that users and pages name. docs/fetching.md says what it refuses and why."""

import asyncio
import re
import ssl
from collections.abc import Mapping
from datetime import timedelta

import httpcore
import msgspec

from domain.errors import BadInput, NotFound, TooMany, Unavailable
from domain.knowledge.ports import Fetched, Hosts
from domain.knowledge.urls import Address, canonical, parse
from domain.ports import Clock
from infra import robots as robots_txt
from infra.answers import checked_date, checked_etag
from infra.asking import Answer, Asking, Limits
from infra.pinned import Flooded, Refused, Silent
from infra.politeness import GAP, Politeness, Sleep, Visit
from infra.resolving import Resolver, SystemResolver

_MOVED = (301, 302, 303, 307, 308)
_BUSY = (429, 503)
_GONE = (404, 410)
_BROKEN = (httpcore.NetworkError, httpcore.ProtocolError, Flooded, ssl.SSLError, ConnectionError)
_THEIRS = frozenset({"page_late", "page_failed"})
_BARRED = timedelta(hours=23)  # what a broken robots.txt bars is looked at again in an hour, not in a day


class SafeFetcher:
    """Implements domain.knowledge.ports.Fetcher."""

    def __init__(
        self,
        hosts: Hosts,
        clock: Clock,
        agent: str,
        *,
        resolver: Resolver | None = None,
        trusted: frozenset[tuple[str, int]] = frozenset(),
        tls: ssl.SSLContext | None = None,
        limits: Limits = Limits(),  # noqa: B008
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """`agent` is the User-Agent, its first word the name that robots.txt files know us by: "ParleyBot/1.0 (+URL)".

        `trusted` are (address, port) pairs that may be asked though they are not public: test servers on loopback. No
        setting leads here, so that no deployment can have any by accident.
        """
        self._hosts, self._clock, self._limits = hosts, clock, limits
        named = re.match(r"[A-Za-z_-]+", agent)
        self._token = named[0] if named else agent
        self._asking = Asking(agent, resolver or SystemResolver(), trusted, tls, limits)
        self._polite = Politeness(hosts, clock, sleep)

    async def fetch(self, url: str, *, etag: str = "", last_modified: str = "", robots: bool = True) -> Fetched:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        asked = {"if-none-match": checked_etag(etag), "if-modified-since": checked_date(last_modified)}
        only_if = {name: value for name, value in asked.items() if value}
        try:
            async with asyncio.timeout(self._limits.deadline_s) as deadline:
                visit = Visit(deadline, self._limits.patience_s)
                answer = await self._follow(_parsed(url), only_if, visit, robots=robots)
                return _fetched(answer, conditional=bool(only_if))
        except Refused:
            pass
        except (TimeoutError, Silent):
            raise Unavailable("page_late") from None
        except _BROKEN:
            raise Unavailable("page_failed") from None
        # In whole steps of time: how fast a name is refused tells whether it exists inside of our network.
        await asyncio.sleep(-(loop.time() - begun) % self._limits.refusal_s if self._limits.refusal_s else 0)
        raise BadInput("url_refused")

    async def _follow(
        self, address: Address, only_if: Mapping[str, str], visit: Visit, *, robots: bool, cut_at: int = 0
    ) -> Answer:
        """Ask, and where it is sent elsewhere ask there, each time with all the checks of the first."""
        seen: set[Address] = set()
        while True:
            self._asking.check(address)
            gap = await self._permitted(address, visit) if robots else GAP
            answer = await self._politely(address, only_if, gap, visit, cut_at)
            if answer.status not in _MOVED:
                return answer
            seen.add(address)
            address = _next(answer)
            if address in seen or len(seen) > self._limits.redirects:
                raise Unavailable("page_failed")

    async def _politely(
        self, address: Address, only_if: Mapping[str, str], gap: timedelta, visit: Visit, cut_at: int
    ) -> Answer:
        async with self._polite.turn(address.host, gap, visit) as place:
            async with asyncio.timeout(self._limits.robots_s if cut_at else None):
                answer = await self._asking.ask(address, only_if, cut_at=cut_at)
            if answer.status in _BUSY:
                place.pause_s = answer.header.wait_s(self._clock.now())
                raise TooMany("host_busy", seconds=place.pause_s)
            return answer

    async def _permitted(self, address: Address, visit: Visit) -> timedelta:
        """Return the time between two requests there. Raises BadInput("page_robots")."""
        known = await asyncio.to_thread(self._hosts.robots, address.authority, self._clock.now())
        text, barred = known if known is not None else await self._robots(address, visit)
        if barred:
            raise BadInput("page_robots")
        rules = await asyncio.to_thread(robots_txt.rules, text, self._token)
        if not await asyncio.to_thread(rules.allow, address.url):
            raise BadInput("page_robots")
        return rules.gap(GAP)

    async def _robots(self, address: Address, visit: Visit) -> tuple[str, bool]:
        """Ask for robots.txt and keep it: a 4xx allows all, one that cannot be had bars all (RFC 9309, 2.3.1). Where
        there is no connection to begin with, that is what is told, and nothing is kept.
        """
        file = msgspec.structs.replace(address, path="/robots.txt", query="")
        try:
            answer = await self._follow(file, {}, visit, robots=False, cut_at=robots_txt.MOST)
            text = answer.body.decode("utf-8-sig", "replace") if answer.status == 200 else ""
            barred = answer.status != 200 and not 400 <= answer.status < 500
        except httpcore.ConnectError:  # of TLS: there is no page to be had either
            raise
        except (TimeoutError, Unavailable, BadInput, *_BROKEN) as error:
            if isinstance(error, Unavailable) and error.code not in _THEIRS:
                raise  # our own database was away for a moment: no reason to stay away from them for an hour
            text, barred = "", True
        now = self._clock.now() - (_BARRED if barred else timedelta())
        await asyncio.to_thread(self._hosts.keep_robots, address.authority, text, barred, now)
        return text, barred


def _parsed(url: str, base: str = "") -> Address:
    try:
        return parse(url, base)
    except BadInput:
        raise Refused from None


def _next(answer: Answer) -> Address:
    """Return where a redirect leads. Raises Refused from https to http, and for what is no address."""
    where = answer.header.one("location")
    if not where:
        raise Unavailable("page_failed")
    address = _parsed(where, answer.address.url)
    if answer.address.scheme == "https" and address.scheme != "https":
        raise Refused
    return address


def _fetched(answer: Answer, *, conditional: bool) -> Fetched:
    if answer.status in _GONE:
        raise NotFound("page_missing")
    if answer.status != 200 and not (conditional and answer.status == 304):
        raise Unavailable("page_failed")
    header = answer.header
    return Fetched(
        url=canonical(answer.address.url),
        status=answer.status,
        content_type=answer.kind,
        charset=answer.charset,
        body=answer.body,
        etag=header.etag(),
        last_modified=header.last_modified(),
    )
