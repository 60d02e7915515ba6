"""What a store must agree on with whoever opens it: the county it belongs to, the master key it was sealed with."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from hub.store.tables.base import metadata

store_identity = Table(
    "store_identity",
    metadata,
    #: COUNTY or KEY
    Column("name", Text, primary_key=True),
    #: the county's code; the master key's fingerprint
    Column("value", Text, nullable=False),
)
