"""Stand-ins for what the library asks: a search over a handful of passages, and counts of pages."""

import asyncio
import re
from collections.abc import Sequence

from domain.chat import Line
from domain.errors import Unavailable
from domain.knowledge.model import Filter, Passage, Shelf


def passage(text: str, shelf: Shelf, title: str = "A page", url: str = "https://example.org/a") -> Passage:
    return Passage(
        chunk_id=f"chunk of {url}", page_id=f"page of {url}", url=url, title=title, site="example.org", language="en",
        published=None, heading="", text=text, score=0.9, shelf=shelf,
    )  # fmt: skip


class WordSearch:
    """Finds passages of the asked shelves that share a word of four letters or more with the question."""

    def __init__(self, *passages: Passage, delay_s: float = 0.0, error: Exception | None = None) -> None:
        self.passages, self.delay_s, self.error = passages, delay_s, error
        self.asked: list[tuple[str, Filter, tuple[str, ...]]] = []
        self.begun = asyncio.Event()

    async def find(
        self, question: str, *, only: Filter, limit: int, per_page: int, also: tuple[str, ...] = ()
    ) -> list[Passage]:
        self.asked.append((question, only, also))
        self.begun.set()
        await asyncio.sleep(self.delay_s)
        if self.error is not None:
            raise self.error
        wanted = _words(" ".join((question, *also)))
        return [one for one in self.passages if one.shelf in only.shelves and wanted & _words(one.text)][:limit]


class Counts:
    """How many pages each shelf holds, and how often somebody asked."""

    def __init__(self, *filled: Shelf) -> None:
        self.filled = set(filled)
        self.asked: list[Shelf] = []
        self.down = False

    def totals(self, shelf: Shelf) -> tuple[int, int, int]:
        self.asked.append(shelf)
        if self.down:
            raise Unavailable("store_unavailable")
        return (1, 1, 0) if shelf in self.filled else (0, 0, 0)


async def as_it_is(question: str, history: Sequence[Line]) -> str:
    """A rewriting that finds nothing to rewrite."""
    return ""


def all_of(passages: Sequence[Passage]) -> Sequence[Passage]:
    return passages


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w{4,}", text.casefold()))
