"""The access log: who looked at citizens' matters, written once and never changed; never what they saw."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text, text

from hub.store.tables.base import Instant, county_column, id_column, metadata

_NONE = text("''")

access_log = Table(
    "access_log",
    metadata,
    id_column(),
    county_column(),
    Column("at", Instant, nullable=False),
    Column("principal_id", Text, nullable=False),
    Column("principal_name", Text, nullable=False),
    Column("role", Text, nullable=False),
    #: READ, REVEAL, FIND, FILE, EXPORT
    Column("kind", Text, nullable=False),
    #: why, as a code; '' where nobody has to say
    Column("purpose", Text, nullable=False, server_default=_NONE),
    #: keyed hash of the GraphQL document as it came; '' where there was none
    Column("document_hash", Text, nullable=False, server_default=_NONE),
    Column("operation", Text, nullable=False, server_default=_NONE),
    #: codes of what was revealed or searched by, with blanks between
    Column("details", Text, nullable=False, server_default=_NONE),
    #: keyed hash of what was searched for: equal searches are equal, nothing else can be told
    Column("searched", Text, nullable=False, server_default=_NONE),
    #: our keys of what the answer held, a blank before and behind each
    Column("subject_ids", Text, nullable=False, server_default=_NONE),
    Column("subject_count", Integer, nullable=False, server_default=text("0")),
    Index("ix_access_log_at", "at"),
    Index("ix_access_log_principal_id", "principal_id", "kind", "at"),
)
