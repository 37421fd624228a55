"""Indices for long queues: jobs of a data set, whose turn it is, what has expired."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.drop_index("ix_jobs_state", "jobs")
    op.create_index("ix_jobs_state", "jobs", ["state", "tenant"])
    op.create_index("ix_jobs_dataset", "jobs", ["dataset_id", "id"])
    op.create_index("ix_jobs_served", "jobs", ["tenant", "preparing_at"])
    op.create_index("ix_jobs_expiry", "jobs", ["state", "expires_at"])


def downgrade() -> None:
    """Take back."""
    for name in ("ix_jobs_expiry", "ix_jobs_served", "ix_jobs_dataset", "ix_jobs_state"):
        op.drop_index(name, "jobs")
    op.create_index("ix_jobs_state", "jobs", ["state", "id"])
