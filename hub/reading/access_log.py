"""Who looked: the access log as an auditor reads it. It holds keys and codes alone, so no row of it is hidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from hub.reading.filters import ANY_DAY, Days, limited, within
from hub.reading.listing import Listing
from hub.reading.paging import KeyType, Ordering
from hub.store.tables import access_log


@dataclass(frozen=True, slots=True)
class LookRow:
    """One look. ``subject_ids``: the first of ``subject_count``."""

    id: str
    at: datetime
    principal_id: str
    principal_name: str
    role: str
    kind: str
    purpose: str
    document_hash: str
    operation: str
    details: str
    searched: str
    subject_ids: str
    subject_count: int


@dataclass(frozen=True, slots=True)
class LookFilter:
    """Conditions that all hold together; None asks for any."""

    principals: Sequence[str] | None = None
    kinds: Sequence[str] | None = None
    purposes: Sequence[str] | None = None
    #: one of the subjects that are named
    subject: str | None = None
    days: Days = ANY_DAY


_BY_TIME = Ordering("accessLog", (("at", KeyType.INSTANT), ("id", KeyType.TEXT)), descending=True)


def look_listing(wanted: LookFilter) -> Listing[LookRow]:
    """Looks, the latest first. Raises UserInputError."""
    c = access_log.c
    rows = select(*(c[name] for name in LookRow.__slots__)).where(*within(c.at, wanted.days))
    for column, values, name in (
        (c.principal_id, wanted.principals, "principals"), (c.kind, wanted.kinds, "kinds"),
        (c.purpose, wanted.purposes, "purposes"),
    ):  # fmt: skip
        if values is not None:
            rows = rows.where(column.in_(limited(values, name)))
    if wanted.subject is not None:
        rows = rows.where(c.subject_ids.contains(f" {wanted.subject} ", autoescape=True))
    return Listing(rows, _BY_TIME, _row)


def _row(row: Row[Any]) -> LookRow:
    return LookRow(*(row._mapping[name] for name in LookRow.__slots__))
