"""breakers, and since when an instance is up to date"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hub.store.tables.base import Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "breakers",
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("openings", sa.Integer(), nullable=False),
        sa.Column("opened_at", Instant(), nullable=True),
        sa.Column("until", Instant(), nullable=True),
        sa.Column("reason_kind", sa.Text(), nullable=True),
        sa.Column("reason_hint", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("instance", name=op.f("pk_breakers")),
    )
    # a plain ADD COLUMN on both databases: no table is made anew, no trigger is lost
    op.add_column("connector_states", sa.Column("caught_up_at", Instant(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("history is not taken back; restore a backup instead")
