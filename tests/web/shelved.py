"""Sources and pages as a crawl would leave them, written straight into the stores."""

import hashlib
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from domain.knowledge.model import Chunk, Page, Passage, Run, RunState, Shelf, Source, Trouble, Version
from tests.web.house import House

AT = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def source(house: House, shelf: Shelf, url: str, title: str = "Rates", **more: object) -> Source:
    now = house.clock.now()
    name = hashlib.sha256(f"{shelf.key} {url}".encode()).hexdigest()[:16]
    made = Source(id=name, shelf=shelf, kind="site", url=url, title=title, created_at=now, next_at=now)
    return house.sources.add(msgspec.structs.replace(made, **more))


def begun(house: House, source_id: str, **counts: int) -> Run:
    run = house.sources.start(source_id, house.clock.now(), timedelta(minutes=2))
    assert run is not None
    return house.sources.progress(msgspec.structs.replace(run, **counts))


def ended(house: House, run: Run, state: RunState = "done", error: str = "", **counts: int) -> None:
    now = house.clock.now()
    run = msgspec.structs.replace(run, state=state, ended_at=now, error=error, **counts)
    house.sources.finish(run, now + timedelta(days=1), state == "failed")


def trouble(house: House, run: Run, url: str, code: str) -> None:
    house.sources.trouble(run.id, Trouble(url, code, house.clock.now()))


def page(
    house: House, of: Source, url: str, texts: Sequence[str], title: str = "Rooms and rates", live: bool = True,
    embedded: bool = True, language: str = "en", simhash: int = 7,
) -> Page:  # fmt: skip
    """Keep a page whose chunks are `texts`; each begins with the last sentence of the one before."""
    name = hashlib.sha256(f"{of.id} {url}".encode()).hexdigest()[:16]
    whole, chunks, last = "", [], ""
    for number, text in enumerate(texts):
        start = len(whole) - len(last)
        whole += text
        chunks.append(
            Chunk(
                id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{name} {number}")), page_id=name, rev=1, index=number,
                heading="Rates", text=whole[start:], start=start, end=len(whole),
                checksum=hashlib.sha256(text.encode()).hexdigest(),
            )
        )  # fmt: skip
        last = text.rstrip().rpartition(". ")[2] + text[len(text.rstrip()) :]
    version = Version(
        rev=1, title=title, site="site.example", language=language, published=AT, text=whole, simhash=simhash,
        checksum=hashlib.sha256(whole.encode()).hexdigest(), fetched_at=AT,
    )  # fmt: skip
    made = Page(id=name, source_id=of.id, shelf=of.shelf, url=url, checked_at=AT, status=200)
    written = house.pages.write(made, version, chunks)
    if live:
        assert house.pages.go_live(name, written.rev)
        if embedded:
            house.pages.set_embedded(name, written.rev)
    return house.pages.get(name)


def passage(of: Page, text: str = "A room costs ten.", **more: object) -> Passage:
    made = Passage(
        chunk_id=f"chunk-of-{of.id}", page_id=of.id, url=of.url, title="Rooms and rates", site="site.example",
        language="en", published=AT, heading="Rates", text=text, score=0.83, lexical=7.25, dense=0.61, coverage=0.75,
        shelf=of.shelf, worth=True,
    )  # fmt: skip
    return msgspec.structs.replace(made, **more)
