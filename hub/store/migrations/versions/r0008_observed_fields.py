"""What partners' items look like, and who waits for a code found without reading all."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hub.store.tables.base import Instant

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "observed_fields",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("item_kind", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("json_type", sa.Text(), nullable=False),
        sa.Column("is_declared", sa.Boolean(), nullable=True),
        sa.Column("first_seen_at", Instant(), nullable=False),
        sa.Column("last_seen_at", Instant(), nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.Column("parents_before", sa.BigInteger(), nullable=False),
        sa.Column("parents_at_last", sa.BigInteger(), nullable=False),
        sa.Column("accepted_kind", sa.Text(), nullable=True),
        sa.Column("accepted_at", Instant(), nullable=True),
        sa.Column("accepted_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_observed_fields")),
        sa.UniqueConstraint(
            "instance", "item_kind", "path", "json_type",
            name=op.f("uq_observed_fields_instance_item_kind_path_json_type"),
        ),
    )  # fmt: skip
    op.create_index("ix_record_unknown_codes_code", "record_unknown_codes", ["table_name", "native_code"])


def downgrade() -> None:
    raise NotImplementedError("history is not taken back; restore a backup instead")
