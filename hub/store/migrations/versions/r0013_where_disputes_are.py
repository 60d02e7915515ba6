"""where disputes are"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # plain ADD COLUMNs on both databases: no table is made anew, no trigger is lost
    for table in ("case_records", "disputes"):
        op.add_column(table, sa.Column("lng", sa.Float(), nullable=True))
        op.add_column(table, sa.Column("lat", sa.Float(), nullable=True))
        op.add_column(table, sa.Column("crs", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.create_index("ix_disputes_lng", "disputes", ["lng", "lat"])


def downgrade() -> None:
    raise NotImplementedError("history is not taken back; restore a backup instead")
