"""From a version that is kept to one that searches see, in steps of which each may be the last before a crash.

    written (live < rev)  ->  its points in the index  ->  live = rev  ->  old points gone  ->  old rows gone

Searches drop every hit whose chunk is not of the live version, so they see the old version until the flip and the new
one from there on. Every step can be done twice. What a crash left is found by `waiting` and `old_chunks`, and by the
reconciler for what neither tells.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from domain.errors import NotFound, Unavailable
from domain.knowledge.chunks import embedding_text
from domain.knowledge.model import Chunk, Page, Version
from domain.knowledge.ports import Pages, Point, Sparse, VectorIndex
from domain.knowledge.simhash import SAME
from domain.ports import Vector

log = logging.getLogger(__name__)
Published = Literal["live", "duplicate", "overtaken"]
AT_ONCE = 128  # points to a write of the index


class Publisher:
    """Any thread may call. Raises Unavailable where a store or the index is away; what was begun is done later."""

    def __init__(self, pages: Pages, index: VectorIndex, weigh: Callable[[str], Sparse], model: str) -> None:
        """`weigh` makes the sparse vector of a passage; `model` names the encoder, whose vectors are cached by it."""
        self._pages, self._index, self._weigh, self.model = pages, index, weigh, model

    def publish(self, page: Page) -> Published:
        """Have searches see the newest version of this page, or mark it as saying what another says."""
        version = self._pages.version(page.id, page.rev)
        if version is None:
            return "overtaken"
        twin = self._twin(page, version)
        if twin is not None:
            self._pages.duplicate(page.id, twin)
            self._index.delete_pages([page.id])
            return "duplicate"
        if page.duplicate_of:
            self._pages.duplicate(page.id, "")
        chunks = self._pages.chunks(page.id, page.rev)
        vectors = self._pages.vectors(self.model, [chunk.checksum for chunk in chunks])
        self.put(page, version, chunks, vectors)
        if not self._pages.go_live(page.id, page.rev):
            self.tidy(page.id)
            return "overtaken"
        self._index.delete_pages([page.id], below=page.rev)
        if all(chunk.checksum in vectors for chunk in chunks):
            self._pages.set_embedded(page.id, page.rev)
        self._pages.sweep(page.id, page.rev)
        return "live"

    def put(self, page: Page, version: Version, chunks: Sequence[Chunk], vectors: Mapping[str, Vector]) -> None:
        """Write the points of one version, with the vectors that there are."""
        for start in range(0, len(chunks), AT_ONCE):
            some = chunks[start : start + AT_ONCE]
            self._index.upsert([self._point(page, version, chunk, vectors.get(chunk.checksum)) for chunk in some])

    def tidy(self, page_id: str) -> None:
        """Take from the index what the page has no longer: after a race with another process, say."""
        try:
            live = self._pages.get(page_id).live
        except NotFound:
            live = 0
        self._index.delete_pages([page_id], below=live or None)

    def waiting(self, most: int = 50) -> int:
        """Publish what waits, at most so many; return how many wait no longer."""
        return sum(self.publish(page) != "overtaken" for page in self._pages.waiting(most))

    def sweep(self, most: int = 200) -> int:
        """Erase what was replaced or is gone, first from the index: a row that is gone could not tell of its point."""
        old = self._pages.old_chunks(most)
        if gone := [page_id for page_id, live in old if live == 0]:
            self._index.delete_pages(gone)
        for page_id, live in old:
            if live:
                self._index.delete_pages([page_id], below=live)
            self._pages.sweep(page_id, live)
        return len(old)

    def drop(self, page_ids: Sequence[str]) -> None:
        """Out of searches at once; erased now, or by the next sweep when the index is away."""
        if page_ids:
            self._pages.gone(page_ids)
            try:
                self._index.delete_pages(page_ids)
            except Unavailable as error:
                log.warning("%d pages are gone, their points go later: %s", len(page_ids), error.code)
                return
            for page_id in page_ids:
                self._pages.sweep(page_id, 0)

    def single_again(self, page: Page) -> bool:
        """Whether a duplicate is none any more, because the other page says something else by now."""
        version = self._pages.version(page.id, page.rev)
        if version is None or self._twin(page, version) is not None:
            return False
        self._pages.duplicate(page.id, "")
        return True

    def _twin(self, page: Page, version: Version) -> str | None:
        """Return the page that says the same; texts without letters are alike in nothing."""
        return self._pages.alike(page.shelf, version.simhash, SAME, page.id) if version.simhash else None

    def _point(self, page: Page, version: Version, chunk: Chunk, dense: Vector | None) -> Point:
        return Point(
            id=chunk.id,
            page_id=page.id,
            rev=chunk.rev,
            shelf=page.shelf.key,
            site=version.site,
            language=version.language,
            at=int((version.published or version.fetched_at).timestamp()),
            sparse=self._weigh(embedding_text(version.title, chunk)),
            dense=dense,
        )
