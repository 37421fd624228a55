"""Jobs have a kind; those that are there are discoveries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "jobs", sa.Column("kind", sa.String(16), nullable=False, server_default="discovery")
    )


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("jobs") as jobs:
        jobs.drop_column("kind")
