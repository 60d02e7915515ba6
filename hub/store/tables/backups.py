"""What was saved when and where, so that the hub can say what was not."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table, Text

from hub.store.tables.base import Instant, county_column, id_column, metadata

backups = Table(
    "backups",
    metadata,
    id_column(),
    county_column(),
    #: DATA, KEYS, or RESTORED: this database came out of an archive
    Column("kind", Text, nullable=False),
    Column("at", Instant, nullable=False),
    #: of the master key of that time
    Column("key_fingerprint", Text, nullable=False),
    #: the file's path on the machine that wrote or read it
    Column("place", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Index("ix_backups_at", "kind", "at"),
)
