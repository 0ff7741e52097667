"""A vector index in memory, for tests of what stands on one: exact, and as strict as the real ones."""

import math
from collections import Counter
from collections.abc import Sequence

from domain.errors import BadInput, Unavailable
from domain.knowledge.languages import WIDE
from domain.knowledge.model import Filter
from domain.knowledge.ports import Hit, Point, Query, Sparse
from domain.ports import Vector


class MemoryIndex:
    """Set `down` and it cannot be reached; `asked` counts the searches."""

    def __init__(self) -> None:
        self.points: dict[str, Point] = {}
        self.down = False
        self.asked = 0
        self._made: tuple[str, int] | None = None

    def ensure(self, model: str, size: int) -> bool:
        if self.down:
            raise Unavailable("index_unavailable")
        if self._made == (model, size):
            return False
        self._made = (model, size)
        self.points.clear()
        return True

    def upsert(self, points: Sequence[Point]) -> None:
        self._check([point.dense for point in points])
        self.points.update({point.id: point for point in points})

    def delete_pages(self, page_ids: Sequence[str], below: int | None = None) -> None:
        self._check()
        for point in list(self.points.values()):
            if point.page_id in page_ids and (below is None or point.rev < below):
                self.points.pop(point.id, None)

    def search(self, queries: Sequence[Query], only: Filter, limit: int) -> list[list[Hit]]:
        self._check([query.dense for query in queries])
        self.asked += 1
        return [self._hits(query, only, limit) for query in queries]

    def count(self) -> int:
        self._check()
        return len(self.points)

    def ids(self, after: str, limit: int) -> list[tuple[str, str, int, bool]]:
        self._check()
        points = [point for name, point in sorted(dict(self.points).items()) if name > after][:limit]
        return [(point.id, point.page_id, point.rev, point.dense is not None) for point in points]

    def close(self) -> None:
        self._made = None

    def _check(self, vectors: Sequence[Vector | None] = ()) -> None:
        if self._made is None or self.down:
            raise Unavailable("index_unavailable")
        for vector in vectors:
            if vector is not None and len(vector) != self._made[1]:
                raise BadInput("dimension_wrong", found=len(vector), expected=self._made[1])

    def _hits(self, query: Query, only: Filter, limit: int) -> list[Hit]:
        scored = []
        for point in list(self.points.values()):
            if not _fits(point, only) or (query.ids and point.id not in query.ids):
                continue
            if query.wide is not None and query.wide != (point.language in WIDE):
                continue
            score = self._score(point, query)
            if score is not None:
                scored.append(Hit(point.id, point.page_id, point.rev, score))
        best = sorted(scored, key=lambda hit: (-hit.score, hit.id))[:limit]
        if query.sparse is None or query.ids:
            return best
        here = dict(self.points)  # other threads write meanwhile
        best = [hit for hit in best if hit.id in here]
        tokens = [frozenset(here[hit.id].sparse) for hit in best[:10]]
        first = [
            Hit(hit.id, hit.page_id, hit.rev, hit.score, found) for hit, found in zip(best, tokens, strict=False)
        ]
        return [*first, *best[10:]]

    def _score(self, point: Point, query: Query) -> float | None:
        if query.dense is not None:
            return None if point.dense is None else _cosine(point.dense, query.dense)
        asked = query.sparse or {}
        if not set(asked) & set(point.sparse):
            return None
        return sum(self._idf(slot) * weight * point.sparse.get(slot, 0.0) for slot, weight in asked.items())

    def _idf(self, slot: int) -> float:
        found = Counter(slot in point.sparse for point in list(self.points.values()))
        return math.log((found.total() - found[True] + 0.5) / (found[True] + 0.5) + 1)


def _fits(point: Point, only: Filter) -> bool:
    return (
        point.shelf in {shelf.key for shelf in only.shelves}
        and only.site in ("", point.site)
        and only.language in ("", point.language)
        and (only.since is None or point.at >= int(only.since.timestamp()))
        and (only.until is None or point.at <= int(only.until.timestamp()))
    )


def _cosine(one: Vector, other: Vector) -> float:
    length = math.hypot(*one) * math.hypot(*other)
    return sum(x * y for x, y in zip(one, other, strict=True)) / length if length else 0.0


def sparse_of(*slots: int) -> Sparse:
    return dict.fromkeys(slots, 1.0)
