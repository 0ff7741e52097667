"""Rows of pages, versions and chunks as the domain's Structs and back, and what such a row may hold."""

from collections.abc import Sequence
from typing import Any

from db.source_rows import check_url, name_or_none, url_key
from db.tables.pages import CHUNK_ID_CHARS, HEAD_CHARS, LANGUAGE_CHARS, SITE_CHARS, chunks, page_versions, pages
from db.work import check_names, check_texts, known, storable
from domain.errors import BadInput, TooLong
from domain.knowledge.model import Chunk, Page, Version, shelf_of

TITLE_CHARS, TEXT_CHARS, HEADER_CHARS = 1_000, 5_000_000, 1_000
CHUNKS, CHUNK_CHARS, HEADING_CHARS = 20_000, 20_000, 2_000
BANDS = 4
PAGE = [
    pages.c[name]
    for name in (
        "id", "source_id", "shelf", "url", "rev", "live", "embedded", "checked_at", "status", "etag", "last_modified",
        "body_checksum", "duplicate_of", "misses", "error",
    )
]  # fmt: skip
VERSION = [
    page_versions.c[name].label(f"v_{name}")
    for name in ("rev", "title", "site", "language", "published", "checksum", "simhash", "fetched_at")
]
CHUNK = [
    chunks.c[name].label(f"c_{name}")
    for name in ("id", "page_id", "rev", "place", "heading", "text", "start_char", "end_char", "checksum")
]


def signed(simhash: int) -> int:
    """64 bits as the databases hold them; the other way round it is `& (2**64 - 1)`."""
    if not 0 <= simhash < 2**64:
        raise BadInput("form_bad", field="simhash")
    return simhash - 2**64 if simhash >= 2**63 else simhash


def bands(simhash: int) -> list[int]:
    return [number * 2**16 + (simhash >> 16 * number) % 2**16 for number in range(BANDS)]


def visit(page: Page) -> dict[str, object]:
    """What a visit found out. A header that cannot be kept whole is not kept: cut, it would be another one."""
    return {
        "checked_at": page.checked_at, "status": page.status, "misses": page.misses,
        "etag": _header(page.etag), "last_modified": _header(page.last_modified),
        "body_checksum": name_or_none(page.body_checksum), "error": name_or_none(page.error),
    }  # fmt: skip


def new_page(page: Page, shelf: str) -> dict[str, object]:
    check_names(page.id)
    return {
        "id": page.id, "source_id": page.source_id, "shelf": shelf, "url": check_url(page.url),
        "url_head": page.url[:HEAD_CHARS], "url_key": url_key(page.url), "slot": "", "rev": 1, "live": 0, "embedded": 0,
        "swept": 1, "chunks": 0, "duplicate_of": "", "waits": True, "unembedded": False, "stale": False, **visit(page),
    }  # fmt: skip


def version_row(page_id: str, version: Version, count: int) -> dict[str, object]:
    check_texts(version.title, version.site, version.language, version.text)
    check_names(version.checksum)
    if len(version.text) > TEXT_CHARS or count > CHUNKS:
        raise TooLong("page_large")
    if len(version.title) > TITLE_CHARS or len(version.site) > SITE_CHARS or len(version.language) > LANGUAGE_CHARS:
        raise BadInput("form_bad", field="version")
    return {
        "page_id": page_id, "rev": version.rev, "title": version.title, "site": version.site, "chunks": count,
        "language": version.language, "published": version.published, "text": version.text,
        "checksum": version.checksum, "simhash": signed(version.simhash), "fetched_at": version.fetched_at,
    }  # fmt: skip


def chunk_rows(page_id: str, rev: int, parts: Sequence[Chunk]) -> list[dict[str, object]]:
    for chunk in parts:
        check_names(chunk.id, chunk.checksum)
        check_texts(chunk.heading, chunk.text)
        if len(chunk.id) > CHUNK_ID_CHARS or (chunk.page_id, chunk.rev) != (page_id, rev):
            raise BadInput("form_bad", field="chunk")
        if len(chunk.text) > CHUNK_CHARS or len(chunk.heading) > HEADING_CHARS:
            raise TooLong("page_large")
    return [
        {
            "id": chunk.id, "page_id": page_id, "rev": rev, "place": chunk.index, "start_char": chunk.start,
            "end_char": chunk.end, "checksum": chunk.checksum, "heading": chunk.heading, "text": chunk.text,
        }
        for chunk in parts
    ]  # fmt: skip


def to_page(row: Sequence[Any], version: Version | None = None) -> Page:
    """`row` holds PAGE. Rows are unpacked: looking up the names of 33 columns took half of the time of look_up."""
    (
        id_, source_id, shelf, url, rev, live, embedded, checked_at, status, etag, last_modified, body_checksum,
        duplicate_of, misses, error,
    ) = row  # fmt: skip
    return Page(
        id=id_, source_id=source_id, shelf=shelf_of(shelf), url=url, rev=rev, live=live, embedded=embedded,
        checked_at=checked_at, status=status, etag=etag, last_modified=last_modified, body_checksum=body_checksum,
        duplicate_of=duplicate_of, misses=misses, error=error, version=version,
    )  # fmt: skip


def to_version(row: Sequence[Any]) -> Version | None:
    """`row` holds VERSION and, where it was asked for, the text; None where there is no version."""
    rev, title, site, language, published, checksum, simhash, fetched_at, *text = row
    if rev is None:
        return None
    return Version(
        rev=rev, title=title, site=site, language=language, published=published, text=text[0] if text else "",
        checksum=checksum, simhash=simhash & (2**64 - 1), fetched_at=fetched_at,
    )  # fmt: skip


def to_chunk(row: Sequence[Any]) -> Chunk:
    """`row` holds CHUNK."""
    id_, page_id, rev, place, heading, text, start, end, checksum = row
    return Chunk(
        id=id_, page_id=page_id, rev=rev, index=place, heading=heading, text=text, start=start, end=end,
        checksum=checksum,
    )  # fmt: skip


def chunk_ids(ids: Sequence[str]) -> list[str]:
    return [each for each in dict.fromkeys(ids) if len(each) <= CHUNK_ID_CHARS and known(each)]


def _header(value: str) -> str:
    return value if len(value) <= HEADER_CHARS and storable(value) else ""
