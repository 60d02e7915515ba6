"""Search terms: by which words, numbers and names each record is found; citizens' words in the clear, as titles are."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text

from hub.store.tables.base import county_column, metadata

#: compared byte by byte on either database, so that a beginning is a range of the index
Term = Text().with_variant(Text(collation="C"), "postgresql")

search_terms = Table(
    "search_terms",
    metadata,
    # no foreign key: it would be looked up a dozen times a record, in the transaction that writes the record
    Column("record_id", Text, primary_key=True),
    #: a letter that says what it is, then the plain text; see ``hub.store.terms``
    Column("term", Term, primary_key=True),
    county_column(),
    Index("ix_search_terms_term", "term", "record_id"),
    sqlite_with_rowid=False,
)
