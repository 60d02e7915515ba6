"""backfills by generation, and removals that wait for a person"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hub.store.tables.base import Instant, Json

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "backfills",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("since", Instant(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cursor", Json, nullable=True),
        sa.Column("newest_at", Instant(), nullable=True),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("pulled", sa.Integer(), nullable=False),
        sa.Column("new", sa.Integer(), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("read_at", Instant(), nullable=True),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("absent", sa.Integer(), nullable=False),
        sa.Column("removed", sa.Integer(), nullable=False),
        sa.Column("held_back", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backfills")),
        sa.UniqueConstraint("instance", "generation", name=op.f("uq_backfills_instance_generation")),
    )
    op.create_index("ix_backfills_instance", "backfills", ["instance", "started_at"], unique=False)
    op.create_table(
        "backfill_keys",
        sa.Column("backfill_id", sa.Text(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("marks", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["backfill_id"], ["backfills.id"], name=op.f("fk_backfill_keys_backfill_id")),
        sa.PrimaryKeyConstraint("backfill_id", "page", name=op.f("pk_backfill_keys")),
    )
    op.create_table(
        "backfill_absences",
        sa.Column("backfill_id", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("native_id", sa.Text(), nullable=False),
        sa.Column("native_no", sa.Text(), nullable=False),
        sa.Column("resolution", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["backfill_id"], ["backfills.id"], name=op.f("fk_backfill_absences_backfill_id")),
        sa.PrimaryKeyConstraint("backfill_id", "record_id", name=op.f("pk_backfill_absences")),
    )
    # a plain ADD COLUMN on both databases: no table is made anew, no trigger is lost
    op.add_column("reconciliations", sa.Column("held_back", sa.Integer(), nullable=False, server_default=sa.text("0")))


def downgrade() -> None:
    raise NotImplementedError("history is not taken back; restore a backup instead")
