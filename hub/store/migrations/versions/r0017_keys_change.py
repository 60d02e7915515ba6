"""keys change"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hub.store.tables.base import Instant

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rotations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("old", sa.Text(), nullable=False),
        sa.Column("new", sa.Text(), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rotations")),
    )
    unfinished = sa.text("finished_at IS NULL")
    op.create_index(
        "ix_rotations_unfinished", "rotations", ["county"], unique=True, sqlite_where=unfinished,
        postgresql_where=unfinished,
    )  # fmt: skip
    for column in ("id_index_2", "phone_index_2"):
        op.add_column("parties", sa.Column(column, sa.Text(), nullable=True))
        op.create_index(f"ix_parties_{column}", "parties", [column])


def downgrade() -> None:
    raise NotImplementedError("history is not taken back; restore a backup instead")
