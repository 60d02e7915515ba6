"""Reference data of a county: its regions, the agencies it knows, its partners' native codes."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text, UniqueConstraint

from hub.store.tables.base import Instant, Json, county_column, id_column, metadata

regions = Table(
    "regions",
    metadata,
    Column("code", Text, primary_key=True),
    county_column(),
    Column("name", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("parent_code", Text, nullable=False),
    Index("ix_regions_parent_code", "parent_code"),
)

agencies = Table(
    "agencies",
    metadata,
    id_column(),
    county_column(),
    #: 12-digit unit code as it stands on the wires
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("region_code", Text, nullable=False),
    Column("parent_id", Text),
    UniqueConstraint("county", "code"),
)

native_codes = Table(
    "native_codes",
    metadata,
    county_column(),
    Column("system", Text, primary_key=True),
    Column("table_name", Text, primary_key=True),
    Column("native_code", Text, primary_key=True),
    Column("label", Text, nullable=False),
    #: list of zz-dispute-17 codes; empty: no dispute
    Column("classes", Json, nullable=False),
    #: FILE from the county's folder, OPERATOR by ``codes set``: a file never overwrites an operator
    Column("source", Text, nullable=False),
    Column("changed_at", Instant, nullable=False),
)
