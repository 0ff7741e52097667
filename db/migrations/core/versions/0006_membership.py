"""Memberships, orders, coupons, the ledgers of money and of what is used."""

import sqlalchemy as sa
from alembic import op

from db.tables import types

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "counters",
        sa.Column("name", types.Name(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "coupons",
        sa.Column("code", types.Name(), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", types.Name(), nullable=False),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.Column("once_each", sa.Boolean(), nullable=False),
        sa.Column("plan_id", types.Name(), nullable=False),
        sa.Column("until", types.Moment(), nullable=True),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_coupons")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "holds",
        sa.Column("id", types.Name(), nullable=False),
        sa.Column("owner", types.Name(), nullable=False),
        sa.Column("feature", types.Name(), nullable=False),
        sa.Column("window_key", types.Name(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("at", types.Moment(), nullable=False),
        sa.Column("expires_at", types.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    with op.batch_alter_table("holds", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_holds_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_holds_owner"), ["owner"], unique=False)

    op.create_table(
        "memberships",
        sa.Column("user_id", types.Name(), nullable=False),
        sa.Column("plan_id", types.Name(), nullable=False),
        sa.Column("since", types.Moment(), nullable=False),
        sa.Column("until", types.Moment(), nullable=False),
        sa.Column("period", types.Name(), nullable=False),
        sa.Column("renews", sa.Boolean(), nullable=False),
        sa.Column("next_plan", types.Name(), nullable=False),
        sa.Column("next_period", types.Name(), nullable=False),
        sa.Column("next_amount", sa.BigInteger(), nullable=False),
        sa.Column("grace_until", types.Moment(), nullable=True),
        sa.Column("trial", sa.Boolean(), nullable=False),
        sa.Column("provider", types.Name(), nullable=False),
        sa.Column("subscription", types.Plain(255), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", types.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_memberships")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_memberships_ends_at"), ["ends_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_memberships_provider_subscription"), ["provider", "subscription"], unique=False
        )

    op.create_table(
        "meters",
        sa.Column("owner", types.Name(), nullable=False),
        sa.Column("feature", types.Name(), nullable=False),
        sa.Column("window_key", types.Name(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("touched_at", types.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "feature", "window_key", name=op.f("pk_meters")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    with op.batch_alter_table("meters", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_meters_touched_at"), ["touched_at"], unique=False)

    op.create_table(
        "order_jobs",
        sa.Column("id", types.Name(), nullable=False),
        sa.Column("order_id", types.Name(), nullable=False),
        sa.Column("what", types.Name(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due", types.Moment(), nullable=False),
        sa.Column("provider", types.Name(), nullable=False),
        sa.Column("event_id", types.Plain(255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_jobs")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    with op.batch_alter_table("order_jobs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_order_jobs_due"), ["due"], unique=False)

    op.create_table(
        "orders",
        sa.Column("id", types.Name(), nullable=False),
        sa.Column("user_id", types.Name(), nullable=False),
        sa.Column("slot", types.Plain(160), nullable=False),
        sa.Column("kind", types.Name(), nullable=False),
        sa.Column("plan_id", types.Name(), nullable=False),
        sa.Column("period", types.Name(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", types.Name(), nullable=False),
        sa.Column("list_amount", sa.BigInteger(), nullable=False),
        sa.Column("credit", sa.BigInteger(), nullable=False),
        sa.Column("discount", sa.BigInteger(), nullable=False),
        sa.Column("coupon", types.Name(), nullable=False),
        sa.Column("provider", types.Name(), nullable=False),
        sa.Column("provider_ref", types.Plain(255), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("account", types.Plain(255), nullable=False),
        sa.Column("trial_days", sa.Integer(), nullable=False),
        sa.Column("state", types.Name(), nullable=False),
        sa.Column("created_at", types.Moment(), nullable=False),
        sa.Column("expires_at", types.Moment(), nullable=False),
        sa.Column("paid_at", types.Moment(), nullable=True),
        sa.Column("granted_at", types.Moment(), nullable=True),
        sa.Column("from_", types.Moment(), nullable=True),
        sa.Column("to_", types.Moment(), nullable=True),
        sa.Column("refunded", sa.BigInteger(), nullable=False),
        sa.Column("receipt", sa.BigInteger(), nullable=True),
        sa.Column("problem", types.Name(), nullable=False),
        sa.Column("moved_at", types.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("receipt", name=op.f("uq_orders_receipt")),
        sa.UniqueConstraint("user_id", "slot", name=op.f("uq_orders_user_id_slot")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_orders_created_at"), ["created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_orders_state_created_at"), ["state", "created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_orders_state_moved_at"), ["state", "moved_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_orders_user_id_created_at"), ["user_id", "created_at"], unique=False)

    op.create_table(
        "provider_events",
        sa.Column("provider", types.Name(), nullable=False),
        sa.Column("id", types.Plain(255), nullable=False),
        sa.Column("kind", types.Name(), nullable=False),
        sa.Column("order_id", types.Name(), nullable=False),
        sa.Column("ref", types.Plain(255), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", types.Name(), nullable=False),
        sa.Column("account", types.Plain(255), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("subscription", types.Plain(255), nullable=False),
        sa.Column("period_end", types.Moment(), nullable=True),
        sa.Column("at", types.Moment(), nullable=False),
        sa.Column("received_at", types.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "id", name=op.f("pk_provider_events")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    with op.batch_alter_table("provider_events", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_provider_events_order_id_received_at"), ["order_id", "received_at"], unique=False
        )

    op.create_table(
        "transactions",
        sa.Column("id", types.Plain(160), nullable=False),
        sa.Column("order_id", types.Name(), nullable=False),
        sa.Column("at", types.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transactions")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    with op.batch_alter_table("transactions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_transactions_order_id_at"), ["order_id", "at"], unique=False)

    op.create_table(
        "trials",
        sa.Column("order_id", types.Name(), nullable=False),
        sa.Column("user_id", types.Name(), nullable=True),
        sa.Column("print", types.Plain(255), nullable=True),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_trials")),
        sa.UniqueConstraint("print", name=op.f("uq_trials_print")),
        sa.UniqueConstraint("user_id", name=op.f("uq_trials_user_id")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "use_days",
        sa.Column("owner", types.Name(), nullable=False),
        sa.Column("feature", types.Name(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "feature", "day", name=op.f("pk_use_days")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "uses",
        sa.Column("call_id", types.Name(), nullable=False),
        sa.Column("owner", types.Name(), nullable=False),
        sa.Column("feature", types.Name(), nullable=False),
        sa.Column("kind", types.Name(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("at", types.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_uses")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    with op.batch_alter_table("uses", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_uses_owner"), ["owner"], unique=False)

    op.create_table(
        "coupon_uses",
        sa.Column("code", types.Name(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("order_id", types.Name(), nullable=True),
        sa.Column("once", types.Name(), nullable=True),
        sa.ForeignKeyConstraint(["code"], ["coupons.code"], name=op.f("fk_coupon_uses_code")),
        sa.PrimaryKeyConstraint("code", "number", name=op.f("pk_coupon_uses")),
        sa.UniqueConstraint("code", "once", name=op.f("uq_coupon_uses_code_once")),
        sa.UniqueConstraint("code", "order_id", name=op.f("uq_coupon_uses_code_order_id")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "entries",
        sa.Column("transaction_id", types.Plain(160), nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("account", types.Name(), nullable=False),
        sa.Column("currency", types.Name(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["transaction_id"], ["transactions.id"], name=op.f("fk_entries_transaction_id")),
        sa.PrimaryKeyConstraint("transaction_id", "place", name=op.f("pk_entries")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    with op.batch_alter_table("entries", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_entries_day_account_currency_amount"), ["day", "account", "currency", "amount"], unique=False
        )


def downgrade() -> None:
    op.drop_table("entries")
    op.drop_table("coupon_uses")
    op.drop_table("uses")
    op.drop_table("use_days")
    op.drop_table("trials")
    op.drop_table("transactions")
    op.drop_table("provider_events")
    op.drop_table("orders")
    op.drop_table("order_jobs")
    op.drop_table("meters")
    op.drop_table("memberships")
    op.drop_table("holds")
    op.drop_table("coupons")
    op.drop_table("counters")
