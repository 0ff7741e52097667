"""The parser that reads pages in processes apart (infra/children.py). The process itself is infra/parse_child.py."""

from domain.errors import BadInput, Unavailable
from domain.knowledge.model import Extracted
from domain.knowledge.ports import Fetched
from infra.children import Broke, Children, Kind, NotStarted
from infra.parse_child import CPU_S, MEMORY, Answer, Ask
from infra.shut_in import MOST_FRAME

ERRORS = frozenset(("page_empty", "page_unreadable"))
DEADLINE_S = 20.0  # for one page, by the clock; CPU ends sooner (parse_child.CPU_S)
PAGES = 500  # read by one process before it is replaced
GROWN = 500 << 20  # bytes a process may hold on to after a page; warm it is 0.1 GiB, after 110 pages 0.2


class ChildParser:
    """Implements ports.Parser. At most `children` pages are read at once, others wait. Close it, from its own loop.

    `deadline_s` is a page's by the clock, `cpu_s` its computing, `memory` the bytes of address space of a process.
    """

    def __init__(
        self, children: int = 1, *, deadline_s: float = DEADLINE_S, cpu_s: int = CPU_S, memory: int = MEMORY
    ) -> None:
        kind = Kind(
            module="infra.parse_child", deadline_s=deadline_s, cpu_s=cpu_s, memory=memory, served=PAGES, grown=GROWN
        )
        self.children = Children(kind, Answer, children)

    async def page(self, fetched: Fetched) -> Extracted:
        answer = await self._ask(Ask("page", fetched))
        if answer.page is None:
            raise BadInput("page_unreadable")
        return answer.page

    async def links(self, fetched: Fetched) -> tuple[str, ...]:
        return (await self._ask(Ask("links", fetched))).links

    async def _ask(self, ask: Ask) -> Answer:
        if len(ask.fetched.body) > MOST_FRAME // 2:
            raise BadInput("page_unreadable")
        try:
            answer = await self.children.ask(ask)
        except Broke as broken:
            raise BadInput("page_unreadable") from broken
        except NotStarted as wrong:
            raise Unavailable("page_failed") from wrong
        if answer.error:  # whoever took over a process may say what they like
            raise BadInput(answer.error if answer.error in ERRORS else "page_unreadable")
        return answer

    async def close(self) -> None:
        """End every process. Pages that are being read are page_unreadable."""
        await self.children.close()
