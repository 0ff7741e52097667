"""The ledger of function calls, and what they come to by day."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from db.tables.types import Moment, Name

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OPTIONS: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    op.create_table(
        "calls",
        sa.Column("id", Name(), nullable=False),
        sa.Column("turn_id", Name(), nullable=False),
        sa.Column("kind", Name(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("runtime", Name(), nullable=False),
        sa.Column("remote_id", Name(), nullable=False),
        sa.Column("container", Name(), nullable=False),
        sa.Column("outcome", Name(), nullable=False),
        sa.Column("engine_ms", sa.BigInteger(), nullable=False),
        sa.Column("audio_ms", sa.BigInteger(), nullable=False),
        sa.Column("tokens_in", sa.BigInteger(), nullable=False),
        sa.Column("tokens_out", sa.BigInteger(), nullable=False),
        sa.Column("price_class", Name(), nullable=False),
        sa.Column("price_version", Name(), nullable=False),
        sa.Column("microusd", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_calls"),
        **OPTIONS,
    )
    op.create_index("ix_calls_turn_id_at", "calls", ["turn_id", "at"])
    op.create_index("ix_calls_at_turn_id", "calls", ["at", "turn_id"])
    op.create_table(
        "call_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", Name(), nullable=False),
        sa.Column("turns", sa.BigInteger(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("engine_ms", sa.BigInteger(), nullable=False),
        sa.Column("audio_ms", sa.BigInteger(), nullable=False),
        sa.Column("tokens_in", sa.BigInteger(), nullable=False),
        sa.Column("tokens_out", sa.BigInteger(), nullable=False),
        sa.Column("microusd", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "kind", name="pk_call_days"),
        **OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("call_days")
    op.drop_table("calls")
