"""Acts done under a client's key: what a repeat is answered from."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text

from hub.store.tables.base import Instant, Json, county_column, metadata

acts_done = Table(
    "acts_done",
    metadata,
    Column("decided_by", Text, primary_key=True),
    #: the client's own, e.g. a UUID
    Column("key", Text, primary_key=True),
    county_column(),
    #: keyed hash of the input: the same key with another input is a mistake of the client's
    Column("input_hash", Text, nullable=False),
    #: ids of what the act made or changed
    Column("result", Json, nullable=False),
    Column("at", Instant, nullable=False),
    Index("ix_acts_done_at", "at"),
)
