"""Links: the names records answer to, the references they make, the edges between them and who decided each."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Table, Text, UniqueConstraint, text

from hub.store.tables.base import Instant, Json, county_column, id_column, metadata

record_names = Table(
    "record_names",
    metadata,
    Column("record_id", Text, ForeignKey("case_records.id"), primary_key=True),
    Column("scheme", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    county_column(),
    Index("ix_record_names_value", "value", "scheme"),
)

record_references = Table(
    "record_references",
    metadata,
    Column("record_id", Text, ForeignKey("case_records.id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("scheme", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    county_column(),
    Index("ix_record_references_value", "value", "scheme"),
)

own_references = Table(
    "own_references",
    metadata,
    #: what the hub itself knows to belong to a record: what a push of ours opened at a partner's
    Column("record_id", Text, ForeignKey("case_records.id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("scheme", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    county_column(),
    Column("referral_id", Text, ForeignKey("referrals.id"), nullable=False),
    Index("ix_own_references_value", "value", "scheme"),
)

record_links = Table(
    "record_links",
    metadata,
    id_column(),
    county_column(),
    Column("from_record_id", Text, ForeignKey("case_records.id"), nullable=False),
    Column("to_record_id", Text, ForeignKey("case_records.id"), nullable=False),
    Column("kind", Text, nullable=False),
    #: ACCEPTED, SUGGESTED, REFUSED, REVOKED
    Column("state", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("evidence", Json, nullable=False),
    #: ``rule:1`` or a named person; a person's decision is never undone by a rule
    Column("decided_by", Text, nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    #: grows with every decision
    Column("version", BigInteger, nullable=False, server_default=text("1")),
    UniqueConstraint("from_record_id", "to_record_id", "kind"),
    Index("ix_record_links_to_record_id", "to_record_id"),
    Index("ix_record_links_state", "state", "id"),
)

record_separations = Table(
    "record_separations",
    metadata,
    #: the smaller id first: two records that a person has parted share no component by themselves
    Column("record_id", Text, ForeignKey("case_records.id"), primary_key=True),
    Column("other_record_id", Text, ForeignKey("case_records.id"), primary_key=True),
    county_column(),
    Column("decided_by", Text, nullable=False),
    Column("decided_at", Instant, nullable=False),
    #: when a person joined them again
    Column("lifted_at", Instant),
    Index("ix_record_separations_other_record_id", "other_record_id"),
)

link_decisions = Table(
    "link_decisions",
    metadata,
    id_column(),
    county_column(),
    Column("from_record_id", Text, nullable=False),
    Column("to_record_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("evidence", Json, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("hash", Text, nullable=False),
)
