"""Rows of sources and runs as the domain's Structs and back, and what such a row may hold."""

import hashlib
from datetime import timedelta

import msgspec
from sqlalchemy import RowMapping

from db.tables.pages import SHELF_CHARS
from db.work import check_names, check_texts, known
from domain.errors import BadInput
from domain.knowledge.model import Run, Source, Trouble, shelf_of

URL_CHARS, TITLE_CHARS, PATTERNS, PATTERN_CHARS = 2_048, 300, 100, 500
MOST = 1_000_000  # of depth and pages
LONGEST = timedelta(days=3_660)
COUNTS = ("found", "fetched", "changed", "unchanged", "duplicates", "gone", "failed", "bytes")
_MICROSECOND = timedelta(microseconds=1)


def url_key(url: str) -> str:
    """What an address is unique by. Any text has one: who asks for a strange address finds nothing."""
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()


def check_url(url: str) -> str:
    if not (0 < len(url) <= URL_CHARS and url.isascii() and url.isprintable()):
        raise BadInput("url_bad")
    return url


def name_or_none(text: str) -> str:
    """Return a code or checksum as it is, "" for what is none."""
    return text if known(text) else ""


def source_row(source: Source) -> dict[str, object]:
    """Raises BadInput for what one of the databases could not hold: they are to agree."""
    check_names(source.id)
    for name in (source.shelf.owner, source.shelf.persona, source.created_by):
        if name and (not known(name) or "/" in name):
            raise BadInput("form_bad", field="shelf")
    if len(source.shelf.key) > SHELF_CHARS:
        raise BadInput("form_bad", field="shelf")
    return {
        "id": source.id, "owner": source.shelf.owner, "shelf": source.shelf.key, "kind": source.kind,
        "url_key": url_key(source.url), "url": check_url(source.url), "created_by": source.created_by,
        "created_at": source.created_at, "next_at": source.next_at, "fails": source.fails, **settings(source),
    }  # fmt: skip


def settings(source: Source) -> dict[str, object]:
    """What people may change."""
    patterns = (*source.include, *source.exclude)
    check_texts(source.title, *patterns)
    if len(source.title) > TITLE_CHARS:
        raise BadInput("form_bad", field="title")
    if len(patterns) > PATTERNS or any(len(pattern) > PATTERN_CHARS for pattern in patterns):
        raise BadInput("form_bad", field="include")
    for name, value in (("depth", source.depth), ("max_pages", source.max_pages)):
        if not 0 <= value <= MOST:
            raise BadInput("form_bad", field=name)
    if not timedelta() < source.every <= LONGEST:
        raise BadInput("form_bad", field="every")
    return {
        "title": source.title, "depth": source.depth, "max_pages": source.max_pages, "enabled": source.enabled,
        "include": msgspec.json.encode(source.include).decode(),
        "exclude": msgspec.json.encode(source.exclude).decode(),
        "every_us": source.every // _MICROSECOND,
    }  # fmt: skip


def to_source(row: RowMapping) -> Source:
    return Source(
        id=row["id"], shelf=shelf_of(row["shelf"]), kind=row["kind"], url=row["url"], title=row["title"],
        include=msgspec.json.decode(row["include"], type=tuple[str, ...]),
        exclude=msgspec.json.decode(row["exclude"], type=tuple[str, ...]),
        depth=row["depth"], max_pages=row["max_pages"], every=timedelta(microseconds=row["every_us"]),
        created_by=row["created_by"], created_at=row["created_at"], next_at=row["next_at"],
        enabled=bool(row["enabled"]), fails=row["fails"], removed_at=row["removed_at"],
    )  # fmt: skip


def run_counts(run: Run) -> dict[str, int]:
    counts = {name: getattr(run, name) for name in COUNTS}
    if not all(0 <= count < 2**62 for count in counts.values()):
        raise BadInput("form_bad", field="run")
    return counts


def to_run(row: RowMapping) -> Run:
    return Run(**{name: row[name] for name in Run.__struct_fields__})


def trouble_row(run_id: str, trouble: Trouble) -> dict[str, object]:
    return {
        "run_id": run_id, "url_key": url_key(trouble.url), "url": check_url(trouble.url),
        "code": name_or_none(trouble.code), "at": trouble.at,
    }  # fmt: skip
