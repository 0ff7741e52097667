"""A crawl that is killed before its nth step, again and again: the helper of test_crawl_killed.py.

The stores are real (SQLite, the embedded index); the web is made up.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import qdrant_edge  # noqa: F401 - before the fork, for speed

from db.vectors_edge import EdgeIndex
from domain.knowledge.simhash import simhash
from domain.knowledge.sparse import passage_weights
from domain.knowledge.walk import Work
from tests.domain.knowledge_house import SITE, Hands, KnowledgeHouse
from tests.stories.dying import Dying, serve

FERRY, BREAD, LAMP, POST, CHOIR = (
    "The ferry leaves the old harbour at seven and returns after dark, except on the day of the regatta, when it waits "
    "for the last boat and for the brass band, however late both are, as it has for sixty years.",
    "Rye bread from the harbour bakery keeps for a week in a linen bag, and a second week when it is sliced, toasted "
    "over the fire and hung from the beam, which is how the crews took it along to the ice.",
    "The lighthouse at the harbour mouth is kept by a woman who writes down the weather six times a day, and the names "
    "of the ships that did not answer her lamp, in a hand that nobody else on the island reads.",
    "A bicycle and two goats are all that the harbour's postman has ever asked of the ministry; he was given a stamp, "
    "a lamp and a form, and the form he has filled in once every winter since.",
    "On Tuesdays the choir rehearses in the harbour school, because the church cannot be heated before November, and "
    "because the school has a piano whose owner moved away without it.",
)
MORE = " Whoever doubts it may come and see, on any day but a Sunday, and bring a coat against the wind."
OLD = [text + MORE for text in (FERRY, BREAD, LAMP)]  # each is a chunk of its own
NEW = [text + MORE for text in (FERRY, POST)]
A, B, C = f"{SITE}a", f"{SITE}b", f"{SITE}c"
WORD = "harbour"  # every chunk has it, so a search by it shows all that can be found


# A death before one of these is a death before the next change: nothing is different on the disk.
READS = frozenset(
    ("find", "get", "of", "count", "version", "alike", "chunks", "vectors", "waiting", "unembedded", "old_chunks",
     "live_chunks", "look_up", "left", "runs", "due", "ids", "search")
)  # fmt: skip


class Order(msgspec.Struct):
    what: str  # "first", "change" or "look"
    folder: str
    die_at: int = 0  # before which change to a store; 0: never


def house(folder: Path, dying: Dying, later: timedelta) -> KnowledgeHouse:
    clock = Hands()
    clock.time += later
    url = f"sqlite:///{folder / 'pages.db'}"
    home = KnowledgeHouse(
        url, index=EdgeIndex(folder / "index"), work=Work(at_once=1), wrap=dying.around, clock=clock
    )  # fmt: skip
    home.web.list(f"{SITE}sitemap.xml", [A, B])
    home.web.say(A, "\n\n".join(OLD), title="A")
    home.web.say(B, CHOIR, title="B")
    return home


def changed(home: KnowledgeHouse) -> None:
    """A says something else, B is gone for the second time, C is new."""
    home.web.say(A, "\n\n".join(NEW), title="A")
    del home.web.pages[B]
    home.web.say(C, f"{CHOIR} That was last year; now it sings in the new hall beside the harbour office.", title="C")
    home.web.list(f"{SITE}sitemap.xml", [A, C])


async def first(home: KnowledgeHouse) -> dict[str, Any]:
    source = home.source(depth=0)
    await home.crawl(source)
    await home.embed_all()
    body = home.web.pages.pop(B)
    await home.crawl(source)  # its first miss
    home.web.pages[B] = body
    return {"state": home.sources.runs(source.id)[0].state}


async def change(home: KnowledgeHouse, dying: Dying, at: int) -> dict[str, Any]:
    changed(home)
    home.reconciler.repair()
    dying.calls, dying.at, dying.names = 0, at, []
    await home.crawl(home.sources.get("source-1"))
    await home.embed_all()
    return {"steps": dying.names}


def seen(home: KnowledgeHouse) -> dict[str, list[str]]:
    """Return the texts that a search finds, by title of the page."""
    from domain.knowledge.model import Filter
    from domain.knowledge.ports import Query
    from domain.knowledge.sparse import query_weights
    from tests.domain.knowledge_house import SHELF

    only = Filter(shelves=(SHELF,))
    [hits] = home.memory.search([Query(sparse=query_weights(WORD))], only, 50)
    found: dict[str, list[str]] = {}
    for chunk, page in home.pages.look_up([hit.id for hit in hits], only).values():
        found.setdefault(page.version.title if page.version else "", []).append(chunk.text)
    return {title: sorted(texts) for title, texts in found.items()}


async def look(home: KnowledgeHouse) -> dict[str, Any]:
    """What a search sees after the death; what it sees once repaired; and whether the next run ends well."""
    changed(home)
    before = seen(home)
    home.reconciler.repair()
    repaired, compared = seen(home), home.reconciler.verify()
    await home.crawl(home.sources.get("source-1"))
    await home.embed_all()
    after = home.reconciler.verify()
    runs = home.sources.runs("source-1", 10)
    return {
        "before": before, "repaired": repaired, "equal": compared.equal and after.equal, "after": seen(home),
        "bare": sum(not dense for *_, dense in home.memory.ids("", 100)), "waiting": after.waiting + after.old,
        "points": after.points, "state": runs[0].state, "running": sum(run.state == "running" for run in runs),
        "pages": list(home.urls()), "revs": [page.rev for page in home.pages.of("source-1")],
    }  # fmt: skip


def do(order: Order) -> dict[str, Any]:
    dying = Dying(0, READS)
    later = {"first": 0, "change": 1, "look": 2}[order.what]
    home = house(Path(order.folder), dying, timedelta(hours=later))
    work: dict[str, Callable[[], Any]] = {
        "first": lambda: first(home),
        "change": lambda: change(home, dying, order.die_at),
        "look": lambda: look(home),
    }
    answer: dict[str, Any] = asyncio.run(work[order.what]())
    home.memory.close()
    home.close()
    return answer


if __name__ == "__main__":
    simhash(FERRY)  # what these import and read is there for every child
    passage_weights(f"{FERRY}港口")
    serve(Order, do)
