"""who looked"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hub.store import guard
from hub.store.tables.base import Instant

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    none = sa.text("''")
    op.create_table(
        "access_log",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("principal_id", sa.Text(), nullable=False),
        sa.Column("principal_name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), server_default=none, nullable=False),
        sa.Column("document_hash", sa.Text(), server_default=none, nullable=False),
        sa.Column("operation", sa.Text(), server_default=none, nullable=False),
        sa.Column("details", sa.Text(), server_default=none, nullable=False),
        sa.Column("searched", sa.Text(), server_default=none, nullable=False),
        sa.Column("subject_ids", sa.Text(), server_default=none, nullable=False),
        sa.Column("subject_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_log")),
    )
    op.create_index("ix_access_log_at", "access_log", ["at"])
    op.create_index("ix_access_log_principal_id", "access_log", ["principal_id", "kind", "at"])
    guard.install(op.get_bind(), ["access_log"])


def downgrade() -> None:
    raise NotImplementedError("history is not taken back; restore a backup instead")
