"""What knowledge needs from the world: the one fetcher, a parser apart, the stores, the index. Stores are sync."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from domain.knowledge.model import Chunk, Extracted, Filter, Page, Run, Shelf, Source, Trouble, Version
from domain.knowledge.room import Room
from domain.ports import Vector


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of a server. `status` is 200 or 304; everything else is an error of the fetcher."""

    url: str  # after redirects, canonical
    status: int
    content_type: str  # lower case, without parameters: "text/html"
    charset: str  # of the header, "" when it names none that is known
    body: bytes
    etag: str = ""
    last_modified: str = ""


class Fetcher(Protocol):
    async def fetch(self, url: str, *, etag: str = "", last_modified: str = "", robots: bool = True) -> Fetched:
        """Ask for a page, politely and only on the public network.

        Raises BadInput("url_refused") alike for what is closed, private, unresolvable or has another scheme or port
        (nobody may map a network with it), BadInput("page_robots"), BadInput("page_type"), BadInput("page_encoding"),
        TooLong("page_large"), NotFound("page_missing") for 404 and 410, TooMany("host_busy", seconds=...) for 429 and
        503, Unavailable("page_late") and Unavailable("page_failed") for what another try may mend.
        """


class Parser(Protocol):
    """Reads hostile bytes in a process apart, with limits of CPU, memory and time."""

    async def page(self, fetched: Fetched) -> Extracted:
        """Return what an HTML page, a text or a PDF says. Raises BadInput("page_unreadable", "page_empty")."""

    async def links(self, fetched: Fetched) -> tuple[str, ...]:
        """Return the addresses that a sitemap (or its index) or a feed names, newest first where it tells when.

        Raises BadInput("page_unreadable").
        """


class Sources(Protocol):
    """Sources and their runs. Every method is one unit of work; another's source is NotFound("source_gone").

    Where a `room` is given, it is looked for in that unit of work among all that its owner has (the operator: all on
    its shelf), and no other of them comes in between. Raises Conflict("sources_full", "pages_full") then.
    """

    def add(self, source: Source, room: Room | None = None) -> Source:
        """Keep it, due now. Raises Conflict("source_exists", source_id=...) for the same address on the same shelf."""

    def get(self, source_id: str) -> Source:
        """One that was removed too, until it is purged: `removed_at` says so."""

    def on(self, shelf: Shelf) -> list[Source]:
        """Oldest first, without those removed."""

    def hurry(self, source_id: str, now: datetime) -> Source:
        """Make it due now, whenever it was planned."""

    def change(self, source: Source, room: Room | None = None) -> Source:
        """Replace what people may set: title, patterns, depth, max_pages, every, enabled."""

    def remove(self, source_id: str, now: datetime) -> None:
        """Out of every search at once; `restore` brings it back until it is purged. Its run is asked to stop."""

    def restore(self, source_id: str, room: Room | None = None) -> Source:
        """Raises Conflict("source_exists", source_id=...) when its address was added anew meanwhile."""

    def purge(self, removed_before: datetime) -> list[str]:
        """Erase sources removed before then with all they hold; return the ids of their pages, for the index."""

    def owned(self, owner: str) -> list[Source]:
        """Return all sources of a user, on whichever shelf, those removed too. Nothing for the operator's ("")."""

    def erase(self, owner: str) -> list[str]:
        """Erase a user's sources with all they hold; return the ids of their pages. Does nothing for owner ""."""

    def due(self, now: datetime, limit: int = 20, silent_for: timedelta = timedelta(minutes=2)) -> list[Source]:
        """Return enabled ones whose time has come and that no live run works on, the longest waiting first.

        A run that was silent so long is no live one.
        """

    def start(self, source_id: str, now: datetime, silent_for: timedelta) -> Run | None:
        """Begin a run, or take over one that was silent so long, with its counts; None while another works on it.

        The source is due until the run ends. Of runs that ended the newest 20 are kept.
        """

    def runs(self, source_id: str, limit: int = 10) -> list[Run]:
        """Newest first."""

    def progress(self, run: Run) -> Run:
        """Write the counts and moved_at; return the row, whose `stop` somebody may have set.

        One that has ended (somebody took it over and finished it) is returned as it is, with `stop` set.
        """

    def stop(self, source_id: str, now: datetime) -> Run | None:
        """Ask the run to stop."""

    def finish(self, run: Run, next_at: datetime, trouble: bool) -> None:
        """End the run and plan the next. `trouble` counts as a failed run; else the count starts anew.

        Its state is kept when it is "done", "stopped" or "failed"; else it follows from `trouble`.
        """

    def trouble(self, run_id: str, trouble: Trouble) -> None:
        """Keep it; of several for one address the last."""

    def troubles(self, run_id: str, limit: int = 100) -> list[Trouble]:
        """Newest first."""


