"""Sources, pages and chunks to fill the stores with."""

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.knowledge.model import Chunk, Filter, Page, Shelf, Source, Version
from domain.knowledge.ports import Pages

NOON = datetime(2026, 3, 1, 12, 0, 0, 123000, tzinfo=UTC)
SHELF = Shelf("", "socrates")
ANNA = Shelf("anna", "")
SILENT = timedelta(minutes=2)
SPACE = uuid.UUID("6f5c0d7e-31f8-4c5a-9a0f-0a4c9a3a1f10")


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def source(url: str = "https://plato.example/", shelf: Shelf = SHELF, **more: Any) -> Source:
    usual: dict[str, Any] = {"id": secrets.token_hex(8), "kind": "site", "created_at": NOON, "next_at": NOON}
    return Source(url=url, shelf=shelf, **(usual | more))


def page(source: Source, path: str = "one", **more: Any) -> Page:
    url = source.url + path
    return Page(id=secrets.token_hex(8), source_id=source.id, shelf=source.shelf, url=url, checked_at=NOON, **more)


def version(rev: int = 1, text: str = "All men are mortal.", **more: Any) -> Version:
    checksum = hashlib.sha256(text.encode()).hexdigest()
    usual: dict[str, Any] = {
        "title": "On men", "site": "plato.example", "language": "en", "published": None,
        "simhash": int(checksum[:16], 16), "fetched_at": NOON,
    }  # fmt: skip
    return Version(rev=rev, text=text, checksum=checksum, **(usual | more))


def chunks(page: Page, rev: int = 1, texts: Sequence[str] = ("All men", "are mortal.")) -> list[Chunk]:
    return [
        Chunk(
            id=str(uuid.uuid5(SPACE, f"{page.id}:{rev}:{index}")), page_id=page.id, rev=rev, index=index, heading="Men",
            text=text, start=index, end=index + len(text), checksum=hashlib.sha256(text.encode()).hexdigest(),
        )
        for index, text in enumerate(texts)
    ]  # fmt: skip


def publish(
    pages: Pages, source: Source, path: str = "one", texts: Sequence[str] = ("All men", "are mortal."), **more: Any
) -> tuple[Page, list[Chunk]]:
    """Make a page that searches see, and return it as it is then."""
    made = page(source, path)
    parts = chunks(made, 1, texts)
    pages.write(made, version(1, " ".join(texts), **more), parts)
    assert pages.go_live(made.id, 1)
    return pages.get(made.id), parts


def rewrite(pages: Pages, page: Page, texts: Sequence[str], **more: Any) -> tuple[Page, list[Chunk]]:
    """Write the next version, without making it live."""
    parts = chunks(page, page.rev + 1, texts)
    return pages.write(page, version(page.rev + 1, " ".join(texts), **more), parts), parts


def seen(pages: Pages, parts: Sequence[Chunk], *shelves: Shelf, **more: Any) -> list[str]:
    """Return the texts of those of these chunks that a search on these shelves may return."""
    found = pages.look_up([part.id for part in parts], Filter(shelves=shelves or (SHELF,), **more))
    return [part.text for part in parts if part.id in found]
