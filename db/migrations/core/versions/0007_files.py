"""Files that people keep."""

import sqlalchemy as sa
from alembic import op

from db.tables import types

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "files",
        sa.Column("id", types.Name(), nullable=False),
        sa.Column("owner", types.Name(), nullable=False),
        sa.Column("area", types.Name(), nullable=False),
        sa.Column("name", sa.String(length=160), nullable=False),
        sa.Column("media_type", sa.String(length=120), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", types.Name(), nullable=False),
        sa.Column("purpose", types.Name(), nullable=False),
        sa.Column("chat_id", types.Name(), nullable=False),
        sa.Column("created_at", types.Moment(), nullable=False),
        sa.Column("expires_at", types.Moment(), nullable=True),
        sa.Column("state", types.Name(), nullable=False),
        sa.Column("ends_at", types.Moment(), nullable=True),
        sa.Column("sender_key", types.Name(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
        sa.UniqueConstraint("owner", "sender_key", name=op.f("uq_files_owner_sender_key")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    with op.batch_alter_table("files", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_files_ends_at"), ["ends_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_files_owner_created_at_id"), ["owner", "created_at", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("files")