class FrontierItem(msgspec.Struct, frozen=True, kw_only=True):
    source_id: str
    url: str
    depth: int
    tries: int = 0
    not_before: datetime | None = None


class Frontier(Protocol):
    """Addresses still to be visited in a run, kept so that a crash forgets none. One row per source and address."""

    def fill(self, source_id: str, urls: Sequence[tuple[str, int]], most: int) -> int:
        """Add (canonical address, depth) that are new, until the source holds `most`; return how many it holds."""

    def take(self, source_id: str, now: datetime, lease: timedelta) -> FrontierItem | None:
        """Lease the next, of the least depth, first found first. A lease that ran out is there again, a try more."""

    def done(self, source_id: str, url: str) -> None: ...

    def later(self, source_id: str, url: str, not_before: datetime) -> None:
        """Count a try and come back to it."""

    def left(self, source_id: str) -> int: ...

    def clear(self, source_id: str) -> None:
        """Begin anew: the run is over."""


class Hosts(Protocol):
    """Politeness that all processes share: who may ask which host when, and what its robots.txt said."""

    def robots(self, host: str, now: datetime) -> tuple[str, bool] | None:
        """Return (robots.txt, whether all is barred), None when it is not known or older than a day."""

    def keep_robots(self, host: str, body: str, barred: bool, now: datetime) -> None: ...

    def turn(self, host: str, now: datetime, gap: timedelta, at_once: int = 2) -> float:
        """Take a place: return 0.0 when it may be asked now, else the seconds to wait before trying again.

        `gap` passes between two starts, and at most `at_once` run; a place not given back ends after 30 s.
        """

    def leave(self, host: str, now: datetime, pause: timedelta = timedelta()) -> None:
        """Give the place back; for `pause` nobody asks the host (Retry-After), at most for a day."""

    def purge(self, before: datetime) -> int:
        """Forget hosts that nobody asked since then; return how many."""


