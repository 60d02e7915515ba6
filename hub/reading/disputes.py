"""Disputes as anyone may read them: by key, by code, as a filtered list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Subquery, exists, func, literal, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.errors import UserInputError
from hub.reading import paging
from hub.reading.filters import (
    ANY_DAY,
    Days,
    bracket_spellings,
    in_categories,
    in_regions,
    limited,
    search_text,
    within,
)
from hub.reading.paging import KeyType, Ordering, Page, Window
from hub.sight import Sight
from hub.store.tables import case_records, disputes


@dataclass(frozen=True, slots=True)
class DisputeRow:
    """One dispute as it stands now."""

    id: str
    code: str
    title: str
    summary: str
    category: str
    channel: str
    region_code: str
    address_text: str
    #: yuan, a decimal string
    amount_cny: str | None
    people_involved: int | None
    state: str
    state_since: datetime
    outcome: str | None
    procedure: str
    holder_code: str
    classification: str
    registered_at: datetime
    closed_at: datetime | None
    merged_into: str | None
    version: int
    assignee_code: str
    assignee_name: str
    #: degrees, in the coordinate system ``crs``; None where no record tells
    lng: float | None
    lat: float | None
    crs: str


@dataclass(frozen=True, slots=True)
class Box:
    """A part of the map in degrees, its edges included."""

    west: float
    south: float
    east: float
    north: float


@dataclass(frozen=True, slots=True)
class DisputeFilter:
    """Conditions that all hold together; a list matches any of its values, ``records_from`` needs all."""

    text: str | None = None
    code: str | None = None
    states: Sequence[str] | None = None
    categories: Sequence[str] | None = None
    channels: Sequence[str] | None = None
    regions: Sequence[str] | None = None
    holder: str | None = None
    #: a person's name or a unit's code
    assignee: str | None = None
    #: compared as the partner told the point, in whatever coordinate system
    box: Box | None = None
    registered: Days = ANY_DAY
    records_from: Sequence[str] | None = None
    #: also those merged away or gone at every source
    include_former: bool = False


_COLUMNS = [disputes.c[name] for name in DisputeRow.__slots__]


def by_registration(*, descending: bool) -> Ordering:
    """In the order of registration."""
    return Ordering("registered", (("registered_at", KeyType.INSTANT), ("id", KeyType.TEXT)), descending)


def by_state_since(*, descending: bool) -> Ordering:
    """In the order in which the present state began."""
    return Ordering("state_since", (("state_since", KeyType.INSTANT), ("id", KeyType.TEXT)), descending)


def by_number(*, descending: bool) -> Ordering:
    """In the order of their codes."""
    return Ordering("code", (("code", KeyType.TEXT),), descending)


def _row(found: Row[Any]) -> DisputeRow:
    return DisputeRow(*(found._mapping[name] for name in DisputeRow.__slots__))


async def by_ids(connection: AsyncConnection, sight: Sight, ids: Iterable[str]) -> dict[str, DisputeRow]:
    """The disputes with these keys, merged ones included; unknown keys are missing."""
    found = await connection.execute(select(*_COLUMNS).where(disputes.c.id.in_(list(ids)), sight.disputes()))
    return {row.id: _row(row) for row in found}


async def by_code(connection: AsyncConnection, sight: Sight, code: str) -> DisputeRow | None:
    """The dispute of that code; the code of a merged dispute still answers with that dispute."""
    found = (await connection.execute(select(*_COLUMNS).where(disputes.c.code == code, sight.disputes()))).first()
    return None if found is None else _row(found)


def _chosen(sight: Sight, wanted: DisputeFilter) -> Select[Any]:
    rows = select(*_COLUMNS).where(sight.disputes())
    if not wanted.include_former:
        rows = rows.where(disputes.c.is_live)
    if wanted.text is not None:
        rows = rows.where(_mentions(sight, search_text(wanted.text)))
    if wanted.code is not None:
        rows = rows.where(disputes.c.code == wanted.code)
    for column, values, name in (
        (disputes.c.state, wanted.states, "states"),
        (disputes.c.channel, wanted.channels, "channels"),
    ):
        if values is not None:
            rows = rows.where(column.in_(limited(values, name)))
    if wanted.categories is not None:
        rows = rows.where(in_categories(disputes.c.category, wanted.categories))
    if wanted.regions is not None:
        rows = rows.where(in_regions(disputes.c.region_code, wanted.regions))
    if wanted.holder is not None:
        rows = rows.where(disputes.c.holder_code == wanted.holder)
    if wanted.assignee is not None:
        rows = rows.where(or_(disputes.c.assignee_name == wanted.assignee, disputes.c.assignee_code == wanted.assignee))
    if wanted.box is not None:
        box = wanted.box
        if not (-180 <= box.west <= box.east <= 180 and -90 <= box.south <= box.north <= 90):
            raise UserInputError("this is no part of the map", hint="west ≤ east and south ≤ north, in degrees.")
        rows = rows.where(disputes.c.lng.between(box.west, box.east), disputes.c.lat.between(box.south, box.north))
    for source in limited(wanted.records_from or (), "recordsFrom"):
        rows = rows.where(_has_record(sight, or_(case_records.c.instance == source, case_records.c.system == source)))
    return rows.where(*within(disputes.c.registered_at, wanted.registered))


def _has_record(sight: Sight, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists(select(1).where(case_records.c.dispute_id == disputes.c.id, condition, sight.records()))


def _mentions(sight: Sight, text: str) -> ColumnElement[bool]:
    numbers = or_(
        *(case_records.c.native_no.icontains(number, autoescape=True) for number in bracket_spellings(text)),
        case_records.c.native_id == text,
    )
    return or_(
        disputes.c.title.icontains(text, autoescape=True),
        disputes.c.summary.icontains(text, autoescape=True),
        disputes.c.code.icontains(text, autoescape=True),
        _has_record(sight, numbers),
    )


async def page(
    connection: AsyncConnection, sight: Sight, wanted: DisputeFilter, ordering: Ordering, asked: Window
) -> Page[DisputeRow]:
    """One page of the list. Raises UserInputError."""
    found, more = await paging.fetch(connection, _chosen(sight, wanted), ordering, asked)
    return Page(
        [(_row(row), ordering.encode([row._mapping[name] for name, _ in ordering.keys])) for row in found], more
    )


async def total(connection: AsyncConnection, sight: Sight, wanted: DisputeFilter) -> int:
    """How many disputes the list holds."""
    return await paging.total(connection, _chosen(sight, wanted))


#: what a list is counted by; a village counts for its township
_FACETS: Mapping[str, Callable[[Subquery], ColumnElement[str]]] = {
    "STATE": lambda rows: rows.c.state,
    "CATEGORY": lambda rows: rows.c.category,
    "CHANNEL": lambda rows: rows.c.channel,
    "REGION": lambda rows: func.substr(rows.c.region_code, 1, 9),
    "HOLDER": lambda rows: rows.c.holder_code,
}


async def facets(
    connection: AsyncConnection, sight: Sight, wanted: DisputeFilter, by: Sequence[str]
) -> dict[str, list[tuple[str, int]]]:
    """The whole list by each of these facets: values with their counts, the most frequent first. One statement."""
    counts: dict[str, list[tuple[str, int]]] = {name: [] for name in by}
    parts = []
    for name in by:
        rows = _chosen(sight, wanted).subquery()
        value = _FACETS[name](rows)
        parts.append(select(literal(name).label("name"), value.label("value"), func.count().label("n")).group_by(value))
    found = (await connection.execute(union_all(*parts))).all()
    for row in sorted(found, key=lambda row: (-row.n, row.value)):
        counts[row.name].append((row.value, row.n))
    return counts


async def any_behind(
    connection: AsyncConnection, sight: Sight, wanted: DisputeFilter, ordering: Ordering, asked: Window
) -> bool:
    """Whether the list has rows on the other side of the place that the page started from."""
    return await paging.any_behind(connection, _chosen(sight, wanted), ordering, asked)
