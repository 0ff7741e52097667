"""The statements that read pages (db/pages.py), made once. Those that change them are in db/page_changes.py."""

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, case, func, or_, select, true

from db.by_no_index import by_no_index
from db.page_rows import CHUNK, PAGE
from db.page_rows import VERSION as VERSION_COLUMNS
from db.tables.pages import chunks, page_bands, page_versions, pages, sources

PREVIEW_CHARS = 300
_TEXT = page_versions.c.text.label("v_text")
_THERE = pages.c.slot == ""
# Nearly all pages are no duplicates, and whoever has the ids of chunks is not to walk through a shelf.
_SHOWN = and_(_THERE, by_no_index(pages.c.duplicate_of) == "")
_SHELF = by_no_index(pages.c.shelf)
_MINE = pages.c.id == bindparam("which")
_OF = and_(pages.c.source_id == bindparam("which"), _THERE)
_LIVE = and_(page_versions.c.page_id == pages.c.id, page_versions.c.rev == pages.c.live)
_SOURCE_THERE = and_(sources.c.id == pages.c.source_id, sources.c.slot == "")

FIND = select(*PAGE).where(_OF, pages.c.url_key == bindparam("key"))
GET = select(*PAGE, *VERSION_COLUMNS, _TEXT).outerjoin(page_versions, _LIVE).where(_MINE, _THERE)
ALL_OF = (
    select(*PAGE, *VERSION_COLUMNS, func.substr(page_versions.c.text, 1, PREVIEW_CHARS).label("v_text"))
    .outerjoin(page_versions, _LIVE)
    .where(
        _OF,
        pages.c.url_head >= bindparam("head"),
        or_(pages.c.url_head > bindparam("head"), pages.c.url_key > bindparam("key")),
    )
    .order_by(pages.c.url_head, pages.c.url_key)
    .limit(bindparam("most"))
)
COUNT = select(func.count()).select_from(pages).where(_OF)
WAITING = select(*PAGE).where(pages.c.waits == true()).order_by(pages.c.id).limit(bindparam("most"))
UNEMBEDDED = select(*PAGE).where(pages.c.unembedded == true()).order_by(pages.c.id).limit(bindparam("most"))
STALE = (
    select(pages.c.id, case((_THERE, pages.c.live), else_=0))
    .where(pages.c.stale == true())
    .order_by(pages.c.id)
    .limit(bindparam("most"))
)
VERSION = select(*VERSION_COLUMNS, _TEXT).where(
    page_versions.c.page_id == bindparam("which"), page_versions.c.rev == bindparam("number")
)
CHUNKS = (
    select(*CHUNK)
    .where(chunks.c.page_id == bindparam("which"), chunks.c.rev == bindparam("number"))
    .order_by(chunks.c.place)
)
LIVE_CHUNKS = (
    select(chunks.c.id, chunks.c.page_id, chunks.c.rev)
    .join(pages, and_(pages.c.id == chunks.c.page_id, pages.c.live == chunks.c.rev))
    .where(chunks.c.id > bindparam("after"), _SHOWN)
    .order_by(chunks.c.id)
    .limit(bindparam("most"))
)
ALIKE = (
    select(page_bands.c.page_id, page_bands.c.simhash)
    .distinct()
    .join(pages, pages.c.id == page_bands.c.page_id)
    .join(sources, _SOURCE_THERE)
    .where(
        page_bands.c.shelf == bindparam("on_shelf"),
        page_bands.c.band.in_(bindparam("any_band", expanding=True)),
        page_bands.c.page_id != bindparam("but"),
        _SHOWN,
        pages.c.live > 0,
    )
)
TOTALS = (
    select(
        func.count(),
        func.coalesce(func.sum(pages.c.chunks), 0),
        func.coalesce(func.sum(case((pages.c.unembedded == true(), pages.c.chunks), else_=0)), 0),
    )
    .select_from(pages)
    .join(sources, _SOURCE_THERE)
    .where(pages.c.shelf == bindparam("on_shelf"), pages.c.live > 0, _SHOWN)
)


@cache
def look_up(site: bool, language: bool, since: bool, until: bool) -> Select[Any]:
    """Return the statement for a filter that names these. What is live, there and allowed is decided here alone."""
    at = func.coalesce(page_versions.c.published, page_versions.c.fetched_at)
    wanted: list[ColumnElement[bool]] = []
    if site:
        wanted.append(page_versions.c.site == bindparam("on_site"))
    if language:
        wanted.append(page_versions.c.language == bindparam("in_language"))
    if since:
        wanted.append(at >= bindparam("since"))
    if until:
        wanted.append(at <= bindparam("until"))
    return (
        select(*CHUNK, *PAGE, *VERSION_COLUMNS)
        .select_from(chunks)
        .join(pages, and_(pages.c.id == chunks.c.page_id, pages.c.live == chunks.c.rev))
        .join(page_versions, _LIVE)
        .join(sources, _SOURCE_THERE)
        .where(
            chunks.c.id.in_(bindparam("ids", expanding=True)),
            _SHELF.in_(bindparam("shelves", expanding=True)),
            _SHOWN,
            *wanted,
        )
    )
