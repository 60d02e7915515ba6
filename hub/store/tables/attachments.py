"""Files that records name: what became of each, and their contents, sealed once however many records name them."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, UniqueConstraint, text

from hub.store.tables.base import Instant, county_column, id_column, metadata

attachment_contents = Table(
    "attachment_contents",
    metadata,
    id_column(),
    county_column(),
    #: keyed hash: equal files are one row, and nobody without the key can test a guess
    Column("content_hash", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    #: of the file as it was fetched
    Column("bytes", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    #: the content's own data key under the master key, and what it seals; to erase a content is to delete its row
    Column("wrapped", LargeBinary, nullable=False),
    Column("body_sealed", LargeBinary, nullable=False),
    UniqueConstraint("county", "content_hash"),
)

attachments = Table(
    "attachments",
    metadata,
    id_column(),
    county_column(),
    Column("instance", Text, nullable=False),
    Column("record_id", Text, ForeignKey("case_records.id"), nullable=False),
    #: keyed hash of what stays the same at every read; the address itself is in the sealed items only
    Column("ref_hash", Text, nullable=False),
    #: place in the record's own order
    Column("position", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    #: as declared, without path; numbers of persons masked
    Column("name", Text, nullable=False),
    Column("classification", Text, nullable=False),
    #: PENDING, STORED, REFUSED, FAILED
    Column("state", Text, nullable=False),
    #: why it is not stored, or not yet
    Column("reason", Text),
    #: tries that failed since the file was first seen or last asked for again
    Column("attempts", Integer, nullable=False),
    Column("next_try_at", Instant, nullable=False),
    Column("first_seen_at", Instant, nullable=False),
    Column("fetched_at", Instant),
    #: what the bytes are, whatever the partner called them
    Column("media_type", Text),
    Column("bytes", Integer),
    Column("content_id", Text, ForeignKey("attachment_contents.id")),
    #: the newest version of the record names it no more
    Column("deleted_at_source", Instant),
    UniqueConstraint("record_id", "ref_hash"),
    Index("ix_attachments_waiting", "instance", "next_try_at", sqlite_where=text("state = 'PENDING'"),
          postgresql_where=text("state = 'PENDING'")),
    Index("ix_attachments_content_id", "content_id"),
    Index("ix_attachments_state", "state", "id"),
)  # fmt: skip
