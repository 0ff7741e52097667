"""What the index says of one question: every chunk that either search found, with its true scores by each phrasing."""

from collections.abc import Sequence

import msgspec

from domain.knowledge import fusion
from domain.knowledge.fusion import POOL, Scored
from domain.knowledge.model import Filter, Mode
from domain.knowledge.ports import Hit, Query, Sparse, VectorIndex
from domain.knowledge.sparse import query_weights
from domain.knowledge.threshold import mostly_cjk
from domain.ports import Vector


class Phrasing(msgspec.Struct, frozen=True):
    text: str
    words: Sparse
    vector: Vector | None = None  # None: by its words only


class Candidates(msgspec.Struct, frozen=True):
    """`scores` is what the mode makes of it, `of` the true scores by phrasing, in their order, `pages` whose it is."""

    scores: dict[str, float]
    of: list[dict[str, Scored]]
    pages: dict[str, str]


def phrase(text: str, vector: Vector | None = None) -> Phrasing:
    return Phrasing(text, query_weights(text), vector)


def gather(index: VectorIndex, phrasings: Sequence[Phrasing], only: Filter, mode: Mode, pool: int = POOL) -> Candidates:
    """Ask twice: for the best of each search, then for the scores that one search gives to what the other found.

    Blocks. Raises Unavailable.
    """
    asked = [_queries(phrasing, mode) for phrasing in phrasings]
    found = iter(index.search([query for queries in asked for query in queries], only, pool))
    firsts = [[next(found) for _ in queries] for queries in asked]
    pages = {hit.id: hit.page_id for lists in firsts for hits in lists for hit in hits}
    every = sorted(pages)

    again: list[Query] = []
    for queries, lists in zip(asked, firsts, strict=True):
        by_words, *by_meaning = [{hit.id for hit in hits} for hits in lists]
        near = set().union(*by_meaning)  # of one script or the other, and of both is none
        for query in queries:
            known = near if query.sparse is None else by_words
            again.append(msgspec.structs.replace(query, ids=tuple(name for name in every if name not in known)))
    missing = [query for query in again if query.ids]
    answers = iter(index.search(missing, only, len(every)) if missing else [])
    rests = iter([next(answers) if query.ids else [] for query in again])

    of, scores = [], []
    for phrasing, queries, lists in zip(phrasings, asked, firsts, strict=True):
        scored = _scored(every, queries, lists, [next(rests) for _ in lists])
        of.append(scored)
        trust, wide = fusion.gate(_shares(phrasing, lists[0])), mostly_cjk(phrasing.text)
        scores.append(fusion.fuse(scored, mode, trust, wide=wide))
    return Candidates(fusion.together(scores), of, pages)


def _queries(phrasing: Phrasing, mode: Mode) -> list[Query]:
    """The words, then the meaning: in hybrid mode of each script by itself."""
    scripts = (False, True) if mode == "hybrid" else (None,)
    by_meaning = [Query(dense=phrasing.vector, wide=wide) for wide in scripts if phrasing.vector is not None]
    return [Query(sparse=phrasing.words), *by_meaning]


def _scored(
    every: list[str], queries: list[Query], firsts: list[list[Hit]], rests: list[list[Hit]]
) -> dict[str, Scored]:
    """`firsts` and `rests` hold the hits of each query: by words, then by meaning where the phrasing has a vector."""
    own = {hit.id for hits in firsts[1:] for hit in hits}
    words = {hit.id: hit.score for hit in (*firsts[0], *rests[0])}
    by_words = {hit.id for hit in firsts[0]}
    dense: dict[str, float] = {}
    wide: set[str] = set()
    for query, hits, others in zip(queries[1:], firsts[1:], rests[1:], strict=True):
        dense |= {hit.id: hit.score for hit in (*hits, *others)}
        wide |= {hit.id for hit in (*hits, *others) if query.wide}
    return {
        name: Scored(dense.get(name), words.get(name, 0.0), name in own, name in by_words, name in wide)
        for name in every
    }


def _shares(phrasing: Phrasing, hits: list[Hit]) -> list[float]:
    """Return the share of the question's tokens in each of the hits that brought theirs."""
    asked = frozenset(phrasing.words)
    return [len(asked & hit.tokens) / len(asked) for hit in hits if hit.tokens] if asked else []
