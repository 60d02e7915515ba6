"""What partners' items look like: fields and their types, as often as they came; never a value."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Table, Text, UniqueConstraint

from hub.store.tables.base import Instant, county_column, id_column, metadata

observed_fields = Table(
    "observed_fields",
    metadata,
    id_column(),
    county_column(),
    Column("instance", Text, nullable=False),
    #: the partner's own kinds of item have fields of their own, e.g. a dataset
    Column("item_kind", Text, nullable=False),
    #: e.g. ``dsr[].xm``; '' is the item itself
    Column("path", Text, nullable=False),
    #: string, number, boolean, object, list, null, or mixed within one item
    Column("json_type", Text, nullable=False),
    #: whether the connector knows the field; NULL where it declares none
    Column("is_declared", Boolean),
    Column("first_seen_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    #: items that had it
    Column("times", BigInteger, nullable=False),
    #: objects that could have held it: before it first came, and when it last came
    Column("parents_before", BigInteger, nullable=False),
    Column("parents_at_last", BigInteger, nullable=False),
    #: NEW, GONE, TYPE_CHANGED: what a person took as known
    Column("accepted_kind", Text),
    Column("accepted_at", Instant),
    Column("accepted_by", Text),
    UniqueConstraint("instance", "item_kind", "path", "json_type"),
)
