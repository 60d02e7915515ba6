"""Case records as anyone may read them: by key, by the agency's own number, by dispute, as a filtered list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, and_, not_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.errors import UserInputError
from hub.reading import paging
from hub.reading.filters import ANY_DAY, Days, bracket_spellings, in_regions, limited, within
from hub.reading.paging import KeyType, Ordering, Page, Window
from hub.sight import Sight
from hub.store.tables import case_records


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One agency's record as its newest version tells it."""

    id: str
    instance: str
    system: str
    native_id: str
    #: '' while the agency has given no number
    native_no: str
    agency_code: str
    native_kind: str
    native_state: str
    state: str
    title: str
    content: str
    address: str
    category_native: str
    category: str
    channel: str
    received_at: datetime
    native_updated_at: datetime | None
    first_seen_at: datetime
    last_seen_at: datetime
    region_code: str
    #: yuan, a decimal string
    amount_cny: str | None
    people_involved: int | None
    classification: str
    dispute_id: str | None
    link_method: str | None
    link_confidence: float | None
    link_evidence: Any
    deleted_at_source: datetime | None


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Conditions that all hold together; a list matches any of its values."""

    instances: Sequence[str] | None = None
    kinds: Sequence[str] | None = None
    states: Sequence[str] | None = None
    native_id: str | None = None
    #: either width of brackets
    native_no: str | None = None
    regions: Sequence[str] | None = None
    received: Days = ANY_DAY
    has_dispute: bool | None = None
    deleted_at_source: bool | None = None


#: newest first
ORDERING = Ordering("received", (("received_at", KeyType.INSTANT), ("id", KeyType.TEXT)), descending=True)

_COLUMNS = [case_records.c[name] for name in RecordRow.__slots__]


def _row(found: Row[Any]) -> RecordRow:
    return RecordRow(*(found._mapping[name] for name in RecordRow.__slots__))


async def by_ids(connection: AsyncConnection, sight: Sight, ids: Iterable[str]) -> dict[str, RecordRow]:
    """The records with these keys; unknown keys are missing."""
    found = await connection.execute(select(*_COLUMNS).where(case_records.c.id.in_(list(ids)), sight.records()))
    return {row.id: _row(row) for row in found}


async def by_native(
    connection: AsyncConnection, sight: Sight, instance: str, native_id: str, native_no: str | None
) -> RecordRow | None:
    """The record an agency knows by that id and number; ``''`` asks for the one without a number.

    ``native_no`` may be None where the id has one record only. Raises UserInputError where it has several.
    """
    statement = select(*_COLUMNS).where(
        case_records.c.instance == instance, case_records.c.native_id == native_id, sight.records()
    )
    if native_no is not None:
        statement = statement.where(case_records.c.native_no.in_(bracket_spellings(native_no)))
    found = (await connection.execute(statement.order_by(case_records.c.id).limit(2))).all()
    if native_no is None and len(found) > 1:
        raise UserInputError("several records share this nativeId", hint="Give nativeNo; '' is the unnumbered one.")
    return _row(found[0]) if found else None


async def of_disputes(
    connection: AsyncConnection, sight: Sight, dispute_ids: Iterable[str]
) -> Mapping[str, Sequence[RecordRow]]:
    """The records of each dispute, the earliest received first."""
    statement = (
        select(*_COLUMNS)
        .where(case_records.c.dispute_id.in_(list(dispute_ids)), sight.records())
        .order_by(case_records.c.received_at, case_records.c.id)
    )
    groups: dict[str, list[RecordRow]] = defaultdict(list)
    for row in await connection.execute(statement):
        groups[row.dispute_id].append(_row(row))
    return groups


def _chosen(sight: Sight, wanted: RecordFilter) -> Select[Any]:
    rows = select(*_COLUMNS).where(sight.records())
    for column, values, name in (
        (case_records.c.instance, wanted.instances, "instances"),
        (case_records.c.native_kind, wanted.kinds, "kinds"),
        (case_records.c.state, wanted.states, "states"),
    ):
        if values is not None:
            rows = rows.where(column.in_(limited(values, name)))
    if wanted.native_id is not None:
        rows = rows.where(case_records.c.native_id == wanted.native_id)
    if wanted.native_no is not None:
        rows = rows.where(case_records.c.native_no.in_(bracket_spellings(wanted.native_no)))
    if wanted.regions is not None:
        rows = rows.where(in_regions(case_records.c.region_code, wanted.regions))
    if wanted.has_dispute is not None:
        # that a record of theirs lies in a dispute that they do not see, is not theirs to find out
        in_one = and_(case_records.c.dispute_id.is_not(None), sight.dispute_ids(case_records.c.dispute_id))
        rows = rows.where(in_one if wanted.has_dispute else not_(in_one))
    if wanted.deleted_at_source is not None:
        gone = case_records.c.deleted_at_source.is_not(None)
        rows = rows.where(gone if wanted.deleted_at_source else not_(gone))
    return rows.where(*within(case_records.c.received_at, wanted.received))


async def page(connection: AsyncConnection, sight: Sight, wanted: RecordFilter, asked: Window) -> Page[RecordRow]:
    """One page of the list, newest first. Raises UserInputError."""
    found, more = await paging.fetch(connection, _chosen(sight, wanted), ORDERING, asked)
    return Page([(_row(row), ORDERING.encode((row.received_at, row.id))) for row in found], more)


async def total(connection: AsyncConnection, sight: Sight, wanted: RecordFilter) -> int:
    """How many records the list holds."""
    return await paging.total(connection, _chosen(sight, wanted))


async def any_behind(connection: AsyncConnection, sight: Sight, wanted: RecordFilter, asked: Window) -> bool:
    """Whether the list has rows on the other side of the place that the page started from."""
    return await paging.any_behind(connection, _chosen(sight, wanted), ORDERING, asked)
