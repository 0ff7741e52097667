"""Search: from a question to the passages that answer it, best first."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from domain.errors import ParleyError
from domain.knowledge import fusion
from domain.knowledge.candidates import Candidates, Phrasing, gather, phrase
from domain.knowledge.model import Answer, Filter, Mode, Passage
from domain.knowledge.passages import Row, choose, enough, text_of
from domain.knowledge.ports import Pages, VectorIndex
from domain.ports import Embedder, Vector

log = logging.getLogger(__name__)
MAX_QUESTION = 2_000  # characters
MAX_PHRASINGS = 3
RERANKED = 20
RERANK_S = 0.15  # then the order stands as it was
EMBED_S = 2.0  # then words alone have to do; a turn gives less


class Reranker(Protocol):
    """A model that reads question and text together."""

    async def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        """Return how well each text answers, higher is better. Raises Unavailable."""


class Search:
    """`model` names the encoder, whose cosines have a bar of their own; `reranker` has the last word where one is."""

    def __init__(
        self,
        embedder: Embedder,
        index: VectorIndex,
        pages: Pages,
        model: str = "",
        reranker: Reranker | None = None,
        embed_s: float = EMBED_S,
        rerank_s: float = RERANK_S,
    ) -> None:
        self._embedder, self._index, self._pages = embedder, index, pages
        self._model, self._reranker = model, reranker
        self._embed_s, self._rerank_s = embed_s, rerank_s

    async def find(
        self,
        question: str,
        *,
        only: Filter,
        limit: int = 5,
        mode: Mode = "hybrid",
        per_page: int = 1,
        also: Sequence[str] = (),
    ) -> list[Passage]:
        """Like `answer`, whatever it went by."""
        answer = await self.answer(question, only=only, limit=limit, mode=mode, per_page=per_page, also=also)
        return list(answer.passages)

    async def answer(
        self,
        question: str,
        *,
        only: Filter,
        limit: int = 5,
        mode: Mode = "hybrid",
        per_page: int = 1,
        also: Sequence[str] = (),
    ) -> Answer:
        """Return at most `limit` passages, `per_page` of a page, without near-duplicates.

        `also` are other phrasings of the question; what several of them find is better. Without an embedder that
        answers in time, words alone decide. Raises Unavailable("index_unavailable", "store_unavailable").
        """
        texts = [text for text in dict.fromkeys(text.strip()[:MAX_QUESTION] for text in (question, *also)) if text]
        if not texts or not only.shelves or limit < 1:
            return Answer((), mode)
        vectors = await self._embed(texts[:MAX_PHRASINGS]) if mode != "lexical" else None
        if vectors is None:
            mode = "lexical"
        # One hop to a thread for all that blocks: index and SQL together are some milliseconds.
        phrasings, found, rows = await asyncio.to_thread(
            self._find, texts[:MAX_PHRASINGS], vectors, only, mode, limit, per_page
        )
        # The last phrasing is the one that stands alone, where there are several.
        last = phrasings[-1].text if mode == "hybrid" else ""
        scores = await self._rerank(last, rows, found.scores)
        chosen = await asyncio.to_thread(choose, self._model, phrasings, found, rows, scores, limit, per_page)
        return Answer(tuple(chosen), mode)

    async def _embed(self, texts: Sequence[str]) -> list[Vector] | None:
        try:
            async with asyncio.timeout(self._embed_s):
                return await self._embedder.embed(texts, "query")
        except TimeoutError:
            log.warning("a search goes by words alone: no vector within %s s", self._embed_s)
        except ParleyError as error:
            log.warning("a search goes by words alone: %s", error.code)
        return None

    def _find(
        self,
        texts: Sequence[str],
        vectors: Sequence[Vector] | None,
        only: Filter,
        mode: Mode,
        limit: int,
        per_page: int,
    ) -> tuple[list[Phrasing], Candidates, dict[str, Row]]:
        """Return the rows of the best candidates, as many as could be needed, best first."""
        phrasings = [phrase(text, vectors[number] if vectors else None) for number, text in enumerate(texts)]
        found = gather(self._index, phrasings, only, mode)
        order = fusion.ranked(found.scores)
        rows: dict[str, Row] = {}
        # The index is a copy and may be behind: what SQL does not know as live and theirs, nobody sees. A row costs
        # more than a hit, so they come in lots until there are enough of different pages.
        step = RERANKED if self._reranker is not None else limit + 4
        for start in range(0, len(order), step):
            some = order[start : start + step]
            live = self._pages.look_up(some, only)
            rows |= {name: live[name] for name in some if name in live}
            if enough(rows, limit, per_page):
                break
        return phrasings, found, rows

    async def _rerank(self, question: str, rows: dict[str, Row], scores: dict[str, float]) -> dict[str, float]:
        """Return the scores to go by: the reranker's for the first rows, and nothing else then."""
        if self._reranker is None or not question or len(rows) < 2:
            return {name: scores[name] for name in rows}
        first = list(rows)[:RERANKED]
        try:
            async with asyncio.timeout(self._rerank_s):
                better = await self._reranker.rerank(question, [text_of(*rows[name]) for name in first])
            return dict(zip(first, better, strict=True))
        except TimeoutError:
            log.warning("the order stands: no reranker within %s s", self._rerank_s)
        except ParleyError as error:
            log.warning("the order stands: %s", error.code)
        return {name: scores[name] for name in rows}
