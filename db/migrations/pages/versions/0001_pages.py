"""Sources and their runs, the frontier, hosts, pages with versions and chunks, cached vectors."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from db.tables import types

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


OPTIONS: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    op.create_table(
        "hosts",
        sa.Column("host", types.Plain(253), nullable=False),
        sa.Column("started_at", types.Moment(), nullable=True),
        sa.Column("paused_until", types.Moment(), nullable=True),
        sa.Column("places", types.Words(), nullable=False),
        sa.Column("barred", sa.Boolean(), nullable=False),
        sa.Column("robots_at", types.Moment(), nullable=True),
        sa.Column("seen_at", types.Moment(), nullable=False),
        sa.Column("robots", types.Words(), nullable=False),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_hosts")),
        **OPTIONS,
    )
    op.create_table(
        "sources",
        sa.Column("id", types.Name(), nullable=False),
        sa.Column("owner", types.Name(), nullable=False),
        sa.Column("shelf", sa.String(length=129), nullable=False),
        sa.Column("kind", types.Name(), nullable=False),
        sa.Column("url_key", types.Name(), nullable=False),
        sa.Column("slot", types.Name(), nullable=False),
        sa.Column("url", types.Words(), nullable=False),
        sa.Column("title", types.Words(), nullable=False),
        sa.Column("include", types.Words(), nullable=False),
        sa.Column("exclude", types.Words(), nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("max_pages", sa.Integer(), nullable=False),
        sa.Column("every_us", sa.BigInteger(), nullable=False),
        sa.Column("created_by", types.Name(), nullable=False),
        sa.Column("created_at", types.Moment(), nullable=False),
        sa.Column("next_at", types.Moment(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("fails", sa.Integer(), nullable=False),
        sa.Column("removed_at", types.Moment(), nullable=True),
        sa.Column("run_id", types.Name(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sources")),
        sa.UniqueConstraint("shelf", "url_key", "slot", name=op.f("uq_sources_shelf_url_key_slot")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_sources_enabled_slot_next_at"), "sources", ["enabled", "slot", "next_at"])
    op.create_index(op.f("ix_sources_owner"), "sources", ["owner"])

    op.create_table(
        "vector_cache",
        sa.Column("checksum", types.Name(), nullable=False),
        sa.Column("model", types.Plain(128), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("checksum", "model", name=op.f("pk_vector_cache")),
        **OPTIONS,
    )
    op.create_table(
        "crawl_runs",
        sa.Column("id", types.Name(), nullable=False),
        sa.Column("source_id", types.Name(), nullable=False),
        sa.Column("state", types.Name(), nullable=False),
        sa.Column("started_at", types.Moment(), nullable=False),
        sa.Column("moved_at", types.Moment(), nullable=False),
        sa.Column("ended_at", types.Moment(), nullable=True),
        sa.Column("found", sa.BigInteger(), nullable=False),
        sa.Column("fetched", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("unchanged", sa.BigInteger(), nullable=False),
        sa.Column("duplicates", sa.BigInteger(), nullable=False),
        sa.Column("gone", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("stop", sa.Boolean(), nullable=False),
        sa.Column("error", types.Name(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("fk_crawl_runs_source_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crawl_runs")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_crawl_runs_source_id_started_at"), "crawl_runs", ["source_id", "started_at"])

    op.create_table(
        "frontier",
        sa.Column("source_id", types.Name(), nullable=False),
        sa.Column("url_key", types.Name(), nullable=False),
        sa.Column("url", types.Words(), nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("ready_at", types.Moment(), nullable=False),
        sa.Column("leased", sa.Boolean(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_frontier_source_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("source_id", "url_key", name=op.f("pk_frontier")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_frontier_source_id_done_depth_seq"), "frontier", ["source_id", "done", "depth", "seq"])

    op.create_table(
        "pages",
        sa.Column("id", types.Name(), nullable=False),
        sa.Column("source_id", types.Name(), nullable=False),
        sa.Column("shelf", sa.String(length=129), nullable=False),
        sa.Column("url_head", types.Plain(400), nullable=False),
        sa.Column("url_key", types.Name(), nullable=False),
        sa.Column("slot", types.Name(), nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("live", sa.Integer(), nullable=False),
        sa.Column("embedded", sa.Integer(), nullable=False),
        sa.Column("swept", sa.Integer(), nullable=False),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.Column("checked_at", types.Moment(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body_checksum", types.Name(), nullable=False),
        sa.Column("duplicate_of", types.Name(), nullable=False),
        sa.Column("misses", sa.Integer(), nullable=False),
        sa.Column("error", types.Name(), nullable=False),
        sa.Column("waits", sa.Boolean(), nullable=False),
        sa.Column("unembedded", sa.Boolean(), nullable=False),
        sa.Column("stale", sa.Boolean(), nullable=False),
        sa.Column("url", types.Words(), nullable=False),
        sa.Column("etag", types.Words(), nullable=False),
        sa.Column("last_modified", types.Words(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_pages_source_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pages")),
        sa.UniqueConstraint("source_id", "url_key", "slot", name=op.f("uq_pages_source_id_url_key_slot")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_pages_duplicate_of"), "pages", ["duplicate_of"])
    op.create_index(op.f("ix_pages_shelf"), "pages", ["shelf"])
    op.create_index(
        op.f("ix_pages_source_id_slot_url_head_url_key"), "pages", ["source_id", "slot", "url_head", "url_key"]
    )
    op.create_index(op.f("ix_pages_stale_id"), "pages", ["stale", "id"])
    op.create_index(op.f("ix_pages_unembedded_id"), "pages", ["unembedded", "id"])
    op.create_index(op.f("ix_pages_waits_id"), "pages", ["waits", "id"])

    op.create_table(
        "chunks",
        sa.Column("id", types.Plain(36), nullable=False),
        sa.Column("page_id", types.Name(), nullable=False),
        sa.Column("rev", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("start_char", sa.Integer(), nullable=False),
        sa.Column("end_char", sa.Integer(), nullable=False),
        sa.Column("checksum", types.Name(), nullable=False),
        sa.Column("heading", types.Words(), nullable=False),
        sa.Column("text", types.Words(), nullable=False),
        sa.ForeignKeyConstraint(["page_id"], ["pages.id"], name=op.f("fk_chunks_page_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chunks")),
        sa.UniqueConstraint("page_id", "rev", "place", name=op.f("uq_chunks_page_id_rev_place")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_chunks_checksum"), "chunks", ["checksum"])

    op.create_table(
        "page_bands",
        sa.Column("shelf", sa.String(length=129), nullable=False),
        sa.Column("band", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("page_id", types.Name(), nullable=False),
        sa.Column("simhash", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["page_id"], ["pages.id"], name=op.f("fk_page_bands_page_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shelf", "band", "page_id", name=op.f("pk_page_bands")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_page_bands_page_id"), "page_bands", ["page_id"])

    op.create_table(
        "page_versions",
        sa.Column("page_id", types.Name(), nullable=False),
        sa.Column("rev", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("site", sa.String(length=253), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("published", types.Moment(), nullable=True),
        sa.Column("fetched_at", types.Moment(), nullable=False),
        sa.Column("checksum", types.Name(), nullable=False),
        sa.Column("simhash", sa.BigInteger(), nullable=False),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.Column("title", types.Words(), nullable=False),
        sa.Column("text", types.Words(), nullable=False),
        sa.ForeignKeyConstraint(["page_id"], ["pages.id"], name=op.f("fk_page_versions_page_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("page_id", "rev", name=op.f("pk_page_versions")),
        **OPTIONS,
    )
    op.create_table(
        "run_troubles",
        sa.Column("run_id", types.Name(), nullable=False),
        sa.Column("url_key", types.Name(), nullable=False),
        sa.Column("url", types.Words(), nullable=False),
        sa.Column("code", types.Name(), nullable=False),
        sa.Column("at", types.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["crawl_runs.id"], name=op.f("fk_run_troubles_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "url_key", name=op.f("pk_run_troubles")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_run_troubles_run_id_at"), "run_troubles", ["run_id", "at"])


def downgrade() -> None:
    for table in (
        "run_troubles",
        "page_versions",
        "page_bands",
        "chunks",
        "pages",
        "frontier",
        "crawl_runs",
        "vector_cache",
        "sources",
        "hosts",
    ):
        op.drop_table(table)
