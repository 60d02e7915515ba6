"""Comparisons of a partner's own list with ours, the latest first, each with its differences key by key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.reading import paging
from hub.reading.connectors import ReconciliationRow
from hub.reading.listing import Listing
from hub.reading.paging import KeyType, Ordering, Page, Window
from hub.store.tables import reconciliation_differences as differences
from hub.store.tables import reconciliations


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """One key on which the two lists disagreed, and what became of it."""

    id: str
    native_id: str
    native_no: str
    difference: str
    resolution: str


_LATEST = Ordering("reconciliations", (("started_at", KeyType.INSTANT), ("id", KeyType.TEXT)), descending=True)
#: in the order they were found
IN_ORDER = Ordering("differences", (("id", KeyType.TEXT),))


def listing(instance: str | None) -> Listing[ReconciliationRow]:
    """Comparisons of one instance, or of all."""
    rows = select(*(reconciliations.c[name] for name in ReconciliationRow.__slots__))
    if instance is not None:
        rows = rows.where(reconciliations.c.instance == instance)
    return Listing(
        rows, _LATEST, lambda row: ReconciliationRow(*(row._mapping[n] for n in ReconciliationRow.__slots__))
    )


def _reconciliation(row: Row[Any]) -> ReconciliationRow:
    return ReconciliationRow(*(row._mapping[name] for name in ReconciliationRow.__slots__))


async def pages(
    connection: AsyncConnection, parents: Sequence[str], resolutions: Sequence[str] | None, asked: Window
) -> Mapping[str, Page[DifferenceRow]]:
    """The same page of several comparisons' differences, in one statement; one without any is missing."""
    source = paging.grouped(_of(parents, resolutions), IN_ORDER, asked)
    groups: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in await connection.execute(select(source).order_by(source.c.parent_id, source.c.place)):
        groups[row.parent_id].append(row)
    return {parent: _page(rows, asked) for parent, rows in groups.items()}


async def totals(
    connection: AsyncConnection, parents: Sequence[str], resolutions: Sequence[str] | None
) -> Mapping[str, int]:
    """How many differences each comparison found; one without any is missing."""
    return await paging.group_totals(connection, _of(parents, resolutions))


async def any_behind(
    connection: AsyncConnection, parents: Sequence[str], resolutions: Sequence[str] | None, asked: Window
) -> frozenset[str]:
    """The comparisons with differences on the other side of the place that the page started from."""
    return await paging.groups_behind(connection, _of(parents, resolutions), IN_ORDER, asked)


def _of(parents: Sequence[str], resolutions: Sequence[str] | None) -> Select[Any]:
    columns = [differences.c[name] for name in DifferenceRow.__slots__]
    rows = select(differences.c.reconciliation_id.label("parent_id"), *columns).where(
        differences.c.reconciliation_id.in_(parents)
    )
    return rows if resolutions is None else rows.where(differences.c.resolution.in_(resolutions))


def _page(rows: Sequence[Row[Any]], asked: Window) -> Page[DifferenceRow]:
    kept = rows[: asked.size]
    if asked.backward:
        kept = kept[::-1]
    made = [DifferenceRow(*(row._mapping[name] for name in DifferenceRow.__slots__)) for row in kept]
    return Page([(row, IN_ORDER.encode([row.id])) for row in made], len(rows) > asked.size)
