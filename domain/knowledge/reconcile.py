"""Whether SQL and the index say the same, and making them so. SQL is right; the index is a copy.

What is half done after a crash is finished first. Then both sides are read by chunk id, side by side: a chunk without
its point is put in, a point without its chunk taken out. Run at the start and once a day; it can stop anywhere.
"""

import logging
from collections.abc import Iterator

import msgspec

from domain.errors import NotFound
from domain.knowledge.model import Page
from domain.knowledge.ports import Pages, VectorIndex
from domain.knowledge.publish import Publisher

log = logging.getLogger(__name__)
SOME = 500
TRIES = 3


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """Counts. `waiting`, `old` and `bare` are work in progress; `missing` and `stray` are what should not be."""

    chunks: int = 0  # live, in SQL
    points: int = 0  # in the index
    missing: int = 0  # live chunks without a point
    stray: int = 0  # points without a live chunk
    bare: int = 0  # points without a vector whose page is said to have all of them
    waiting: int = 0  # pages whose newest version is not live yet (looked at up to 500)
    old: int = 0  # pages that still hold what was replaced (up to 500)

    @property
    def equal(self) -> bool:
        return not (self.missing or self.stray or self.bare)


class Reconciler:
    """Sync, for a thread. Raises Unavailable where a store or the index is away."""

    def __init__(self, pages: Pages, index: VectorIndex, publisher: Publisher, size: int) -> None:
        self._pages, self._index, self._publisher, self._size = pages, index, publisher, size

    def open(self) -> bool:
        """Have the index answer; True when it is empty and has to be filled."""
        return self._index.ensure(self._publisher.model, self._size)

    def repair(self) -> Compared:
        """Finish what is half done, then put right what differs; return what was found different."""
        if self.open():
            log.info("the index is empty, or was of another encoder: it is filled anew")
        while self._publisher.waiting(SOME) or self._publisher.sweep(SOME):
            pass
        found, wrong, stray = self._compare()
        for page_id in sorted(wrong | stray):
            self._mend(page_id, page_id in stray)
        if not found.equal:
            log.warning("SQL and index differed and were put right: %s", found)
        return found

    def verify(self) -> Compared:
        """Only look."""
        self.open()
        found, _, _ = self._compare()
        waiting, old = len(self._pages.waiting(SOME)), len(self._pages.old_chunks(SOME))
        return msgspec.structs.replace(found, waiting=waiting, old=old)

    def _compare(self) -> tuple[Compared, set[str], set[str]]:
        """Return the counts, the pages that lack something, and the pages of stray points."""
        unembedded = {page.id for page in self._pages.unembedded(1_000_000)}
        wrong: set[str] = set()
        stray: set[str] = set()
        chunks = points = missing = strays = bare = 0
        live, there = self._live(), self._there()
        chunk, point = next(live, None), next(there, None)
        while chunk is not None or point is not None:
            if point is None or (chunk is not None and chunk[0] < point[0]):
                assert chunk is not None  # noqa: S101 - the loop's condition, for mypy
                chunks, missing = chunks + 1, missing + 1
                wrong.add(chunk[1])
                chunk = next(live, None)
            elif chunk is None or point[0] < chunk[0]:
                points, strays = points + 1, strays + 1
                stray.add(point[1])
                point = next(there, None)
            else:
                chunks, points = chunks + 1, points + 1
                if not point[3] and chunk[1] not in unembedded:
                    bare += 1
                    wrong.add(chunk[1])
                chunk, point = next(live, None), next(there, None)
        counts = Compared(chunks=chunks, points=points, missing=missing, stray=strays, bare=bare)
        return counts, wrong, stray

    def _mend(self, page_id: str, stray: bool) -> None:
        """Put a page in as it is in SQL, again where another process changed it meanwhile."""
        if stray:
            self._index.delete_pages([page_id])
        for _ in range(TRIES):
            page = self._page(page_id)
            if page is None or page.duplicate_of:
                return
            if page.live < page.rev:  # somebody is publishing it, maybe from points that we took out just now
                self._publisher.publish(page)
                return
            self._refill(page)
            after = self._page(page_id)
            if after is None or (after.live, after.rev) == (page.live, page.rev):
                return

    def _refill(self, page: Page) -> None:
        """Vectors that are not cached are made in the background."""
        version = self._pages.version(page.id, page.live)
        if version is None:
            return
        chunks = self._pages.chunks(page.id, page.live)
        vectors = self._pages.vectors(self._publisher.model, [chunk.checksum for chunk in chunks])
        self._publisher.put(page, version, chunks, vectors)
        whole = all(chunk.checksum in vectors for chunk in chunks)
        self._pages.set_embedded(page.id, page.live if whole else 0)

    def _page(self, page_id: str) -> Page | None:
        try:
            return self._pages.get(page_id)
        except NotFound:
            return None

    def _live(self) -> Iterator[tuple[str, str, int]]:
        after = ""
        while some := self._pages.live_chunks(after, SOME):
            yield from some
            after = some[-1][0]

    def _there(self) -> Iterator[tuple[str, str, int, bool]]:
        after = ""
        while some := self._index.ids(after, SOME):
            yield from some
            after = some[-1][0]
