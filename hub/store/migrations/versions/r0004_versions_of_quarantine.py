"""The quarantine counts versions, so that a person decides only what they saw."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # the default lets a release that does not know the column go on writing
    op.add_column("quarantine", sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False))


def downgrade() -> None:
    raise NotImplementedError("history is not taken back; restore a backup instead")
