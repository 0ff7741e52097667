"""SQL and the index say the same, or are made to; vectors come in the background and once for each text."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from domain.errors import BadInput, Unavailable
from domain.knowledge.model import Page
from domain.knowledge.ports import Point
from domain.knowledge.reconcile import Reconciler
from tests.domain.knowledge.test_crawl import TEXTS
from tests.domain.knowledge_house import MODEL, SITE, KnowledgeHouse, house

pytestmark = pytest.mark.anyio


@pytest.fixture
async def home(tmp_path: Path) -> KnowledgeHouse:
    return await filled(house(tmp_path))


@pytest.fixture(autouse=True)
def closed(home: KnowledgeHouse) -> Iterator[None]:
    yield
    home.close()


async def filled(home: KnowledgeHouse) -> KnowledgeHouse:
    """Three pages, of which the last has three chunks."""
    source = home.source()
    home.web.say(f"{SITE}0", TEXTS[0])
    home.web.say(f"{SITE}1", TEXTS[1])
    home.web.say(f"{SITE}2", "\n\n".join(f"{text} {text} {text}" for text in TEXTS[2:5]))
    for number in range(3):
        await home.ingest.visit(source, f"{SITE}{number}")
    return home


def whole(home: KnowledgeHouse, chunks: int = 5) -> None:
    found = home.reconciler.verify()
    assert found.equal
    assert (found.chunks, found.points) == (chunks, chunks)


async def test_after_a_crawl_both_sides_are_equal(home: KnowledgeHouse) -> None:
    whole(home)
    found = home.reconciler.verify()
    assert (found.waiting, found.old) == (0, 0)


async def test_vectors_are_made_once_for_each_text_and_a_page_that_changes_keeps_those_of_what_stayed(
    home: KnowledgeHouse,
) -> None:
    await home.embed_all()
    assert len(home.numbers.asked) == 5
    assert all(point.dense for point in home.memory.points.values())
    assert home.page(f"{SITE}2").embedded == 1
    home.web.say(f"{SITE}2", "\n\n".join(f"{text} {text} {text}" for text in TEXTS[2:6]))
    await home.ingest.visit(home.sources.get("source-1"), f"{SITE}2")
    await home.embed_all()
    assert len(home.numbers.asked) == 6
    whole(home, 6)
    assert home.pages.unembedded(10) == []


async def test_a_page_with_all_its_vectors_cached_has_them_from_the_first_moment(home: KnowledgeHouse) -> None:
    await home.embed_all()
    other = home.source(url="https://other.example/", id="source-2", shelf=home.sources.get("source-1").shelf)
    home.web.say("https://other.example/", TEXTS[0])
    home.sources.remove("source-1", home.clock.now())  # else it would be a duplicate
    await home.ingest.visit(other, "https://other.example/")
    page = home.page("https://other.example/", "source-2")
    assert (page.live, page.embedded) == (1, 1)
    assert len(home.numbers.asked) == 5


async def test_an_encoder_that_is_away_costs_nothing_and_its_work_is_done_later(home: KnowledgeHouse) -> None:
    home.numbers.wrong = Unavailable("embed_failed")
    with pytest.raises(Unavailable):
        await home.encoder.some()
    assert home.find("ferry harbour")
    home.numbers.wrong = None
    await home.embed_all()
    assert all(point.dense for point in home.memory.points.values())


async def test_a_text_that_the_encoder_refuses_does_not_hold_up_the_others(home: KnowledgeHouse) -> None:
    embed = home.numbers.embed

    async def picky(texts: list[str], kind: str) -> object:
        if any("ferry" in text for text in texts):
            raise BadInput("text_unreadable")
        return await embed(texts, kind)

    home.numbers.embed = picky  # type: ignore[method-assign, assignment]
    for _ in range(4):
        await home.encoder.some(1)
    assert [page.url for page in home.pages.unembedded(10)] == [f"{SITE}0"]


async def test_a_chunk_that_the_index_lost_is_put_in_again(home: KnowledgeHouse) -> None:
    await home.embed_all()
    lost = sorted(home.memory.points)[2]
    del home.memory.points[lost]
    assert home.reconciler.verify().missing == 1
    assert home.reconciler.repair().missing == 1
    whole(home)
    assert home.memory.points[lost].dense is not None


async def test_a_point_without_a_page_is_taken_out(home: KnowledgeHouse) -> None:
    some = next(iter(home.memory.points.values()))
    stray = "00000000-0000-5000-8000-000000000000"
    home.memory.upsert([_like(some, id=stray, page_id="nobody")])
    assert home.reconciler.repair().stray == 1
    whole(home)
    assert stray not in home.memory.points


@pytest.mark.parametrize("rev", [0, 9])
async def test_points_of_another_version_go_and_those_of_the_live_one_stay(home: KnowledgeHouse, rev: int) -> None:
    some = next(iter(home.memory.points.values()))
    home.memory.upsert([_like(some, id="ffffffff-0000-5000-8000-000000000000", rev=rev)])
    home.reconciler.repair()
    whole(home)


async def test_an_index_that_was_lost_is_filled_anew_with_the_vectors_of_the_cache(home: KnowledgeHouse) -> None:
    await home.embed_all()
    home.memory.points.clear()
    home.reconciler.repair()
    whole(home)
    assert all(point.dense for point in home.memory.points.values())
    assert len(home.numbers.asked) == 5


async def test_another_encoder_means_other_vectors_for_everything(home: KnowledgeHouse) -> None:
    await home.embed_all()
    home.publisher.model = "another"
    home.reconciler.repair()
    assert home.find("ferry harbour"), "it is found by its words at once"
    assert not any(point.dense for point in home.memory.points.values())
    await home.embed_all()
    whole(home)
    assert len(home.numbers.asked) == 10
    assert home.memory.ensure("another", home.numbers.size) is False
    home.publisher.model = MODEL


async def test_a_vector_that_the_index_lost_is_there_again(home: KnowledgeHouse) -> None:
    await home.embed_all()
    name, point = next(iter(home.memory.points.items()))
    home.memory.points[name] = _like(point, dense=None)
    assert home.reconciler.verify().bare == 1
    home.reconciler.repair()
    assert home.memory.points[name].dense is not None
    whole(home)


async def test_what_waits_and_what_was_replaced_is_finished_first(home: KnowledgeHouse) -> None:
    source = home.sources.get("source-1")
    home.memory.down = True
    home.web.say(f"{SITE}0", TEXTS[5])
    await home.ingest.visit(source, f"{SITE}0")
    home.publisher.drop([home.page(f"{SITE}1").id])
    home.memory.down = False
    found = home.reconciler.verify()
    assert (found.waiting, found.old) == (1, 1)
    home.reconciler.repair()
    assert home.find("goats bicycle")
    assert home.find("rye bread") == home.find("ferry") == []
    whole(home, 4)


async def test_a_page_that_is_published_while_the_reconciler_reads_loses_nothing(home: KnowledgeHouse) -> None:
    """Its new points are strays at that moment, for the version that they belong to is not live yet."""
    source = home.sources.get("source-1")

    class Late:
        """Publishes page 0 again when the reconciler has read both sides."""

        def __init__(self) -> None:
            self.page: Page | None = None

        def __getattr__(self, name: str) -> object:
            return getattr(home.memory, name)

        def delete_pages(self, ids: list[str], below: int | None = None) -> None:
            home.memory.delete_pages(ids, below)
            if self.page is not None and self.page.id in ids and below is None:
                page, self.page = self.page, None
                home.pages.go_live(page.id, page.rev)  # the other process flips right after its points were taken out

    late = Late()
    home.web.say(f"{SITE}0", TEXTS[5])
    home.memory.down = True
    await home.ingest.visit(source, f"{SITE}0")
    home.memory.down = False
    page = home.page(f"{SITE}0")
    version = home.pages.version(page.id, 2)
    assert version is not None
    home.publisher.put(page, version, home.pages.chunks(page.id, 2), {})
    late.page = page
    reconciler = Reconciler(home.pages, late, home.publisher, home.numbers.size)  # type: ignore[arg-type]
    home.pages.waiting = lambda limit: []  # it is in the other process's hands
    reconciler.repair()
    del home.pages.waiting
    assert home.find("goats bicycle")
    home.reconciler.repair()
    whole(home)


def _like(point: Point, **change: object) -> Point:
    return msgspec.structs.replace(point, **change)
