"""What a store must agree on with whoever opens it: its county, and the keys it is sealed and searched with."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from hub.store.tables.base import metadata

store_identity = Table(
    "store_identity",
    metadata,
    #: COUNTY, KEY, CONTENT_KEY, INDEX_KEY_1, INDEX_KEY_2, INDEX_SLOT
    Column("name", Text, primary_key=True),
    #: the county's code; the fingerprint of the master key that is sealed with; kept keys, wrapped by it, as hex;
    #: the slot of the index that is looked up
    Column("value", Text, nullable=False),
)
