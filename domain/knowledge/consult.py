"""The library of a turn: the search, asked for the shelves of this owner and this character and for nothing else."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from domain.chat import Line
from domain.errors import ParleyError, Unavailable
from domain.knowledge.library import Found
from domain.knowledge.model import Citation, Filter, Passage, Shelf, shelves_for
from domain.knowledge.rewrite import Rewriter
from domain.knowledge.threshold import worth_quoting
from domain.ports import Clock

log = logging.getLogger(__name__)
FOUND = 6  # passages asked for; quoting takes as many as fit
PER_PAGE = 3  # with two, one answer in seventy is missed that the third holds (docs/search.md)
KNOWN_S = 5.0  # whether a shelf holds anything is asked again after so long
MOST_SHELVES = 4_096
AT_ONCE = 32  # searches on their way: a slow index must not take all threads from everybody else
LATE_S = 0.1  # who gave up after so long did so because of us
LATES, REST_S = 3, 10.0  # so many failures in a row, and for so long nobody is kept waiting


class Finder(Protocol):
    """domain.knowledge.search.Search."""

    async def find(
        self, question: str, *, only: Filter, limit: int, per_page: int, also: tuple[str, ...] = ()
    ) -> Sequence[Passage]: ...


class Totals(Protocol):
    """What is asked of domain.knowledge.ports.Pages."""

    def totals(self, shelf: Shelf) -> tuple[int, int, int]: ...


Rewrite = Callable[[str, Sequence[Line]], Awaitable[str]]
Worth = Callable[[Sequence[Passage]], Sequence[Passage]]


class Consult:
    """Implements domain.knowledge.library.Library.

    `rewrite` makes of a question that leans on what was said before one that stands alone, or returns "", within
    milliseconds; `rewrite_patiently` is asked instead where there is time, and may ask an LLM. `worth` keeps the
    passages that say something about the question.
    """

    def __init__(
        self,
        search: Finder,
        pages: Totals,
        clock: Clock,
        worth: Worth = worth_quoting,
        rewrite: Rewrite | None = None,
        rewrite_patiently: Rewrite | None = None,
    ) -> None:
        self._search, self._pages, self._clock = search, pages, clock
        self._worth = worth
        self._rewrite = rewrite or Rewriter()
        self._rewrite_patiently = rewrite_patiently or self._rewrite
        self._known: OrderedDict[Shelf, tuple[float, bool]] = OrderedDict()  # until when, holds anything
        self._asking = 0
        self._failed = 0
        self._rest_until = 0.0

    async def consult(
        self, owner: str, persona_id: str, question: str, history: Sequence[Line], patient: bool = False
    ) -> Found:
        shelves = await self._filled(shelves_for(owner, persona_id))
        if not shelves:
            return Found()
        began = self._clock.monotonic()
        if began < self._rest_until or self._asking >= AT_ONCE:
            raise Unavailable("index_unavailable")
        self._asking += 1
        try:
            found = await self._find(shelves, question, history, self._rewrite_patiently if patient else self._rewrite)
        except asyncio.CancelledError:
            if self._clock.monotonic() - began >= LATE_S:
                self._failing()
            raise
        except Exception as error:
            self._failing()
            if isinstance(error, ParleyError):
                raise
            log.exception("the search failed")
            raise Unavailable("index_unavailable") from error
        finally:
            self._asking -= 1
        self._failed = 0
        return found

    async def _find(
        self, shelves: tuple[Shelf, ...], question: str, history: Sequence[Line], rewrite: Rewrite
    ) -> Found:
        rewritten = await rewrite(question, history)
        passages = await self._search.find(
            question,
            only=Filter(shelves=shelves),
            limit=FOUND,
            per_page=PER_PAGE,
            also=(rewritten,) if rewritten and rewritten != question else (),
        )
        return Found(True, tuple(_citation(number, one) for number, one in enumerate(self._worth(passages), 1)))

    async def _filled(self, shelves: tuple[Shelf, ...]) -> tuple[Shelf, ...]:
        """Return those that hold anything, as of a few seconds ago."""
        now = self._clock.monotonic()
        known = {shelf: self._known[shelf][1] for shelf in shelves if now < self._known.get(shelf, (0.0, False))[0]}
        unknown = [shelf for shelf in shelves if shelf not in known]
        if unknown:
            counted = await asyncio.to_thread(lambda: [self._pages.totals(shelf)[0] > 0 for shelf in unknown])
            for shelf, holds in zip(unknown, counted, strict=True):
                known[shelf] = holds
                self._known[shelf] = (now + KNOWN_S, holds)
                self._known.move_to_end(shelf)
            while len(self._known) > MOST_SHELVES:
                self._known.popitem(last=False)
        return tuple(shelf for shelf in shelves if known[shelf])

    def _failing(self) -> None:
        """After a rest one more failure is enough: whoever tries first finds out for all."""
        self._failed += 1
        if self._failed >= LATES:
            self._failed, self._rest_until = LATES - 1, self._clock.monotonic() + REST_S
            log.warning("the library rests for %d s: its search fails or is late", REST_S)


def _citation(number: int, passage: Passage) -> Citation:
    return Citation(number, passage.title, passage.site, passage.url, passage.text, passage.page_id, passage.heading)
