"""Disputes: one row, one code per matter; its state is derived from its records and the hub's own acts."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, Table, Text, text

from hub.store.tables.base import Instant, county_column, id_column, metadata

disputes = Table(
    "disputes",
    metadata,
    id_column(),
    county_column(),
    #: 一案一码
    Column("code", Text, nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("region_code", Text, nullable=False),
    Column("address_text", Text, nullable=False),
    #: of its earliest-received record that has one: a point in degrees, in that partner's coordinate system
    Column("lng", Float),
    Column("lat", Float),
    Column("crs", Text, nullable=False, server_default=text("''")),
    Column("amount_cny", Text),
    Column("people_involved", Integer),
    Column("state", Text, nullable=False),
    Column("state_since", Instant, nullable=False),
    Column("outcome", Text),
    Column("procedure", Text, nullable=False),
    Column("holder_code", Text, nullable=False),
    Column("classification", Text, nullable=False),
    Column("registered_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("merged_into", Text),
    #: its earliest-received opening record; a merged shell comes back with it after a split
    Column("opening_record_id", Text, nullable=False),
    #: what the hub's own acts say on top of the facts: state, since when, the state a suspension goes back to
    Column("own_state", Text),
    Column("own_since", Instant),
    Column("own_outcome", Text),
    Column("suspended_from", Text),
    #: who at the centre has it in hand: unit code, and a name (people's words)
    Column("assignee_code", Text, nullable=False, server_default=text("''")),
    Column("assignee_name", Text, nullable=False, server_default=text("''")),
    #: false while merged away or while every record of it is gone at the source
    Column("is_live", Boolean, nullable=False),
    Column("record_count", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("stream_seq", BigInteger, nullable=False),
    Column("stream_hash", Text, nullable=False),
    Index("ix_disputes_registered_at", "registered_at", "id"),
    Index("ix_disputes_region_code", "region_code"),
    Index("ix_disputes_lng", "lng", "lat"),
    Index("ix_disputes_opening_record_id", "opening_record_id"),
    Index("ix_disputes_assignee_name", "assignee_name"),
    Index("ix_disputes_assignee_code", "assignee_code"),
)

code_counters = Table(
    "code_counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
