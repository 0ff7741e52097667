"""What was done to somebody is found in the audit log as soon as what they did."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_audit_target_seq"), "audit", ["target", "seq"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_audit_target_seq"), table_name="audit")
