"""the way out"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hub.store.tables.base import Instant, Json

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_EMPTY = sa.text("''")
_WAITING = sa.text("state IN ('QUEUED', 'DELIVERED')")


def upgrade() -> None:
    op.add_column("disputes", sa.Column("own_state", sa.Text(), nullable=True))
    op.add_column("disputes", sa.Column("own_since", Instant(), nullable=True))
    op.add_column("disputes", sa.Column("own_outcome", sa.Text(), nullable=True))
    op.add_column("disputes", sa.Column("suspended_from", sa.Text(), nullable=True))
    op.add_column("disputes", sa.Column("assignee_code", sa.Text(), nullable=False, server_default=_EMPTY))
    op.add_column("disputes", sa.Column("assignee_name", sa.Text(), nullable=False, server_default=_EMPTY))
    op.add_column("referrals", sa.Column("told", Json, nullable=True))
    op.add_column("referrals", sa.Column("own", Json, nullable=True))
    op.add_column("referrals", sa.Column("own_undisputed_facts", sa.Text(), nullable=False, server_default=_EMPTY))
    op.add_column("referrals", sa.Column("own_words", sa.Text(), nullable=False, server_default=_EMPTY))
    op.add_column("referrals", sa.Column("instance", sa.Text(), nullable=True))
    op.create_table(
        "outbound_messages",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("dispute_id", sa.Text(), nullable=False),
        sa.Column("referral_id", sa.Text(), nullable=True),
        sa.Column("record_id", sa.Text(), nullable=True),
        sa.Column("data_key_id", sa.Text(), nullable=False),
        sa.Column("command_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("next_try_at", Instant(), nullable=True),
        sa.Column("queued_at", Instant(), nullable=False),
        sa.Column("delivered_at", Instant(), nullable=True),
        sa.Column("answered_at", Instant(), nullable=True),
        sa.Column("partner_ref", sa.Text(), nullable=False, server_default=_EMPTY),
        sa.Column("our_key", sa.Text(), nullable=False, server_default=_EMPTY),
        sa.Column("answer_code", sa.Text(), nullable=False, server_default=_EMPTY),
        sa.Column("answer_words", sa.Text(), nullable=False, server_default=_EMPTY),
        sa.Column("last_error_kind", sa.Text(), nullable=True),
        sa.Column("last_error_hint", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", Instant(), nullable=True),
        sa.Column("decided_reason", sa.Text(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False, server_default=sa.text("1")),
        sa.ForeignKeyConstraint(["data_key_id"], ["data_keys.id"], name=op.f("fk_outbound_messages_data_key_id")),
        sa.ForeignKeyConstraint(["record_id"], ["case_records.id"], name=op.f("fk_outbound_messages_record_id")),
        sa.ForeignKeyConstraint(["referral_id"], ["referrals.id"], name=op.f("fk_outbound_messages_referral_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbound_messages")),
        sa.UniqueConstraint("instance", "key", name=op.f("uq_outbound_messages_instance_key")),
    )
    op.create_index("ix_outbound_messages_lane", "outbound_messages", ["lane", "id"])
    op.create_index(
        "ix_outbound_messages_waiting", "outbound_messages", ["instance", "state", "next_try_at"],
        sqlite_where=_WAITING, postgresql_where=_WAITING,
    )  # fmt: skip
    op.create_index("ix_outbound_messages_referral_id", "outbound_messages", ["referral_id"])
    op.create_index("ix_outbound_messages_dispute_id", "outbound_messages", ["dispute_id"])
    op.create_index("ix_outbound_messages_our_key", "outbound_messages", ["instance", "our_key"])
    op.create_table(
        "outbound_attempts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("error_kind", sa.Text(), nullable=False, server_default=_EMPTY),
        sa.Column("by", sa.Text(), nullable=False, server_default=_EMPTY),
        sa.Column("reason", sa.Text(), nullable=False, server_default=_EMPTY),
        sa.Column("answer_sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["message_id"], ["outbound_messages.id"], name=op.f("fk_outbound_attempts_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbound_attempts")),
    )
    op.create_index("ix_outbound_attempts_message_id", "outbound_attempts", ["message_id"])
    op.create_table(
        "own_references",
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("referral_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["case_records.id"], name=op.f("fk_own_references_record_id")),
        sa.ForeignKeyConstraint(["referral_id"], ["referrals.id"], name=op.f("fk_own_references_referral_id")),
        sa.PrimaryKeyConstraint("record_id", "kind", "scheme", "value", name=op.f("pk_own_references")),
    )
    op.create_index("ix_own_references_value", "own_references", ["value", "scheme"])
    op.create_table(
        "early_answers",
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("our_key", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("partner_ref", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("instance", "our_key", name=op.f("pk_early_answers")),
    )
