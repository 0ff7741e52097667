"""What both vector indexes share: how a point lies in Qdrant, what a collection was made for, how hits are ordered."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from domain.errors import BadInput, ParleyError, Unavailable
from domain.knowledge import tokens
from domain.knowledge.model import Filter
from domain.knowledge.ports import Hit, Point, Query

DENSE, SPARSE = "dense", "sparse"  # names of the vectors
WORDS = ("page", "shelf", "site", "language")  # payload that is filtered by equality
NUMBERS = ("rev", "at")  # payload that is filtered by range
LAYOUT = 1  # of the points: change it with anything above
TOKENS_OF = 10  # hits whose tokens are fetched: what the gate of domain.knowledge.fusion looks at
BATCH = 500  # points or ids in one request


class Made(msgspec.Struct, frozen=True):
    """What a collection was made for: vectors and tokens of another kind cannot be searched together with it."""

    model: str
    size: int
    tokens: str = tokens.VERSION
    layout: int = LAYOUT

    @property
    def digest(self) -> str:
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:12]


def payload(point: Point) -> dict[str, Any]:
    return {
        "page": point.page_id,
        "rev": point.rev,
        "shelf": point.shelf,
        "site": point.site,
        "language": point.language,
        "at": point.at,
    }


def check(made: Made | None, points: Sequence[Point] = (), queries: Sequence[Query] = ()) -> Made:
    """Raises Unavailable before `ensure`, BadInput("dimension_wrong") for a vector of another size."""
    if made is None:
        raise Unavailable("index_unavailable")
    for vector in [*(point.dense for point in points), *(query.dense for query in queries)]:
        if vector is not None and len(vector) != made.size:
            raise BadInput("dimension_wrong", found=len(vector), expected=made.size)
    if any((query.dense is None) == (query.sparse is None) for query in queries):
        raise ValueError("a query is either dense or sparse")
    return made


def wants_tokens(query: Query) -> bool:
    return query.sparse is not None and not query.ids


def times(only: Filter) -> tuple[int | None, int | None]:
    """Return since and until in seconds since 1970."""
    since, until = (int(moment.timestamp()) if moment else None for moment in (only.since, only.until))
    return since, until


def in_order(hits: Sequence[Hit]) -> list[Hit]:
    """Best first, ties by id: engines leave them as their segments lie."""
    return sorted(hits, key=lambda hit: (-hit.score, hit.id))


def batches(some: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(some), BATCH):
        yield some[start : start + BATCH]


@contextmanager
def troubles(tell: Any) -> Iterator[None]:
    """Whatever goes wrong in an engine is Unavailable("index_unavailable"), and `tell` is told."""
    try:
        yield
    except ParleyError:
        raise
    except Exception as error:
        tell(error)
        raise Unavailable("index_unavailable") from error
