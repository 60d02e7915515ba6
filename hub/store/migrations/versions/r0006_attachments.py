"""attachments"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hub.store.tables.base import Instant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attachment_contents",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("body_sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachment_contents")),
        sa.UniqueConstraint("county", "content_hash", name=op.f("uq_attachment_contents_county_content_hash")),
    )
    op.create_table(
        "attachments",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("ref_hash", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("classification", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", Instant(), nullable=False),
        sa.Column("first_seen_at", Instant(), nullable=False),
        sa.Column("fetched_at", Instant(), nullable=True),
        sa.Column("media_type", sa.Text(), nullable=True),
        sa.Column("bytes", sa.Integer(), nullable=True),
        sa.Column("content_id", sa.Text(), nullable=True),
        sa.Column("deleted_at_source", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["content_id"], ["attachment_contents.id"], name=op.f("fk_attachments_content_id")),
        sa.ForeignKeyConstraint(["record_id"], ["case_records.id"], name=op.f("fk_attachments_record_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
        sa.UniqueConstraint("record_id", "ref_hash", name=op.f("uq_attachments_record_id_ref_hash")),
    )
    op.create_index(
        "ix_attachments_waiting", "attachments", ["instance", "next_try_at"],
        sqlite_where=sa.text("state = 'PENDING'"), postgresql_where=sa.text("state = 'PENDING'"),
    )  # fmt: skip
    op.create_index("ix_attachments_content_id", "attachments", ["content_id"])
    op.create_index("ix_attachments_state", "attachments", ["state", "id"])


def downgrade() -> None:
    raise NotImplementedError("history is not taken back; restore a backup instead")
