"""The tables behind PAGES_URL: sources and their runs, what is still to be visited, pages, versions, chunks, vectors.

They share nothing with the tables behind CORE_URL, ids of users and characters cross as plain values. Addresses are
long, so they are unique by their SHA-256 (`url_key`). Every index serves a query of db/sources.py, db/frontier.py or
db/pages.py; tests/db/test_pages_plans.py shows that each query but the daily purge's has its index.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from db.tables.types import NAMES, TABLE_OPTIONS, Moment, Name, Plain, Words

SHELF_CHARS = 129  # Shelf.key: two names and a /
HEAD_CHARS = 400  # of an address: what pages are sorted by
SITE_CHARS, LANGUAGE_CHARS, MODEL_CHARS, CHUNK_ID_CHARS = 253, 16, 128, 36

metadata = MetaData(naming_convention=NAMES)

sources = Table(
    "sources",
    metadata,
    Column("id", Name, primary_key=True),
    Column("owner", Name, nullable=False),
    Column("shelf", String(SHELF_CHARS), nullable=False),
    Column("kind", Name, nullable=False),
    Column("url_key", Name, nullable=False),
    # "" while it is there, its own id once it is removed: the address is free again then.
    Column("slot", Name, nullable=False),
    Column("url", Words, nullable=False),
    Column("title", Words, nullable=False),
    Column("include", Words, nullable=False),  # JSON, a list of patterns
    Column("exclude", Words, nullable=False),
    Column("depth", Integer, nullable=False),
    Column("max_pages", Integer, nullable=False),
    Column("every_us", BigInteger, nullable=False),  # microseconds
    Column("created_by", Name, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("next_at", Moment, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("fails", Integer, nullable=False),
    Column("removed_at", Moment),
    Column("run_id", Name, nullable=False),  # the run that is under way, "" for none
    UniqueConstraint("shelf", "url_key", "slot"),
    Index(None, "owner"),
    Index(None, "enabled", "slot", "next_at"),
    **TABLE_OPTIONS,
)

crawl_runs = Table(
    "crawl_runs",
    metadata,
    # No index holds what `progress` changes: on PostgreSQL such an update rewrites no index.
    Column("id", Name, primary_key=True),
    Column("source_id", Name, ForeignKey(sources.c.id, ondelete="CASCADE"), nullable=False),
    Column("state", Name, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("moved_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("found", BigInteger, nullable=False),
    Column("fetched", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("unchanged", BigInteger, nullable=False),
    Column("duplicates", BigInteger, nullable=False),
    Column("gone", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("stop", Boolean, nullable=False),
    Column("error", Name, nullable=False),
    Index(None, "source_id", "started_at"),
    **TABLE_OPTIONS,
)

run_troubles = Table(
    "run_troubles",
    metadata,
    # One row per address: the last trouble counts.
    Column("run_id", Name, ForeignKey(crawl_runs.c.id, ondelete="CASCADE"), primary_key=True),
    Column("url_key", Name, primary_key=True),
    Column("url", Words, nullable=False),
    Column("code", Name, nullable=False),
    Column("at", Moment, nullable=False),
    Index(None, "run_id", "at"),
    **TABLE_OPTIONS,
)

frontier = Table(
    "frontier",
    metadata,
    # Addresses of a run. Those visited stay until the run is over, so that none is visited twice.
    Column("source_id", Name, ForeignKey(sources.c.id, ondelete="CASCADE"), primary_key=True),
    Column("url_key", Name, primary_key=True),
    Column("url", Words, nullable=False),
    Column("depth", Integer, nullable=False),
    Column("seq", Integer, nullable=False),  # in the order in which they were found
    Column("tries", Integer, nullable=False),
    Column("ready_at", Moment, nullable=False),  # when it may be taken: not before this, or the end of a lease
    Column("leased", Boolean, nullable=False),
    Column("done", Boolean, nullable=False),
    Index(None, "source_id", "done", "depth", "seq"),
    **TABLE_OPTIONS,
)

hosts = Table(
    "hosts",
    metadata,
    Column("host", Plain(SITE_CHARS), primary_key=True),
    Column("started_at", Moment),  # the last time that somebody began to ask it
    Column("paused_until", Moment),
    Column("places", Words, nullable=False),  # JSON, when each place that is taken ends: microseconds since 1970
    Column("barred", Boolean, nullable=False),
    Column("robots_at", Moment),
    Column("seen_at", Moment, nullable=False),
    Column("robots", Words, nullable=False),
    **TABLE_OPTIONS,
)

pages = Table(
    "pages",
    metadata,
    Column("id", Name, primary_key=True),
    Column("source_id", Name, ForeignKey(sources.c.id, ondelete="CASCADE"), nullable=False),
    Column("shelf", String(SHELF_CHARS), nullable=False),  # the source's
    Column("url_head", Plain(HEAD_CHARS), nullable=False),
    Column("url_key", Name, nullable=False),
    Column("slot", Name, nullable=False),  # "" while it is there, its own id once it is gone
    Column("rev", Integer, nullable=False),
    Column("live", Integer, nullable=False),
    Column("embedded", Integer, nullable=False),
    Column("swept", Integer, nullable=False),  # versions below are erased
    Column("chunks", Integer, nullable=False),  # of the live version
    Column("checked_at", Moment, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body_checksum", Name, nullable=False),
    Column("duplicate_of", Name, nullable=False),
    Column("misses", Integer, nullable=False),
    Column("error", Name, nullable=False),
    # What is to be done with it, as its other columns say: nobody looks through all pages for the few.
    Column("waits", Boolean, nullable=False),  # to go live
    Column("unembedded", Boolean, nullable=False),  # for its vectors
    Column("stale", Boolean, nullable=False),  # to be swept
    Column("url", Words, nullable=False),
    Column("etag", Words, nullable=False),
    Column("last_modified", Words, nullable=False),
    UniqueConstraint("source_id", "url_key", "slot"),
    Index(None, "source_id", "slot", "url_head", "url_key"),
    Index(None, "shelf"),
    Index(None, "duplicate_of"),
    Index(None, "waits", "id"),
    Index(None, "unembedded", "id"),
    Index(None, "stale", "id"),
    **TABLE_OPTIONS,
)

page_versions = Table(
    "page_versions",
    metadata,
    Column("page_id", Name, ForeignKey(pages.c.id, ondelete="CASCADE"), primary_key=True),
    Column("rev", Integer, primary_key=True, autoincrement=False),
    Column("site", String(SITE_CHARS), nullable=False),
    Column("language", String(LANGUAGE_CHARS), nullable=False),
    Column("published", Moment),
    Column("fetched_at", Moment, nullable=False),
    Column("checksum", Name, nullable=False),
    Column("simhash", BigInteger, nullable=False),  # signed: no database here has 64 bits without a sign
    Column("chunks", Integer, nullable=False),
    Column("title", Words, nullable=False),
    Column("text", Words, nullable=False),  # last: SQLite need not walk through it to reach the others
    **TABLE_OPTIONS,
)

page_bands = Table(
    "page_bands",
    metadata,
    # The live version's simhash in four bands of 16 bits (`band`: number * 65536 + bits), to find texts that are
    # alike: of two hashes that differ in three bits at most, one band is the same.
    Column("shelf", String(SHELF_CHARS), primary_key=True),
    Column("band", Integer, primary_key=True, autoincrement=False),
    Column("page_id", Name, ForeignKey(pages.c.id, ondelete="CASCADE"), primary_key=True),
    Column("simhash", BigInteger, nullable=False),
    Index(None, "page_id"),
    **TABLE_OPTIONS,
)

chunks = Table(
    "chunks",
    metadata,
    Column("id", Plain(CHUNK_ID_CHARS), primary_key=True),
    Column("page_id", Name, ForeignKey(pages.c.id, ondelete="CASCADE"), nullable=False),
    Column("rev", Integer, nullable=False),
    Column("place", Integer, nullable=False),  # Chunk.index
    Column("start_char", Integer, nullable=False),
    Column("end_char", Integer, nullable=False),
    Column("checksum", Name, nullable=False),
    Column("heading", Words, nullable=False),
    Column("text", Words, nullable=False),
    UniqueConstraint("page_id", "rev", "place"),
    Index(None, "checksum"),
    **TABLE_OPTIONS,
)

vector_cache = Table(
    "vector_cache",
    metadata,
    Column("checksum", Name, primary_key=True),
    Column("model", Plain(MODEL_CHARS), primary_key=True),
    Column("vector", LargeBinary, nullable=False),  # float32, little-endian
    **TABLE_OPTIONS,
)
