"""What was thrown into a chat."""

import sqlalchemy as sa
from alembic import op

from db.tables import types

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attachments",
        sa.Column("id", types.Name(), nullable=False),
        sa.Column("chat_id", types.Name(), nullable=False),
        sa.Column("turn_id", types.Name(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("url", types.Words(), nullable=False),
        sa.Column("file_id", types.Name(), nullable=False),
        sa.Column("image_id", types.Name(), nullable=False),
        sa.Column("media_type", sa.String(length=128), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("error", types.Name(), nullable=False),
        sa.Column("share", sa.Integer(), nullable=False),
        sa.Column("text", types.Words(), nullable=False),
        sa.Column("cut", sa.Boolean(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("ms", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("created_at", types.Moment(), nullable=False),
        sa.Column("moved_at", types.Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["chat_id"], ["chats.id"], name=op.f("fk_attachments_chat_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    with op.batch_alter_table("attachments", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_attachments_chat_id_turn_id_created_at"),
            ["chat_id", "turn_id", "created_at"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_attachments_state_moved_at"), ["state", "moved_at"], unique=False)


def downgrade() -> None:
    op.drop_table("attachments")
