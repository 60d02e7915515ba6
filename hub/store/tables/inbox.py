"""What partners delivered: pages as manifests, items kept whole and sealed, and the ones set apart."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, UniqueConstraint, text

from hub.store.tables.base import Instant, Json, county_column, id_column, metadata

inbox_pages = Table(
    "inbox_pages",
    metadata,
    id_column(),
    county_column(),
    Column("instance", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    #: PULL, FETCH, DIGEST, WEBHOOK, BACKFILL
    Column("origin", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("cursor", Json),
    Column("item_count", Integer, nullable=False),
    Column("new_count", Integer, nullable=False),
    #: keyed hash over the items' content hashes in order: proves what the page held without holding it twice
    Column("manifest_hash", Text, nullable=False),
    Index("ix_inbox_pages_run_id", "run_id"),
)

data_keys = Table(
    "data_keys",
    metadata,
    id_column(),
    county_column(),
    Column("instance", Text, nullable=False),
    Column("native_id", Text, nullable=False),
    #: the record's data key under the master key; NULL once destroyed: nothing sealed with it can be read again
    Column("wrapped", LargeBinary),
    Column("created_at", Instant, nullable=False),
    Column("destroyed_at", Instant),
    UniqueConstraint("instance", "native_id"),
)

inbox_items = Table(
    "inbox_items",
    metadata,
    id_column(),
    county_column(),
    Column("instance", Text, nullable=False),
    Column("page_id", Text, ForeignKey("inbox_pages.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("item_key", Text, nullable=False),
    Column("native_id", Text, nullable=False),
    Column("native_no", Text, nullable=False),
    #: the partner's time of this version, and the same as text ('' unknown) because NULL never collides
    Column("updated_at", Instant),
    Column("version", Text, nullable=False),
    #: keyed hash of the canonical item: equal content, equal hash
    Column("content_hash", Text, nullable=False),
    #: the partner's own opaque hash of the content; '' where its wire gives none
    Column("content_mark", Text, nullable=False),
    #: 0, or how often the same content came back on a wire without versions
    Column("recurrence", Integer, nullable=False, server_default=text("0")),
    Column("data_key_id", Text, ForeignKey("data_keys.id"), nullable=False),
    Column("body_sealed", LargeBinary),
    Column("received_at", Instant, nullable=False),
    #: PENDING, APPLIED, QUARANTINED, DISCARDED, PARKED (waits for the part that opens its record);
    #: ERASED: only key, version and time are kept
    Column("state", Text, nullable=False),
    Column("record_id", Text),
    Column("lineage", Text),
    #: which part of a composed record the item is; '' where a record is one item
    Column("part", Text),
    #: > 0 where a fetch settled a tie: the latest fetch wins among versions of one stamp
    Column("fetch_rank", BigInteger, nullable=False, server_default=text("0")),
    #: sortable text: stamp, fetch rank, the connector's tie-break, lifecycle, hash
    Column("order_key", Text),
    Column("applied_at", Instant),
    Column("mapping_version", Integer),
    UniqueConstraint("instance", "item_key", "version", "content_hash", "recurrence"),
    Index("ix_inbox_items_pending", "instance", "id", sqlite_where=text("state = 'PENDING'"),
          postgresql_where=text("state = 'PENDING'")),
    Index("ix_inbox_items_record_id", "record_id"),
    Index("ix_inbox_items_native_id", "instance", "native_id"),
)  # fmt: skip

quarantine = Table(
    "quarantine",
    metadata,
    id_column(),
    county_column(),
    Column("instance", Text, nullable=False),
    Column("inbox_item_id", Text, ForeignKey("inbox_items.id"), nullable=False, unique=True),
    #: the rule that was broken, and where; never a value
    Column("code", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("hint", Text, nullable=False),
    #: OPEN, RESOLVED (a retry or a newer version succeeded), DISCARDED
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("quarantined_at", Instant, nullable=False),
    Column("decided_at", Instant),
    Column("decided_by", Text),
    Column("decided_reason", Text),
    #: grows with every change, so that a person decides only what they saw
    Column("version", BigInteger, nullable=False, server_default=text("1")),
    Index("ix_quarantine_state", "state", "instance"),
)

webhook_nonces = Table(
    "webhook_nonces",
    metadata,
    #: the partner's own mark of one attempt, kept for longer than an attempt can be repeated
    Column("instance", Text, primary_key=True),
    Column("nonce", Text, primary_key=True),
    county_column(),
    Column("seen_at", Instant, nullable=False),
    Index("ix_webhook_nonces_seen_at", "seen_at"),
)
