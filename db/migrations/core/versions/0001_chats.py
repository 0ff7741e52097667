"""Chats, turns, messages and characters."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from db.tables.types import Moment, Name, Words

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

OPTIONS: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    op.create_table(
        "chats",
        sa.Column("id", Name(), nullable=False),
        sa.Column("guest", Name(), nullable=False),
        sa.Column("persona_id", Name(), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("title", Words(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("spoken_at", Moment(), nullable=False),
        sa.Column("summary", Words(), nullable=False),
        sa.Column("summary_upto", sa.Integer(), nullable=False),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_chats"),
        **OPTIONS,
    )
    op.create_index("ix_chats_guest_spoken_at", "chats", ["guest", "spoken_at"])
    op.create_table(
        "turns",
        sa.Column("chat_id", Name(), nullable=False),
        sa.Column("id", Name(), nullable=False),
        sa.Column("key", Name(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("forgotten", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["chat_id"], ["chats.id"], name="fk_turns_chat_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("chat_id", "id", name="pk_turns"),
        sa.UniqueConstraint("chat_id", "key", name="uq_turns_chat_id_key"),
        **OPTIONS,
    )
    op.create_table(
        "messages",
        sa.Column("chat_id", Name(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", Name(), nullable=False),
        sa.Column("turn_id", Name(), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("text", Words(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("interrupted", sa.Boolean(), nullable=False),
        sa.Column("cues", Words(), nullable=True),
        sa.Column("receipt", Words(), nullable=True),
        sa.ForeignKeyConstraint(["chat_id"], ["chats.id"], name="fk_messages_chat_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("chat_id", "seq", name="pk_messages"),
        sa.UniqueConstraint("id", name="uq_messages_id"),
        **OPTIONS,
    )
    op.create_table(
        "personas",
        sa.Column("id", Name(), nullable=False),
        sa.Column("card", Words(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=True),
        sa.Column("removed_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_personas"),
        **OPTIONS,
    )


def downgrade() -> None:
    for table in ("personas", "messages", "turns", "chats"):
        op.drop_table(table)
