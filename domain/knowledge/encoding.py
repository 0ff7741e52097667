"""Vectors, made in the background: a page is found by its words long before the last of them is there."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from domain.errors import BadInput, NotFound, ParleyError, Unavailable
from domain.knowledge.chunks import embedding_text
from domain.knowledge.model import Chunk, Page
from domain.knowledge.ports import Pages
from domain.knowledge.publish import Publisher
from domain.ports import Embedder, Vector

log = logging.getLogger(__name__)


async def _at_once() -> None:
    return


class Encoder:
    """Gives live pages their vectors: cached by content, so what was once embedded never is again."""

    def __init__(
        self,
        pages: Pages,
        publisher: Publisher,
        embedder: Embedder,
        batch: int = 16,
        side_by_side: int = 1,
        rest: Callable[[], Awaitable[None]] = _at_once,
    ) -> None:
        """`batch` texts to a call, so many calls side by side; `rest` waits until nobody else wants the machine."""
        self._pages, self._publisher, self._embedder = pages, publisher, embedder
        self._batch, self._gate, self._rest = batch, asyncio.Semaphore(side_by_side), rest
        self._refused: set[tuple[str, int]] = set()  # texts that the engine does not take: found by words only

    async def some(self, most: int = 4) -> int:
        """Finish at most so many pages; return how many chunks got a vector. Raises Unavailable."""
        pages = await asyncio.to_thread(self._pages.unembedded, most + len(self._refused))
        pages = [page for page in pages if (page.id, page.live) not in self._refused][:most]
        return sum([await self.page(page) for page in pages])

    async def page(self, page: Page) -> int:
        """Make the vectors that one live page lacks, and put them into the index."""
        chunks = await asyncio.to_thread(self._pages.chunks, page.id, page.live)
        version = await asyncio.to_thread(self._pages.version, page.id, page.live)
        if version is None:
            return 0
        have = await asyncio.to_thread(self._pages.vectors, self._publisher.model, [c.checksum for c in chunks])
        lacking = list({c.checksum: c for c in chunks if c.checksum not in have}.values())
        batches = [lacking[start : start + self._batch] for start in range(0, len(lacking), self._batch)]
        try:
            made = await asyncio.gather(*[self._embed(version.title, batch) for batch in batches])
        except Unavailable:
            raise
        except ParleyError as error:
            log.warning("a page gets no vectors, it is found by its words only: %s", error.code)
            self._refused.add((page.id, page.live))
            return 0
        vectors = have | {checksum: vector for batch in made for checksum, vector in batch.items()}
        await asyncio.to_thread(self._keep, page, chunks, vectors)
        return len(lacking)

    async def _embed(self, title: str, chunks: Sequence[Chunk]) -> dict[str, Vector]:
        async with self._gate:
            await self._rest()
            texts = [embedding_text(title, chunk) for chunk in chunks]
            vectors = await self._embedder.embed(texts, "passage")
            if any(len(vector) != self._embedder.size for vector in vectors):  # kept, it would spoil the index
                raise BadInput("dimension_wrong", found=len(vectors[0]), expected=self._embedder.size)
            made = {chunk.checksum: vector for chunk, vector in zip(chunks, vectors, strict=True)}
            await asyncio.to_thread(self._pages.keep_vectors, self._publisher.model, made)  # a crash loses one batch
            return made

    def _keep(self, page: Page, chunks: Sequence[Chunk], vectors: Mapping[str, Vector]) -> None:
        version = self._pages.version(page.id, page.live)
        if version is None:  # erased or replaced meanwhile, and a vector tells much of its text
            self._pages.forget_vectors(list(vectors))
            return
        self._publisher.put(page, version, chunks, vectors)
        try:
            now = self._pages.get(page.id)
        except NotFound:
            now = None
        if now is None or now.live != page.live or now.duplicate_of:  # another version came meanwhile
            self._publisher.tidy(page.id)
            self._pages.forget_vectors(list(vectors))
        else:
            self._pages.set_embedded(page.id, page.live)
