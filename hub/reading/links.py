"""Links between records as anyone may read them: what is suggested, what was decided, by whom and on what evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.edges import SUGGESTED
from hub.reading.filters import limited
from hub.reading.listing import Listing
from hub.reading.paging import KeyType, Ordering
from hub.sight import Sight
from hub.store.tables import case_records, record_links


@dataclass(frozen=True, slots=True)
class LinkRow:
    """One piece of evidence that two records belong together, and what became of it."""

    id: str
    from_record_id: str
    to_record_id: str
    kind: str
    state: str
    method: str
    confidence: float
    evidence: Any
    decided_by: str
    decided_at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class LinkFilter:
    """Conditions that all hold together; None asks for any."""

    states: Sequence[str] | None = (SUGGESTED,)
    methods: Sequence[str] | None = None
    #: links of any record of these disputes
    dispute_ids: Sequence[str] | None = None
    record_ids: Sequence[str] | None = None
    instances: Sequence[str] | None = None


_BY_ID = Ordering("links", (("id", KeyType.TEXT),), descending=True)
_COLUMNS = [record_links.c[name] for name in LinkRow.__slots__]


def link_listing(sight: Sight, wanted: LinkFilter) -> Listing[LinkRow]:
    """Links, the latest found first. Raises UserInputError.

    A suggestion whose records are of one dispute anyhow asks nothing of anybody and is left out.
    """
    one, other = case_records.alias("one"), case_records.alias("other")
    c = record_links.c
    rows = (
        select(*_COLUMNS)
        .join(one, one.c.id == c.from_record_id)
        .join(other, other.c.id == c.to_record_id)
        .where(
            sight.records(one),
            sight.records(other),
            or_(
                c.state != SUGGESTED,
                one.c.dispute_id.is_(None),
                other.c.dispute_id.is_(None),
                one.c.dispute_id != other.c.dispute_id,
            ),
        )
    )
    if wanted.states is not None:
        rows = rows.where(c.state.in_(limited(wanted.states, "states")))
    if wanted.methods is not None:
        rows = rows.where(c.method.in_(limited(wanted.methods, "methods")))
    for values, name, ends in (
        (wanted.dispute_ids, "disputes", (one.c.dispute_id, other.c.dispute_id)),
        (wanted.record_ids, "records", (one.c.id, other.c.id)),
        (wanted.instances, "instances", (one.c.instance, other.c.instance)),
    ):
        if values is not None:
            rows = rows.where(or_(*(end.in_(limited(values, name)) for end in ends)))
    return Listing(rows, _BY_ID, _row)


async def by_id(connection: AsyncConnection, sight: Sight, link_id: str) -> LinkRow | None:
    """One link; None where nothing is known under that id."""
    c = record_links.c
    both_seen = (sight.record_ids(c.from_record_id), sight.record_ids(c.to_record_id))
    row = (await connection.execute(select(*_COLUMNS).where(c.id == link_id, *both_seen))).first()
    return None if row is None else _row(row)


def _row(row: Row[Any]) -> LinkRow:
    return LinkRow(*(row._mapping[name] for name in LinkRow.__slots__))
