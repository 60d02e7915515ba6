"""Handling events: append-only facts without a citizen's words; the words beside them; the public order."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from hub.store.tables.base import Instant, Json, county_column, id_column, metadata

handling_events = Table(
    "handling_events",
    metadata,
    id_column(),
    county_column(),
    #: the record or the dispute to whose stream this belongs for ever; exactly one is set
    Column("record_id", Text),
    Column("dispute_id", Text),
    Column("stream_seq", BigInteger, nullable=False),
    #: ASSERT, SUPERSEDE (``previous_id`` is replaced), RETRACT (``previous_id`` no longer stands)
    Column("operation", Text, nullable=False),
    Column("previous_id", Text),
    Column("kind", Text, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("position", Integer, nullable=False),
    Column("kind_rank", Integer, nullable=False),
    Column("actor_code", Text, nullable=False),
    Column("from_state", Text, nullable=False),
    Column("to_state", Text, nullable=False),
    Column("native_code", Text, nullable=False),
    #: the instance that told it, or ``hub``
    Column("source", Text, nullable=False),
    Column("source_event_id", Text, nullable=False),
    #: provenance: the delivered version and the mapping that made the event
    Column("item_id", Text),
    Column("mapping_version", Integer, nullable=False),
    Column("data", Json, nullable=False),
    #: salted digest of the words beside it; '' when nobody wrote any
    Column("words_digest", Text, nullable=False),
    Column("correlation_id", Text, nullable=False),
    Column("causation_id", Text, nullable=False),
    Column("visibility", Text, nullable=False),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    UniqueConstraint("record_id", "stream_seq"),
    UniqueConstraint("dispute_id", "stream_seq"),
    Index("ix_handling_events_occurred_at", "occurred_at"),
)

event_words = Table(
    "event_words",
    metadata,
    Column("event_id", Text, ForeignKey("handling_events.id"), primary_key=True),
    county_column(),
    #: who acted, by name, and what was written: erasable
    Column("actor_name", Text, nullable=False),
    Column("words", Text, nullable=False),
)

public_log = Table(
    "public_log",
    metadata,
    #: the public sequence: without gaps, given after commit
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    county_column(),
    #: EVENT, LINK, or RECORD: a record reads otherwise, though nothing that happened says so
    Column("entry_kind", Text, nullable=False),
    #: of the event or the link decision; of a record with the version of its row: ``rec_…@7``
    Column("entry_id", Text, nullable=False, unique=True),
    Column("sequenced_at", Instant, nullable=False),
    Column("chain_hash", Text, nullable=False),
)

unsequenced = Table(
    "unsequenced",
    metadata,
    #: written with the entry, taken away when it has its sequence
    Column("entry_id", Text, primary_key=True),
    county_column(),
    Column("entry_kind", Text, nullable=False),
    Column("entry_hash", Text, nullable=False),
)
