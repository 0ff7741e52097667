"""An index that is elsewhere: for processes that fetch and write only."""

from collections.abc import Sequence
from typing import NoReturn

from domain.errors import Unavailable
from domain.knowledge.model import Filter
from domain.knowledge.ports import Hit, Point, Query


class NoIndex:
    """Implements domain.knowledge.ports.VectorIndex by being out of reach."""

    def ensure(self, model: str, size: int) -> bool:
        _away()

    def upsert(self, points: Sequence[Point]) -> None:
        _away()

    def delete_pages(self, page_ids: Sequence[str], below: int | None = None) -> None:
        _away()

    def search(self, queries: Sequence[Query], only: Filter, limit: int) -> list[list[Hit]]:
        _away()

    def count(self) -> int:
        _away()

    def ids(self, after: str, limit: int) -> list[tuple[str, str, int, bool]]:
        _away()

    def close(self) -> None:
        return


def _away() -> NoReturn:
    raise Unavailable("index_unavailable")
