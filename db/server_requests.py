"""What the vector index asks of a Qdrant server, in the words of its client."""

from collections.abc import Sequence
from typing import Any

from db.vectors import DENSE, SPARSE, payload, times
from domain.knowledge.languages import WIDE
from domain.knowledge.model import Filter
from domain.knowledge.ports import Hit, Point, Query


def row(point: Point) -> Any:
    from qdrant_client import models as qdrant

    sparse = qdrant.SparseVector(indices=list(point.sparse), values=list(point.sparse.values()))
    vectors: dict[str, Any] = {SPARSE: sparse} | ({DENSE: point.dense} if point.dense is not None else {})
    return qdrant.PointStruct(id=point.id, vector=vectors, payload=payload(point))


def pages(page_ids: Sequence[str], below: int | None) -> Any:
    from qdrant_client import models as qdrant

    which: list[Any] = [qdrant.FieldCondition(key="page", match=qdrant.MatchAny(any=list(page_ids)))]
    if below is not None:
        which.append(qdrant.FieldCondition(key="rev", range=qdrant.Range(lt=below)))
    return qdrant.FilterSelector(filter=qdrant.Filter(must=which))


def request(query: Query, only: Filter, limit: int, vectors: list[str] | None = None) -> Any:
    from qdrant_client import models as qdrant

    words = query.sparse
    nearest: Any = query.dense
    if words is not None:
        nearest = qdrant.SparseVector(indices=list(words), values=list(words.values()))
    return qdrant.QueryRequest(
        query=nearest,
        using=DENSE if words is None else SPARSE,
        filter=_filter(query, only),
        limit=limit,
        with_payload=["page", "rev"],
        with_vector=vectors,
    )


def _filter(query: Query, only: Filter) -> Any:
    from qdrant_client import models as qdrant

    shelves = qdrant.MatchAny(any=[shelf.key for shelf in only.shelves])
    must: list[Any] = [qdrant.FieldCondition(key="shelf", match=shelves)]
    must += [
        qdrant.FieldCondition(key=name, match=qdrant.MatchValue(value=value))
        for name, value in (("site", only.site), ("language", only.language))
        if value
    ]
    since, until = times(only)
    if since is not None or until is not None:
        must.append(qdrant.FieldCondition(key="at", range=qdrant.Range(gte=since, lte=until)))
    if query.ids:
        must.append(qdrant.HasIdCondition(has_id=list(query.ids)))
    wide: list[Any] = [qdrant.FieldCondition(key="language", match=qdrant.MatchAny(any=list(WIDE)))]
    return qdrant.Filter(must=must + wide * (query.wide is True), must_not=wide if query.wide is False else None)


def hit(point: Any, tokens: dict[str, frozenset[int]]) -> Hit:
    name = str(point.id)
    return Hit(name, point.payload["page"], point.payload["rev"], point.score, tokens.get(name, frozenset()))
