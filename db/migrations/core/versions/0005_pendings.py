"""Several registrations may wait for one address: whoever registers it again voids nobody's link."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("pendings", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_pendings_email_folded"), type_="unique")
        batch_op.create_index(batch_op.f("ix_pendings_email_folded"), ["email_folded"], unique=False)


def downgrade() -> None:
    op.execute("DELETE FROM pendings")  # links of a day at most; two of one address would not fit any more
    with op.batch_alter_table("pendings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_pendings_email_folded"))
        batch_op.create_unique_constraint(batch_op.f("uq_pendings_email_folded"), ["email_folded"])
