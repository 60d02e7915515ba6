"""Parties as each record names them: numbers sealed per field, findable by a keyed index, shown by a mask."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, UniqueConstraint

from hub.store.tables.base import county_column, id_column, metadata

parties = Table(
    "parties",
    metadata,
    id_column(),
    county_column(),
    Column("record_id", Text, ForeignKey("case_records.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("role", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("name", Text, nullable=False),
    #: NFKC without spaces, for comparison
    Column("name_plain", Text, nullable=False),
    Column("id_type", Text, nullable=False),
    Column("id_mask", Text, nullable=False),
    Column("id_sealed", LargeBinary),
    #: two slots, of which one is looked up (``hub.party_index``) and the other is empty but during a rotation
    Column("id_index", Text),
    Column("id_index_2", Text),
    #: NULL: none or masked; false: wrong check digit, kept all the same
    Column("id_is_valid", Boolean),
    Column("phone_mask", Text, nullable=False),
    Column("phone_sealed", LargeBinary),
    Column("phone_index", Text),
    Column("phone_index_2", Text),
    Column("region_code", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("sex", Text, nullable=False),
    Column("birth_year", Integer),
    UniqueConstraint("record_id", "position"),
    Index("ix_parties_id_index", "id_index"),
    Index("ix_parties_phone_index", "phone_index"),
    Index("ix_parties_id_index_2", "id_index_2"),
    Index("ix_parties_phone_index_2", "phone_index_2"),
)