class Pages(Protocol):
    """Pages, their versions and chunks: the truth of which the index is a copy."""

    def find(self, source_id: str, url: str) -> Page | None:
        """Without its version. One that is gone is not found: its address is a new page when it comes back."""

    def get(self, page_id: str) -> Page:
        """With its live version. Raises NotFound("page_gone")."""

    def of(self, source_id: str, limit: int = 50, after: str = "") -> list[Page]:
        """By address, with their live versions (text cut at 300 characters); `after` is the last address seen."""

    def count(self, source_id: str) -> int: ...

    def checked(self, page: Page) -> None:
        """Keep what a visit without news found out: checked_at, status, etag, last_modified, body_checksum, misses,
        error. Nothing where there is no such page.
        """

    def write(self, page: Page, version: Version, chunks: Sequence[Chunk]) -> Page:
        """Keep a new version (rev = page.rev + 1) and its chunks in one transaction, not live yet; make the page when
        it is new, with the id that the chunks' are made of. Raises Conflict("page_moved_on") when another wrote
        meanwhile or the page is gone, NotFound("source_gone"), TooLong("page_large").
        """

    def alike(self, shelf: Shelf, simhash: int, distance: int, not_page: str) -> str | None:
        """Return the id of the live page of the shelf whose text is nearest, None when none is that near.

        None is missed up to a distance of 3 bits; beyond, some may be.
        """

    def duplicate(self, page_id: str, of: str) -> None:
        """Mark it; a duplicate leaves searches. of="" takes the mark away: then it waits to go live anew (live 0).

        Nothing happens when `of` is gone or a duplicate itself.
        """

    def gone(self, page_ids: Sequence[str]) -> None:
        """Out of every search at once; rows go with `sweep`. Duplicates of them wait to be indexed then."""

    def waiting(self, limit: int) -> list[Page]:
        """Return pages whose newest version is not live yet (live < rev), and are neither duplicates nor gone."""

    def version(self, page_id: str, rev: int) -> Version | None:
        """Return one state of the page, live or not, with its whole text; None when it was swept or never was."""

    def chunks(self, page_id: str, rev: int) -> list[Chunk]: ...

    def go_live(self, page_id: str, rev: int) -> bool:
        """Flip: searches see this version from here on. False when a newer one was written meanwhile."""

    def unembedded(self, limit: int) -> list[Page]:
        """Return live pages some of whose chunks have no vector in the index (embedded < live)."""

    def set_embedded(self, page_id: str, rev: int) -> None:
        """0: its vectors are to be made anew."""

    def old_chunks(self, limit: int) -> list[tuple[str, int]]:
        """Return (page id, live rev) of pages that still hold chunks of other versions or are gone (live rev 0)."""

    def sweep(self, page_id: str, keep: int) -> None:
        """Erase versions and chunks below `keep`, never the live one; with 0 the page itself."""

    def live_chunks(self, after: str, limit: int) -> list[tuple[str, str, int]]:
        """Return (chunk id, page id, rev) of all live versions by chunk id, for the reconciler.

        Those of removed sources too, which may come back; not of duplicates and pages that are gone.
        """

    def look_up(self, chunk_ids: Sequence[str], only: Filter) -> dict[str, tuple[Chunk, Page]]:
        """Return those chunks that are live and fit the filter, with page and version (without the page's text).

        `since` and `until` include their moment.
        """

    def vectors(self, model: str, checksums: Sequence[str]) -> dict[str, Vector]:
        """Return what the cache holds."""

    def keep_vectors(self, model: str, vectors: Mapping[str, Vector]) -> None: ...

    def forget_vectors(self, checksums: Sequence[str]) -> None:
        """Erase those, of all models, whose text no chunk holds any more."""

    def totals(self, shelf: Shelf) -> tuple[int, int, int]:
        """Return how many pages are live, their chunks, and chunks whose vectors are still to be made."""


Sparse = Mapping[int, float]  # token hash (uint32) -> weight


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk in the index. Without `dense` it is found by its words only, until it has one."""

    id: str  # the chunk's
    page_id: str
    rev: int
    shelf: str  # Shelf.key
    site: str
    language: str
    at: int  # seconds since 1970 of published, else fetched: what filters by time go by
    sparse: Sparse
    dense: Vector | None = None


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly one of dense and sparse. `ids` asks for the scores of just these chunks; `wide` for those of pages in
    Chinese, Japanese or Korean (languages.WIDE) alone, or of all others alone.
    """

    dense: Vector | None = None
    sparse: Sparse | None = None
    ids: tuple[str, ...] = ()
    wide: bool | None = None


class Hit(msgspec.Struct, frozen=True):
    id: str
    page_id: str
    rev: int
    score: float
    tokens: frozenset[int] = frozenset()  # of its sparse vector: the 10 best of a sparse query without `ids` have it


class VectorIndex(Protocol):
    """The index: one point per chunk with a dense and a sparse vector. Any thread may call.

    Everything raises Unavailable("index_unavailable") when it cannot be reached or is owned by another process.
    """

    def ensure(self, model: str, size: int) -> bool:
        """Open the collection for vectors of this model; True when it is new (or was of another) and has to be
        filled anew.
        """

    def upsert(self, points: Sequence[Point]) -> None:
        """Durable when it returns."""

    def delete_pages(self, page_ids: Sequence[str], below: int | None = None) -> None:
        """Delete all points of these pages, or those of revs below."""

    def search(self, queries: Sequence[Query], only: Filter, limit: int) -> list[list[Hit]]:
        """Return for each query its hits, best first, ties by id. The filter holds for `ids` too."""

    def count(self) -> int: ...

    def ids(self, after: str, limit: int) -> list[tuple[str, str, int, bool]]:
        """Return (chunk id, page id, rev, has a dense vector) by id, for the reconciler."""

    def close(self) -> None: ...
