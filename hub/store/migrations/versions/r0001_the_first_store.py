"""the first store"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hub.store import guard
from hub.store.tables.base import Instant, Json

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agencies",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agencies")),
        sa.UniqueConstraint("county", "code", name=op.f("uq_agencies_county_code")),
    )
    op.create_table(
        "case_records",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("native_id", sa.Text(), nullable=False),
        sa.Column("native_no", sa.Text(), nullable=False),
        sa.Column("lineage", sa.Text(), nullable=False),
        sa.Column("agency_code", sa.Text(), nullable=False),
        sa.Column("native_kind", sa.Text(), nullable=False),
        sa.Column("native_state", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("category_native", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("class_set", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("native_updated_at", Instant(), nullable=True),
        sa.Column("first_seen_at", Instant(), nullable=False),
        sa.Column("last_seen_at", Instant(), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("amount_cny", sa.Text(), nullable=True),
        sa.Column("people_involved", sa.Integer(), nullable=True),
        sa.Column("classification", sa.Text(), nullable=False),
        sa.Column("procedure", sa.Text(), nullable=True),
        sa.Column("unit_key", sa.Text(), nullable=False),
        sa.Column("is_unit", sa.Boolean(), nullable=False),
        sa.Column("docketed_at", Instant(), nullable=True),
        sa.Column("rejected_at", Instant(), nullable=True),
        sa.Column("withdrawn_at", Instant(), nullable=True),
        sa.Column("result_outcome", sa.Text(), nullable=True),
        sa.Column("result_at", Instant(), nullable=True),
        sa.Column("result_position", sa.Integer(), nullable=True),
        sa.Column("opens_dispute", sa.Boolean(), nullable=False),
        sa.Column("dispute_id", sa.Text(), nullable=True),
        sa.Column("link_method", sa.Text(), nullable=True),
        sa.Column("link_confidence", sa.Float(), nullable=True),
        sa.Column("link_evidence", Json, nullable=True),
        sa.Column("deleted_at_source", Instant(), nullable=True),
        sa.Column("family_hash", sa.Text(), nullable=False),
        sa.Column("has_masked", sa.Boolean(), nullable=False),
        sa.Column("newest_item_id", sa.Text(), nullable=False),
        sa.Column("order_key", sa.Text(), nullable=False),
        sa.Column("mapping_version", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("stream_seq", sa.BigInteger(), nullable=False),
        sa.Column("stream_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_records")),
    )
    with op.batch_alter_table("case_records", schema=None) as batch_op:
        batch_op.create_index("ix_case_records_dispute_id", ["dispute_id"], unique=False)
        batch_op.create_index("ix_case_records_native_id", ["instance", "native_id"], unique=False)
        batch_op.create_index("ix_case_records_native_no", ["native_no"], unique=False)
        batch_op.create_index("ix_case_records_received_at", ["received_at", "id"], unique=False)
        batch_op.create_index("ix_case_records_unit_key", ["unit_key"], unique=False)
        batch_op.create_index(
            "uq_case_records_numbered",
            ["instance", "native_id", "native_no"],
            unique=True,
            sqlite_where=sa.text("native_no <> ''"),
            postgresql_where=sa.text("native_no <> ''"),
        )
        batch_op.create_index(
            "uq_case_records_unnumbered",
            ["instance", "native_id", "lineage"],
            unique=True,
            sqlite_where=sa.text("native_no = ''"),
            postgresql_where=sa.text("native_no = ''"),
        )

    op.create_table(
        "code_counters",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_code_counters")),
    )
    op.create_table(
        "connector_incidents",
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.Column("first_at", Instant(), nullable=False),
        sa.Column("last_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("instance", "kind", name=op.f("pk_connector_incidents")),
    )
    op.create_table(
        "connector_states",
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("cursor", Json, nullable=True),
        sa.Column("high_water_at", Instant(), nullable=True),
        sa.Column("last_attempt_at", Instant(), nullable=True),
        sa.Column("last_success_at", Instant(), nullable=True),
        sa.Column("last_error_kind", sa.Text(), nullable=True),
        sa.Column("last_error_hint", sa.Text(), nullable=True),
        sa.Column("consecutive_failures", sa.Integer(), nullable=False),
        sa.Column("paused_at", Instant(), nullable=True),
        sa.Column("paused_reason", sa.Text(), nullable=True),
        sa.Column("next_run_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("instance", name=op.f("pk_connector_states")),
    )
    op.create_table(
        "data_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("native_id", sa.Text(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("destroyed_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_keys")),
        sa.UniqueConstraint("instance", "native_id", name=op.f("uq_data_keys_instance_native_id")),
    )
    op.create_table(
        "disputes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("address_text", sa.Text(), nullable=False),
        sa.Column("amount_cny", sa.Text(), nullable=True),
        sa.Column("people_involved", sa.Integer(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_since", Instant(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("procedure", sa.Text(), nullable=False),
        sa.Column("holder_code", sa.Text(), nullable=False),
        sa.Column("classification", sa.Text(), nullable=False),
        sa.Column("registered_at", Instant(), nullable=False),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.Column("merged_into", sa.Text(), nullable=True),
        sa.Column("opening_record_id", sa.Text(), nullable=False),
        sa.Column("is_live", sa.Boolean(), nullable=False),
        sa.Column("record_count", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("stream_seq", sa.BigInteger(), nullable=False),
        sa.Column("stream_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disputes")),
        sa.UniqueConstraint("code", name=op.f("uq_disputes_code")),
    )
    with op.batch_alter_table("disputes", schema=None) as batch_op:
        batch_op.create_index("ix_disputes_opening_record_id", ["opening_record_id"], unique=False)
        batch_op.create_index("ix_disputes_region_code", ["region_code"], unique=False)
        batch_op.create_index("ix_disputes_registered_at", ["registered_at", "id"], unique=False)

    op.create_table(
        "handling_events",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=True),
        sa.Column("dispute_id", sa.Text(), nullable=True),
        sa.Column("stream_seq", sa.BigInteger(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("previous_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("occurred_at", Instant(), nullable=False),
        sa.Column("recorded_at", Instant(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind_rank", sa.Integer(), nullable=False),
        sa.Column("actor_code", sa.Text(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=False),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("native_code", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_event_id", sa.Text(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=True),
        sa.Column("mapping_version", sa.Integer(), nullable=False),
        sa.Column("data", Json, nullable=False),
        sa.Column("words_digest", sa.Text(), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("causation_id", sa.Text(), nullable=False),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handling_events")),
        sa.UniqueConstraint("dispute_id", "stream_seq", name=op.f("uq_handling_events_dispute_id_stream_seq")),
        sa.UniqueConstraint("record_id", "stream_seq", name=op.f("uq_handling_events_record_id_stream_seq")),
    )
    with op.batch_alter_table("handling_events", schema=None) as batch_op:
        batch_op.create_index("ix_handling_events_occurred_at", ["occurred_at"], unique=False)

    op.create_table(
        "inbox_pages",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("cursor", Json, nullable=True),
        sa.Column("item_count", sa.Integer(), nullable=False),
        sa.Column("new_count", sa.Integer(), nullable=False),
        sa.Column("manifest_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox_pages")),
    )
    with op.batch_alter_table("inbox_pages", schema=None) as batch_op:
        batch_op.create_index("ix_inbox_pages_run_id", ["run_id"], unique=False)

    op.create_table(
        "jobs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("token", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("lease_expires_at", Instant(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("started_at", Instant(), nullable=True),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("error_kind", sa.Text(), nullable=True),
        sa.Column("error_hint", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("job", "due_at", name=op.f("uq_jobs_job_due_at")),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index(
            "ix_jobs_waiting",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("state IN ('READY', 'CLAIMED')"),
            postgresql_where=sa.text("state IN ('READY', 'CLAIMED')"),
        )
        batch_op.create_index(
            "uq_jobs_claimed_lane",
            ["lane"],
            unique=True,
            sqlite_where=sa.text("state = 'CLAIMED'"),
            postgresql_where=sa.text("state = 'CLAIMED'"),
        )

    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "link_decisions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("from_record_id", sa.Text(), nullable=False),
        sa.Column("to_record_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("evidence", Json, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", Instant(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_decisions")),
    )
    op.create_table(
        "mapping_worklist",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("native_code", sa.Text(), nullable=False),
        sa.Column("first_seen_at", Instant(), nullable=False),
        sa.Column("last_seen_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mapping_worklist")),
        sa.UniqueConstraint(
            "instance", "table_name", "native_code", name=op.f("uq_mapping_worklist_instance_table_name_native_code")
        ),
    )
    op.create_table(
        "native_codes",
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("native_code", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("classes", Json, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("system", "table_name", "native_code", name=op.f("pk_native_codes")),
    )
    op.create_table(
        "public_log",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("entry_kind", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.Column("sequenced_at", Instant(), nullable=False),
        sa.Column("chain_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_public_log")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_public_log_entry_id")),
    )
    op.create_table(
        "reconciliations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("window_start", Instant(), nullable=True),
        sa.Column("window_end", Instant(), nullable=True),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("quarantined", sa.Integer(), nullable=False),
        sa.Column("repaired", sa.Integer(), nullable=False),
        sa.Column("removed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliations")),
    )
    with op.batch_alter_table("reconciliations", schema=None) as batch_op:
        batch_op.create_index("ix_reconciliations_instance", ["instance", "started_at"], unique=False)

    op.create_table(
        "regions",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("parent_code", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_regions")),
    )
    with op.batch_alter_table("regions", schema=None) as batch_op:
        batch_op.create_index("ix_regions_parent_code", ["parent_code"], unique=False)

    op.create_table(
        "store_identity",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_store_identity")),
    )
    op.create_table(
        "sync_runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("started_at", Instant(), nullable=False),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("pulled", sa.Integer(), nullable=False),
        sa.Column("new", sa.Integer(), nullable=False),
        sa.Column("quarantined", sa.Integer(), nullable=False),
        sa.Column("incidents", sa.Integer(), nullable=False),
        sa.Column("error_kind", sa.Text(), nullable=True),
        sa.Column("error_hint", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_runs")),
    )
    with op.batch_alter_table("sync_runs", schema=None) as batch_op:
        batch_op.create_index("ix_sync_runs_instance", ["instance", "started_at"], unique=False)

    op.create_table(
        "unsequenced",
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("entry_kind", sa.Text(), nullable=False),
        sa.Column("entry_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_unsequenced")),
    )
    op.create_table(
        "event_words",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["handling_events.id"], name=op.f("fk_event_words_event_id")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_event_words")),
    )
    op.create_table(
        "inbox_items",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("page_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("item_key", sa.Text(), nullable=False),
        sa.Column("native_id", sa.Text(), nullable=False),
        sa.Column("native_no", sa.Text(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=True),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("content_mark", sa.Text(), nullable=False),
        sa.Column("recurrence", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("data_key_id", sa.Text(), nullable=False),
        sa.Column("body_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=True),
        sa.Column("lineage", sa.Text(), nullable=True),
        sa.Column("part", sa.Text(), nullable=True),
        sa.Column("fetch_rank", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("order_key", sa.Text(), nullable=True),
        sa.Column("applied_at", Instant(), nullable=True),
        sa.Column("mapping_version", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["data_key_id"], ["data_keys.id"], name=op.f("fk_inbox_items_data_key_id")),
        sa.ForeignKeyConstraint(["page_id"], ["inbox_pages.id"], name=op.f("fk_inbox_items_page_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox_items")),
        sa.UniqueConstraint(
            "instance",
            "item_key",
            "version",
            "content_hash",
            "recurrence",
            name=op.f("uq_inbox_items_instance_item_key_version_content_hash_recurrence"),
        ),
    )
    with op.batch_alter_table("inbox_items", schema=None) as batch_op:
        batch_op.create_index("ix_inbox_items_native_id", ["instance", "native_id"], unique=False)
        batch_op.create_index(
            "ix_inbox_items_pending",
            ["instance", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'PENDING'"),
            postgresql_where=sa.text("state = 'PENDING'"),
        )
        batch_op.create_index("ix_inbox_items_record_id", ["record_id"], unique=False)

    op.create_table(
        "parties",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_plain", sa.Text(), nullable=False),
        sa.Column("id_type", sa.Text(), nullable=False),
        sa.Column("id_mask", sa.Text(), nullable=False),
        sa.Column("id_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("id_index", sa.Text(), nullable=True),
        sa.Column("id_is_valid", sa.Boolean(), nullable=True),
        sa.Column("phone_mask", sa.Text(), nullable=False),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("phone_index", sa.Text(), nullable=True),
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("sex", sa.Text(), nullable=False),
        sa.Column("birth_year", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["record_id"], ["case_records.id"], name=op.f("fk_parties_record_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parties")),
        sa.UniqueConstraint("record_id", "position", name=op.f("uq_parties_record_id_position")),
    )
    with op.batch_alter_table("parties", schema=None) as batch_op:
        batch_op.create_index("ix_parties_id_index", ["id_index"], unique=False)
        batch_op.create_index("ix_parties_phone_index", ["phone_index"], unique=False)

    op.create_table(
        "reconciliation_differences",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("reconciliation_id", sa.Text(), nullable=False),
        sa.Column("native_id", sa.Text(), nullable=False),
        sa.Column("native_no", sa.Text(), nullable=False),
        sa.Column("difference", sa.Text(), nullable=False),
        sa.Column("resolution", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reconciliation_id"], ["reconciliations.id"], name=op.f("fk_reconciliation_differences_reconciliation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciliation_differences")),
    )
    with op.batch_alter_table("reconciliation_differences", schema=None) as batch_op:
        batch_op.create_index("ix_reconciliation_differences_reconciliation_id", ["reconciliation_id"], unique=False)

    op.create_table(
        "record_entries",
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("source_event_id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("is_live", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["case_records.id"], name=op.f("fk_record_entries_record_id")),
        sa.PrimaryKeyConstraint("record_id", "source_event_id", name=op.f("pk_record_entries")),
    )
    with op.batch_alter_table("record_entries", schema=None) as batch_op:
        batch_op.create_index("ix_record_entries_event_id", ["event_id"], unique=False)

    op.create_table(
        "record_links",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("from_record_id", sa.Text(), nullable=False),
        sa.Column("to_record_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("evidence", Json, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("decided_at", Instant(), nullable=False),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["from_record_id"], ["case_records.id"], name=op.f("fk_record_links_from_record_id")),
        sa.ForeignKeyConstraint(["to_record_id"], ["case_records.id"], name=op.f("fk_record_links_to_record_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record_links")),
        sa.UniqueConstraint(
            "from_record_id", "to_record_id", "kind", name=op.f("uq_record_links_from_record_id_to_record_id_kind")
        ),
    )
    with op.batch_alter_table("record_links", schema=None) as batch_op:
        batch_op.create_index("ix_record_links_to_record_id", ["to_record_id"], unique=False)

    op.create_table(
        "record_names",
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["case_records.id"], name=op.f("fk_record_names_record_id")),
        sa.PrimaryKeyConstraint("record_id", "scheme", "value", name=op.f("pk_record_names")),
    )
    with op.batch_alter_table("record_names", schema=None) as batch_op:
        batch_op.create_index("ix_record_names_value", ["value", "scheme"], unique=False)

    op.create_table(
        "record_references",
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["case_records.id"], name=op.f("fk_record_references_record_id")),
        sa.PrimaryKeyConstraint("record_id", "kind", "scheme", "value", name=op.f("pk_record_references")),
    )
    with op.batch_alter_table("record_references", schema=None) as batch_op:
        batch_op.create_index("ix_record_references_value", ["value", "scheme"], unique=False)

    op.create_table(
        "record_unknown_codes",
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("native_code", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["case_records.id"], name=op.f("fk_record_unknown_codes_record_id")),
        sa.PrimaryKeyConstraint("record_id", "table_name", "native_code", name=op.f("pk_record_unknown_codes")),
    )
    op.create_table(
        "referrals",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=True),
        sa.Column("source_event_id", sa.Text(), nullable=False),
        sa.Column("dispute_id", sa.Text(), nullable=True),
        sa.Column("parent_referral_id", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("from_code", sa.Text(), nullable=False),
        sa.Column("to_code", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("termination_reason", sa.Text(), nullable=True),
        sa.Column("agreement_no", sa.Text(), nullable=False),
        sa.Column("undisputed_facts", sa.Text(), nullable=False),
        sa.Column("returned_reason", sa.Text(), nullable=False),
        sa.Column("sent_at", Instant(), nullable=False),
        sa.Column("delivered_at", Instant(), nullable=True),
        sa.Column("accepted_at", Instant(), nullable=True),
        sa.Column("declined_at", Instant(), nullable=True),
        sa.Column("concluded_at", Instant(), nullable=True),
        sa.Column("returned_at", Instant(), nullable=True),
        sa.Column("return_acked_at", Instant(), nullable=True),
        sa.Column("due_at", Instant(), nullable=True),
        sa.Column("partner_ref", sa.Text(), nullable=False),
        sa.Column("owes_return", sa.Boolean(), nullable=False),
        sa.Column("is_live", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["case_records.id"], name=op.f("fk_referrals_record_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_referrals")),
        sa.UniqueConstraint("record_id", "source_event_id", name=op.f("uq_referrals_record_id_source_event_id")),
    )
    with op.batch_alter_table("referrals", schema=None) as batch_op:
        batch_op.create_index("ix_referrals_dispute_id", ["dispute_id"], unique=False)

    op.create_table(
        "quarantine",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("inbox_item_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("quarantined_at", Instant(), nullable=False),
        sa.Column("decided_at", Instant(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["inbox_item_id"], ["inbox_items.id"], name=op.f("fk_quarantine_inbox_item_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
        sa.UniqueConstraint("inbox_item_id", name=op.f("uq_quarantine_inbox_item_id")),
    )
    with op.batch_alter_table("quarantine", schema=None) as batch_op:
        batch_op.create_index("ix_quarantine_state", ["state", "instance"], unique=False)

    guard.install(
        op.get_bind(),
        (
            "handling_events",
            "link_decisions",
            "public_log",
        ),
    )


def downgrade() -> None:
    raise NotImplementedError("history is not taken back; restore a backup instead")
