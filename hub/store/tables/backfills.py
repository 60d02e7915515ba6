"""Backfills: reading a partner's whole past once more beside the live pull, generation by generation."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, UniqueConstraint

from hub.store.tables.base import Instant, Json, county_column, id_column, metadata

backfills = Table(
    "backfills",
    metadata,
    id_column(),
    county_column(),
    Column("instance", Text, nullable=False),
    #: 1, 2, 3 … of this instance
    Column("generation", Integer, nullable=False),
    #: what changed there before is not read again; NULL: from the very start
    Column("since", Instant),
    #: RUNNING, COMPLETE, HELD_BACK (more is absent than may be marked without a person), ABANDONED
    Column("state", Text, nullable=False),
    #: where it goes on; the live pull's own cursor is another
    Column("cursor", Json),
    #: greatest update time of the partner read so far
    Column("newest_at", Instant),
    Column("pages", Integer, nullable=False),
    Column("pulled", Integer, nullable=False),
    Column("new", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    #: when the last page was kept: before that nothing can be said to be absent
    Column("read_at", Instant),
    Column("finished_at", Instant),
    #: records of the window that no page showed and a fetch did not give either; of these marked as gone, and held back
    Column("absent", Integer, nullable=False),
    Column("removed", Integer, nullable=False),
    Column("held_back", Integer, nullable=False),
    UniqueConstraint("instance", "generation"),
    Index("ix_backfills_instance", "instance", "started_at"),
)

backfill_keys = Table(
    "backfill_keys",
    metadata,
    Column("backfill_id", Text, ForeignKey("backfills.id"), primary_key=True),
    Column("page", Integer, primary_key=True),
    county_column(),
    #: the keys of one page as hashes of eight bytes each, one behind the other
    Column("marks", LargeBinary, nullable=False),
)

backfill_absences = Table(
    "backfill_absences",
    metadata,
    Column("backfill_id", Text, ForeignKey("backfills.id"), primary_key=True),
    Column("record_id", Text, primary_key=True),
    county_column(),
    Column("native_id", Text, nullable=False),
    Column("native_no", Text, nullable=False),
    #: HELD_BACK, REMOVED, BACK (a later question found it after all)
    Column("resolution", Text, nullable=False),
)
