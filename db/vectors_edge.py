"""The embedded vector index: a folder that one process owns, with Qdrant's engine inside (package qdrant-edge-py).

It searches all points exactly, without a graph: 1 ms at 10,000 chunks, under 20 at 100,000 (docs/search.md).
"""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from db.edge_folder import EdgeFolder
from db.vectors import DENSE, SPARSE, TOKENS_OF, Made, batches, check, in_order, payload, times, troubles, wants_tokens
from domain.knowledge.languages import WIDE
from domain.knowledge.model import Filter
from domain.knowledge.ports import Hit, Point, Query

log = logging.getLogger(__name__)


class EdgeIndex:
    """Implements domain.knowledge.ports.VectorIndex. Open it once in a process and close it."""

    def __init__(self, folder: Path) -> None:
        self._folder = EdgeFolder(folder)
        self._lock = threading.RLock()  # of changes; the engine lets any number of threads read
        self._shard: Any = None
        self._made: Made | None = None

    def ensure(self, model: str, size: int) -> bool:
        made = Made(model, size)
        with self._lock, troubles(self._tell):
            if self._made == made:
                return False
            self._folder.own()
            self._shut()
            loaded = self._folder.load(made)
            self._shard = self._folder.create(made) if loaded is None else loaded
            self._made = made
            return loaded is None

    def upsert(self, points: Sequence[Point]) -> None:
        import qdrant_edge as edge

        check(self._made, points)
        with self._lock, troubles(self._tell):
            for some in batches(points):
                rows = [edge.Point(point.id, _vectors(point), payload(point)) for point in some]
                self._shard.update(edge.UpdateOperation.upsert_points(rows))
            self._shard.flush()

    def delete_pages(self, page_ids: Sequence[str], below: int | None = None) -> None:
        import qdrant_edge as edge

        check(self._made)
        with self._lock, troubles(self._tell):
            for some in batches(page_ids):
                which = [edge.FieldCondition("page", match=edge.MatchAny(list(some)))]
                if below is not None:
                    which.append(edge.FieldCondition("rev", range=edge.RangeFloat(lt=below)))
                self._shard.update(edge.UpdateOperation.delete_points_by_filter(edge.Filter(must=[*which])))
            self._shard.flush()

    def search(self, queries: Sequence[Query], only: Filter, limit: int) -> list[list[Hit]]:
        import qdrant_edge as edge

        check(self._made, queries=queries)
        if not queries or not only.shelves or limit < 1:
            return [[] for _ in queries]
        asked = [_request(query, only, limit) for query in queries]
        first = min(limit, TOKENS_OF)  # a chunk's tokens are hundreds: 5 ms for 50 chunks, 0.7 for 10
        worded = [_request(query, only, first, [SPARSE]) for query in queries if wants_tokens(query)]
        with troubles(self._tell):
            found = self._shard.query_batch(edge.QueryBatchRequest([*asked, *worded]))
            tokens = {
                str(point.id): frozenset(point.vector[SPARSE].indices)
                for points in found[len(asked) :]
                for point in points
            }
        return [
            in_order([_hit(point, tokens if wants_tokens(query) else {}) for point in points])
            for query, points in zip(queries, found, strict=False)
        ]

    def count(self) -> int:
        import qdrant_edge as edge

        check(self._made)
        with troubles(self._tell):
            return int(self._shard.count(edge.CountRequest(exact=True)))

    def ids(self, after: str, limit: int) -> list[tuple[str, str, int, bool]]:
        import qdrant_edge as edge

        check(self._made)
        with troubles(self._tell):
            # `after` itself comes along when it is still there: the engine begins with it, not behind it.
            found, _ = self._shard.scroll(edge.ScrollRequest(after or None, limit + 1, with_payload=["page", "rev"]))
            rows = [row for row in found if str(row.id) != after][:limit]
            both = edge.Filter(must=[edge.HasIdCondition({row.id for row in rows}), edge.HasVectorCondition(DENSE)])
            dense, _ = self._shard.scroll(edge.ScrollRequest(limit=limit, filter=both, with_payload=False))
            having = {row.id for row in dense}
            return [(str(row.id), row.payload["page"], row.payload["rev"], row.id in having) for row in rows]

    def close(self) -> None:
        with self._lock:
            self._shut()
            self._folder.leave()

    def _shut(self) -> None:
        self._made = None
        if self._shard is not None:
            shard, self._shard = self._shard, None
            shard.close()

    def _tell(self, error: Exception) -> None:
        log.error("the search index %s failed: %s", self._folder.path, error)


def _vectors(point: Point) -> dict[str, Any]:
    import qdrant_edge as edge

    sparse = edge.SparseVector(indices=list(point.sparse), values=list(point.sparse.values()))
    return {SPARSE: sparse} | ({DENSE: point.dense} if point.dense is not None else {})


def _request(query: Query, only: Filter, limit: int, vectors: list[str] | None = None) -> Any:
    import qdrant_edge as edge

    if query.sparse is not None:
        words = edge.SparseVector(indices=list(query.sparse), values=list(query.sparse.values()))
        nearest = edge.Query.Nearest(words, using=SPARSE)
    else:
        nearest = edge.Query.Nearest(list(query.dense or ()), using=DENSE)
    return edge.QueryRequest(
        limit=limit, query=nearest, filter=_filter(query, only), with_payload=["page", "rev"], with_vector=vectors
    )


def _filter(query: Query, only: Filter) -> Any:
    import qdrant_edge as edge

    must: list[Any] = [edge.FieldCondition("shelf", match=edge.MatchAny([shelf.key for shelf in only.shelves]))]
    must += [
        edge.FieldCondition(name, match=edge.MatchValue(value))
        for name, value in (("site", only.site), ("language", only.language))
        if value
    ]
    since, until = times(only)
    if since is not None or until is not None:
        must.append(edge.FieldCondition("at", range=edge.RangeFloat(gte=since, lte=until)))
    if query.ids:
        must.append(edge.HasIdCondition(set(query.ids)))
    wide: list[Any] = [edge.FieldCondition("language", match=edge.MatchAny(list(WIDE)))]
    return edge.Filter(must=must + wide * (query.wide is True), must_not=wide if query.wide is False else None)


def _hit(point: Any, tokens: dict[str, frozenset[int]]) -> Hit:
    name = str(point.id)
    return Hit(name, point.payload["page"], point.payload["rev"], point.score, tokens.get(name, frozenset()))
