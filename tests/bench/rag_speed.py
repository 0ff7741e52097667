"""How fast a search is: embedded index and SQL, from the question's vector to the passages. Figures, no assertions."""

import asyncio
import os
import random
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil

from domain.knowledge.chunks import chunk_id
from domain.knowledge.model import Chunk
from domain.ports import Vector
from tests.bench.rag_stack import ONLY, Stack, Written, stack

SIZE = 384
CHUNKS_OF_PAGE = 10
QUERIES = 200
VOCABULARY = 30_000
DICE = random.Random(7)
WEIGHTS = [1 / (rank + 10) for rank in range(VOCABULARY)]  # as words are in text: few common, many rare
TOTALS = list(np.cumsum(WEIGHTS))


class Random:
    """Vectors at random: how long encoding takes is another figure."""

    size = SIZE

    def __init__(self) -> None:
        self._noise = np.random.default_rng(7)

    async def embed(self, texts: Sequence[str], kind: str) -> list[Vector]:
        return self.encode(texts)

    def encode(self, texts: Sequence[str]) -> list[Vector]:
        rows: list[Vector] = self._noise.normal(size=(len(texts), SIZE)).tolist()
        return rows


def speed(sizes: Sequence[int], postgresql: str) -> None:
    print("chunks   store       filled s  p50 ms  p95 ms  of it index  SQL p50  memory MB  index MB  SQL MB")
    for size in sizes:
        for url in ["", postgresql] if postgresql else [""]:
            measure(size, url)


def measure(size: int, url: str) -> None:
    embedder, process = Random(), psutil.Process()
    before = process.memory_info().rss
    with stack(embedder, "random", url) as made:
        began = time.perf_counter()
        fill(made, size, embedder)
        made.settle()
        filled = time.perf_counter() - began
        index_ms, sql_ms = timed(made)
        whole = asyncio.run(searches(made))
        memory = (process.memory_info().rss - before) / 1e6
        disk, sql_disk = on_disk(made.folder / "index"), on_disk(made.folder) - on_disk(made.folder / "index")
        row = f"{np.percentile(whole, 50):6.1f}  {np.percentile(whole, 95):6.1f}  {index_ms:11.1f}  {sql_ms:7.1f}"
        sql = "postgresql" if url else "sqlite"
        size_sql = "" if url else f"{sql_disk / 1e6:6.0f}"
        print(f"{size:7d}  {sql:10s}  {filled:8.1f}  {row}  {memory:9.0f}  {disk / 1e6:8.0f}  {size_sql}", flush=True)


def fill(made: Stack, size: int, embedder: Random) -> None:
    for start in range(0, size, 1_000):
        pages = []
        for page in range(start, min(size, start + 1_000), CHUNKS_OF_PAGE):
            texts = [sentence(60) for _ in range(CHUNKS_OF_PAGE)]
            chunks = [
                Chunk(
                    id=chunk_id(f"p{page}", 1, n), page_id=f"p{page}", rev=1, index=n, heading="", text=text, start=0,
                    end=len(text), checksum=f"{page + n:064x}",
                )
                for n, text in enumerate(texts)
            ]  # fmt: skip
            pages.append(Written(f"p{page}", "\n\n".join(texts), "en", sentence(4), chunks))
        made.add(pages, embedder.encode)


def sentence(words: int) -> str:
    return " ".join(f"w{word}" for word in DICE.choices(range(VOCABULARY), cum_weights=TOTALS, k=words))


async def searches(made: Stack) -> list[float]:
    """Return the ms of one search after the other, as a turn asks for them."""
    took = []
    for question in [sentence(8) for _ in range(QUERIES)]:
        began = time.perf_counter()
        await made.search.find(question, only=ONLY, limit=6, per_page=2)
        took.append((time.perf_counter() - began) * 1_000)
    return took


def timed(made: Stack) -> tuple[float, float]:
    """Return the median ms of the index's two batches, and of SQL for ten chunks."""
    from domain.knowledge.candidates import gather, phrase
    from domain.knowledge.fusion import ranked

    index, sql = [], []
    for question in [sentence(8) for _ in range(QUERIES // 4)]:
        vector = Random().encode([question])[0]
        began = time.perf_counter()
        found = gather(made.index, [phrase(question, vector)], ONLY, "hybrid")
        between = time.perf_counter()
        made.pages.look_up(ranked(found.scores)[:10], ONLY)
        index.append(between - began)
        sql.append(time.perf_counter() - between)
    return float(np.median(index)) * 1_000, float(np.median(sql)) * 1_000


def on_disk(folder: Path) -> int:
    return sum(
        os.stat(Path(place) / name).st_blocks * 512 for place, _, names in os.walk(folder) for name in names
    )
