"""Case records: each agency's own record as its newest version tells it, and the entries that are facts now."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from hub.store.tables.base import Instant, Json, county_column, id_column, metadata

_NUMBERED = text("native_no <> ''")
_UNNUMBERED = text("native_no = ''")

case_records = Table(
    "case_records",
    metadata,
    id_column(),
    county_column(),
    Column("instance", Text, nullable=False),
    Column("system", Text, nullable=False),
    Column("native_id", Text, nullable=False),
    Column("native_no", Text, nullable=False),
    Column("lineage", Text, nullable=False),
    Column("agency_code", Text, nullable=False),
    Column("native_kind", Text, nullable=False),
    Column("native_state", Text, nullable=False),
    Column("state", Text, nullable=False),
    #: people's words, identifiers and phones inside them masked
    Column("title", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("address", Text, nullable=False),
    #: a point in degrees, in the partner's own coordinate system
    Column("lng", Float),
    Column("lat", Float),
    Column("crs", Text, nullable=False, server_default=text("''")),
    Column("category_native", Text, nullable=False),
    Column("category", Text, nullable=False),
    #: the top classes the native code stands for, e.g. ``06 08``; linking compares them
    Column("class_set", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("native_updated_at", Instant),
    Column("first_seen_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("region_code", Text, nullable=False),
    Column("amount_cny", Text),
    Column("people_involved", Integer),
    Column("classification", Text, nullable=False),
    Column("procedure", Text),
    #: what figures count this record under, and whether it is itself such a unit
    Column("unit_key", Text, nullable=False),
    Column("is_unit", Boolean, nullable=False),
    Column("docketed_at", Instant),
    Column("rejected_at", Instant),
    Column("withdrawn_at", Instant),
    Column("result_outcome", Text),
    Column("result_at", Instant),
    Column("result_position", Integer),
    #: in any version ever known (law 12)
    Column("opens_dispute", Boolean, nullable=False),
    Column("dispute_id", Text),
    Column("link_method", Text),
    Column("link_confidence", Float),
    Column("link_evidence", Json),
    #: since when it stands for a dispute that a person has worked on
    Column("worked_at", Instant),
    #: the partner's list no longer holds it
    Column("deleted_at_source", Instant),
    #: digest of parties, names and references, so that an unchanged family is not written again
    Column("family_hash", Text, nullable=False),
    #: whether the newest version hides numbers that an older one may tell
    Column("has_masked", Boolean, nullable=False),
    Column("newest_item_id", Text, nullable=False),
    Column("order_key", Text, nullable=False),
    Column("mapping_version", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),
    #: head of this record's own event chain
    Column("stream_seq", BigInteger, nullable=False),
    Column("stream_hash", Text, nullable=False),
    Index("uq_case_records_numbered", "instance", "native_id", "native_no", unique=True,
          sqlite_where=_NUMBERED, postgresql_where=_NUMBERED),
    Index("uq_case_records_unnumbered", "instance", "native_id", "lineage", unique=True,
          sqlite_where=_UNNUMBERED, postgresql_where=_UNNUMBERED),
    # the two unique indexes are partial: a search by native id alone needs one that is not
    Index("ix_case_records_native_id", "instance", "native_id"),
    Index("ix_case_records_dispute_id", "dispute_id"),
    Index("ix_case_records_received_at", "received_at", "id"),
    Index("ix_case_records_unit_key", "unit_key"),
    Index("ix_case_records_native_no", "native_no"),
)  # fmt: skip

record_entries = Table(
    "record_entries",
    metadata,
    Column("record_id", Text, ForeignKey("case_records.id"), primary_key=True),
    Column("source_event_id", Text, primary_key=True),
    county_column(),
    Column("kind", Text, nullable=False),
    #: the event that tells this entry now, or the retraction that took it back
    Column("event_id", Text, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("is_live", Boolean, nullable=False),
    Index("ix_record_entries_event_id", "event_id"),
)

record_unknown_codes = Table(
    "record_unknown_codes",
    metadata,
    Column("record_id", Text, ForeignKey("case_records.id"), primary_key=True),
    Column("table_name", Text, primary_key=True),
    Column("native_code", Text, primary_key=True),
    county_column(),
    Index("ix_record_unknown_codes_code", "table_name", "native_code"),
)

mapping_worklist = Table(
    "mapping_worklist",
    metadata,
    id_column(),
    county_column(),
    Column("instance", Text, nullable=False),
    Column("table_name", Text, nullable=False),
    Column("native_code", Text, nullable=False),
    Column("first_seen_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    UniqueConstraint("instance", "table_name", "native_code"),
)
