"""Changes of the master key and of the index: begun, and ended where nothing of the old one is left."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table, Text, text

from hub.store.tables.base import Instant, county_column, id_column, metadata

rotations = Table(
    "rotations",
    metadata,
    id_column(),
    county_column(),
    #: KEY or INDEX
    Column("kind", Text, nullable=False),
    #: the master keys' fingerprints; the index's slots
    Column("old", Text, nullable=False),
    Column("new", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    #: NULL while something of the old one may be left
    Column("finished_at", Instant),
    #: values that were sealed or indexed anew
    Column("changed", BigInteger, nullable=False),
    Index("ix_rotations_unfinished", "county", unique=True, sqlite_where=text("finished_at IS NULL"),
          postgresql_where=text("finished_at IS NULL")),
)  # fmt: skip
