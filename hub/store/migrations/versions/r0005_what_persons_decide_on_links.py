"""what persons decide on links"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hub.store.tables.base import Instant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("case_records", sa.Column("worked_at", Instant(), nullable=True))
    op.add_column("record_links", sa.Column("version", sa.BigInteger(), nullable=False, server_default=sa.text("1")))
    op.create_index("ix_record_links_state", "record_links", ["state", "id"])
    op.create_table(
        "record_separations",
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("other_record_id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", Instant(), nullable=False),
        sa.Column("lifted_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["other_record_id"], ["case_records.id"], name=op.f("fk_record_separations_other_record_id")
        ),
        sa.ForeignKeyConstraint(["record_id"], ["case_records.id"], name=op.f("fk_record_separations_record_id")),
        sa.PrimaryKeyConstraint("record_id", "other_record_id", name=op.f("pk_record_separations")),
    )
    op.create_index("ix_record_separations_other_record_id", "record_separations", ["other_record_id"])
