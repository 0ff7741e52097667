"""The vector index on a Qdrant server (package qdrant-client). Any number of processes share it."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from db.rests import Rests
from db.server_requests import hit, pages, request, row
from db.vectors import DENSE, NUMBERS, SPARSE, TOKENS_OF, WORDS, Made, batches, check, in_order, troubles, wants_tokens
from domain.errors import Unavailable
from domain.knowledge.model import Filter
from domain.knowledge.ports import Hit, Point, Query

log = logging.getLogger(__name__)
READ_S, WRITE_S = 2, 30  # timeouts of requests: a turn waits for a search, nobody for the keeper
PREFIX = "parley_"


def connect(url: str, key: str = "") -> "ServerIndex":
    """Return the index of a server; nothing is asked of it before `ensure`."""
    from qdrant_client import QdrantClient

    # The versions are not compared: that would be a request at start, to a server that may be down just then.
    reader, writer = (
        QdrantClient(url=url, api_key=key or None, timeout=seconds, check_compatibility=False)
        for seconds in (READ_S, WRITE_S)
    )
    return ServerIndex(reader, writer)


class ServerIndex:
    """Implements domain.knowledge.ports.VectorIndex.

    A collection is named after what it was made for, so a new encoder fills a new one beside the old, which other
    processes may still serve from. Old ones are named in the log and stay until somebody deletes them.
    """

    def __init__(self, reader: Any, writer: Any, rests: Rests | None = None) -> None:
        self._reader, self._writer = reader, writer
        self._rests = rests or Rests()
        self._made: Made | None = None
        self._name = ""

    def ensure(self, model: str, size: int) -> bool:
        from qdrant_client import models as qdrant

        made = Made(model, size)
        name = PREFIX + made.digest
        with self._asking():
            new = not self._writer.collection_exists(name)
            if new:
                self._create(name, size)
            # Creating an index that is there is no error, and one that a crash left out is made now.
            kinds = dict.fromkeys(WORDS, qdrant.PayloadSchemaType.KEYWORD)
            kinds |= dict.fromkeys(NUMBERS, qdrant.PayloadSchemaType.INTEGER)
            for field, kind in kinds.items():
                self._writer.create_payload_index(name, field, kind, wait=True)
        self._made, self._name = made, name
        return new

    def upsert(self, points: Sequence[Point]) -> None:
        check(self._made, points)
        with self._asking():
            for some in batches(points):
                self._writer.upsert(self._name, list(map(row, some)), wait=True)

    def delete_pages(self, page_ids: Sequence[str], below: int | None = None) -> None:
        check(self._made)
        with self._asking():
            for some in batches(page_ids):
                self._writer.delete(self._name, pages(some, below), wait=True)

    def search(self, queries: Sequence[Query], only: Filter, limit: int) -> list[list[Hit]]:
        check(self._made, queries=queries)
        if not queries or not only.shelves or limit < 1:
            return [[] for _ in queries]
        asked = [request(query, only, limit) for query in queries]
        first = min(limit, TOKENS_OF)  # a chunk's tokens are hundreds, and come as JSON
        worded = [request(query, only, first, [SPARSE]) for query in queries if wants_tokens(query)]
        with self._asking():
            found = [answer.points for answer in self._reader.query_batch_points(self._name, [*asked, *worded])]
        tokens = {
            str(point.id): frozenset(point.vector[SPARSE].indices) for points in found[len(asked) :] for point in points
        }
        return [
            in_order([hit(point, tokens if wants_tokens(query) else {}) for point in points])
            for query, points in zip(queries, found, strict=False)
        ]

    def count(self) -> int:
        check(self._made)
        with self._asking():
            return int(self._reader.count(self._name, exact=True).count)

    def ids(self, after: str, limit: int) -> list[tuple[str, str, int, bool]]:
        from qdrant_client import models as qdrant

        check(self._made)
        with self._asking():
            # `after` itself comes along when it is still there: the server begins with it, not behind it.
            found, _ = self._writer.scroll(
                self._name, limit=limit + 1, offset=after or None, with_payload=["page", "rev"]
            )
            rows = [point for point in found if str(point.id) != after][:limit]
            both = qdrant.Filter(
                must=[
                    qdrant.HasIdCondition(has_id=[point.id for point in rows]),
                    qdrant.HasVectorCondition(has_vector=DENSE),
                ]
            )
            dense, _ = self._writer.scroll(self._name, scroll_filter=both, limit=limit, with_payload=False)
        having = {point.id for point in dense}
        return [(str(point.id), point.payload["page"], point.payload["rev"], point.id in having) for point in rows]

    def close(self) -> None:
        self._made = None
        for client in {id(client): client for client in (self._reader, self._writer)}.values():
            client.close()

    def _create(self, name: str, size: int) -> None:
        from qdrant_client import models as qdrant

        try:
            self._writer.create_collection(
                name,
                vectors_config={DENSE: qdrant.VectorParams(size=size, distance=qdrant.Distance.COSINE)},
                sparse_vectors_config={SPARSE: qdrant.SparseVectorParams(modifier=qdrant.Modifier.IDF)},
            )
        except Exception:
            if not self._writer.collection_exists(name):  # else another process was faster
                raise
        others = [found.name for found in self._writer.get_collections().collections]
        old = sorted(other for other in others if other.startswith(PREFIX) and other != name)
        if old:
            log.warning("collections for other encoders are left on the Qdrant server: %s", ", ".join(old))

    @contextmanager
    def _asking(self) -> Iterator[None]:
        if not self._rests.may_ask():
            raise Unavailable("index_unavailable")
        with troubles(self._tell):
            yield
        self._rests.worked()

    def _tell(self, error: Exception) -> None:
        self._rests.failed()
        log.error("the Qdrant server failed: %s", error)
