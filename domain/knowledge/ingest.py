"""One visit of one address: asked for, compared with what is known of it, and kept when it says something new.

Compared in the order of what it costs: 304, the same bytes, the same text; only then is there a new version.
"""

import asyncio
import hashlib
import logging
import secrets
from typing import Literal

import msgspec

from domain.errors import BadInput, Conflict, NotFound, ParleyError, Unavailable
from domain.knowledge import chunks, simhash
from domain.knowledge.model import Extracted, Page, Source, Version
from domain.knowledge.ports import Fetched, Fetcher, Pages, Parser
from domain.knowledge.publish import Publisher
from domain.knowledge.urls import allowed
from domain.ports import Clock

log = logging.getLogger(__name__)
Outcome = Literal["changed", "duplicate", "unchanged", "missed", "gone"]
OURS = frozenset({"store_unavailable", "index_unavailable"})  # our own troubles, no fault of the page
MISSES = 2  # in a row, and a page is gone: one 404 may be an editor at work


class Visit(msgspec.Struct, frozen=True):
    """What came of it. `links` only where they were asked for; `code` where there is something to tell."""

    outcome: Outcome
    bytes: int = 0
    links: tuple[str, ...] = ()
    code: str = ""


class Ingest:
    def __init__(self, fetcher: Fetcher, parser: Parser, pages: Pages, publisher: Publisher, clock: Clock) -> None:
        self._fetcher, self._parser, self._pages, self._publisher = fetcher, parser, pages, publisher
        self._clock = clock

    async def visit(self, source: Source, url: str, links: bool = False) -> Visit:
        """Visit one address of a source. With `links` the page is read in any case, to see where it leads.

        Raises the errors of Fetcher and Parser, BadInput("page_needs_script", "page_elsewhere"), and Unavailable
        of our own stores. What a known page failed with is noted with it.
        """
        page = await asyncio.to_thread(self._pages.find, source.id, url)
        if not links and not _kept(url, source):  # the patterns were changed since it was planned
            await asyncio.to_thread(self._publisher.drop, [page.id] if page is not None else [])
            return Visit("unchanged" if page is None else "gone")
        try:
            return await self._visit(source, url, page, links)
        except NotFound as error:
            if page is None:
                raise
            return await self._missed(page, error.code)
        except ParleyError as error:
            if page is not None and error.code == "page_elsewhere":
                return await self._missed(page, error.code)
            if page is not None and error.code not in OURS:
                now = self._clock.now()
                failed = msgspec.structs.replace(page, checked_at=now, error=error.code)
                await asyncio.to_thread(self._pages.checked, failed)
            raise
        except Exception as error:  # one page in many must not hold up the others
            log.exception("a page could not be taken in")
            if page is not None:
                failed = msgspec.structs.replace(page, checked_at=self._clock.now(), error="page_unreadable")
                await asyncio.to_thread(self._pages.checked, failed)
            raise BadInput("page_unreadable") from error

    async def given_up(self, source: Source, url: str, code: str) -> None:
        """Note with a known page that it was not to be had; what it said stays until somebody knows better."""
        page = await asyncio.to_thread(self._pages.find, source.id, url)
        if page is not None:
            failed = msgspec.structs.replace(page, checked_at=self._clock.now(), error=code)
            await asyncio.to_thread(self._pages.checked, failed)

    async def _visit(self, source: Source, url: str, page: Page | None, links: bool) -> Visit:
        known = page is not None and page.rev > 0 and not page.error and not links
        fetched = await self._fetcher.fetch(
            url,
            etag=page.etag if page is not None and known else "",
            last_modified=page.last_modified if page is not None and known else "",
        )
        elsewhere = fetched.url != url and source.kind != "page"
        if fetched.status == 304 and elsewhere:  # the same text, but it has moved: the answer has no text to keep
            fetched = await self._fetcher.fetch(url)
        elif fetched.status == 304 and page is not None:
            return await self._unchanged(page, fetched)
        if elsewhere:
            page = await self._moved(source, page, fetched.url)
            url = fetched.url
        body = hashlib.sha256(fetched.body).hexdigest()
        same = page is not None and page.rev > 0 and page.body_checksum == body and not page.error
        if page is not None and same and not links:
            return await self._unchanged(page, fetched)
        said = await self._parser.page(fetched)
        if not _kept(url, source):  # where a site starts is read, to see where it leads
            visit = Visit("unchanged", len(fetched.body))
        elif page is not None and same:
            visit = await self._unchanged(page, fetched)
        else:
            visit = await self._compared(source, url, page, fetched, said, body)
        return msgspec.structs.replace(visit, links=said.links) if links else visit

    async def _compared(
        self, source: Source, url: str, page: Page | None, fetched: Fetched, said: Extracted, body: str
    ) -> Visit:
        if said.needs_script:
            raise BadInput("page_needs_script")
        now, checksum = self._clock.now(), hashlib.sha256(f"{said.title}\n{said.text}".encode()).hexdigest()
        if page is None:
            page = Page(id=secrets.token_hex(10), source_id=source.id, shelf=source.shelf, url=url, checked_at=now)
        seen = msgspec.structs.replace(
            page, checked_at=now, status=fetched.status, etag=fetched.etag, last_modified=fetched.last_modified,
            body_checksum=body, misses=0, error="",
        )  # fmt: skip
        before = await asyncio.to_thread(self._pages.version, page.id, page.rev) if page.rev else None
        if before is not None and before.checksum == checksum:
            return await self._unchanged(seen, fetched)
        written = await asyncio.to_thread(self._write, seen, said, checksum)
        try:
            published = await asyncio.to_thread(self._publisher.publish, written)
        except Unavailable as error:  # it is kept, and waits
            return Visit("changed", len(fetched.body), code=error.code)
        return Visit("duplicate" if published == "duplicate" else "changed", len(fetched.body))

    def _write(self, page: Page, said: Extracted, checksum: str) -> Page:
        """Cut it and keep it. A page that another process has changed meanwhile is as good as changed by us."""
        rev = page.rev + 1
        version = Version(
            rev=rev, title=said.title, site=said.site, language=said.language, published=said.published,
            text=said.text, checksum=checksum, simhash=simhash.simhash(said.text), fetched_at=page.checked_at,
        )  # fmt: skip
        try:
            return self._pages.write(page, version, chunks.cut(page.id, rev, said.title, said.sections, said.language))
        except Conflict:
            found = self._pages.find(page.source_id, page.url)
            if found is None:
                raise
            return found

    async def _unchanged(self, page: Page, fetched: Fetched) -> Visit:
        seen = msgspec.structs.replace(
            page, checked_at=self._clock.now(), status=fetched.status, etag=fetched.etag or page.etag,
            last_modified=fetched.last_modified or page.last_modified, misses=0, error="",
        )  # fmt: skip
        await asyncio.to_thread(self._pages.checked, seen)
        if page.duplicate_of != "" and await asyncio.to_thread(self._publisher.single_again, page):
            try:
                await asyncio.to_thread(self._publisher.publish, page)
            except Unavailable:  # it waits
                log.info("a page waits for the index")
            return Visit("changed", len(fetched.body))
        return Visit("unchanged", len(fetched.body))

    async def _moved(self, source: Source, page: Page | None, where: str) -> Page | None:
        """Another address answers: a page that did so itself is missed. Raises BadInput where the other is not ours.

        Dropped at once, all of a site would be lost on the day that its pages lead to "back soon" or to a sign-in.
        """
        if not allowed(where, source):
            raise BadInput("page_elsewhere")
        if page is not None:
            await self._missed(page, "page_missing")
        return await asyncio.to_thread(self._pages.find, source.id, where)

    async def _missed(self, page: Page, code: str) -> Visit:
        now, misses = self._clock.now(), page.misses + 1
        seen = msgspec.structs.replace(page, checked_at=now, status=404, misses=misses, error=code)
        await asyncio.to_thread(self._pages.checked, seen)
        if misses < MISSES:
            return Visit("missed", code=code)
        await asyncio.to_thread(self._publisher.drop, [page.id])
        return Visit("gone", code=code)


def _kept(url: str, source: Source) -> bool:
    return source.kind == "page" or allowed(url, source)
