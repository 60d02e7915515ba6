"""Parties: as one record names them, and once per person over all records of a dispute. Never a sealed number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.party_index import ID, compared
from hub.sight import Sight
from hub.store.tables import case_records, parties


@dataclass(frozen=True, slots=True)
class PartyRow:
    """A person or organisation as a record names them; numbers only as masks."""

    id: str
    record_id: str
    role: str
    type: str
    name: str
    id_type: str
    id_mask: str
    phone_mask: str
    region_code: str
    address: str
    sex: str
    birth_year: int | None


_COLUMNS = [parties.c[name] for name in PartyRow.__slots__]


def _row(found: Row[Any]) -> PartyRow:
    return PartyRow(*(found._mapping[name] for name in PartyRow.__slots__))


async def by_ids(connection: AsyncConnection, sight: Sight, ids: Iterable[str]) -> dict[str, PartyRow]:
    """The parties with these keys; unknown keys are missing."""
    found = await connection.execute(select(*_COLUMNS).where(parties.c.id.in_(list(ids)), sight.parties()))
    return {row.id: _row(row) for row in found}


async def of_records(
    connection: AsyncConnection, sight: Sight, record_ids: Iterable[str]
) -> Mapping[str, Sequence[PartyRow]]:
    """The parties each record names, in the record's own order."""
    statement = (
        select(*_COLUMNS)
        .where(parties.c.record_id.in_(list(record_ids)), sight.parties())
        .order_by(parties.c.record_id, parties.c.position)
    )
    groups: dict[str, list[PartyRow]] = defaultdict(list)
    for row in await connection.execute(statement):
        groups[row.record_id].append(_row(row))
    return groups


def _of_disputes(sight: Sight, dispute_ids: Iterable[str]) -> Select[Any]:
    return (
        select(*_COLUMNS, compared(ID), parties.c.name_plain, case_records.c.dispute_id)
        .join(case_records, case_records.c.id == parties.c.record_id)
        .where(case_records.c.dispute_id.in_(list(dispute_ids)), sight.records())
        .order_by(case_records.c.received_at, case_records.c.id, parties.c.position)
    )


async def of_disputes(
    connection: AsyncConnection, sight: Sight, dispute_ids: Iterable[str]
) -> Mapping[str, Sequence[PartyRow]]:
    """The parties of each dispute, each person once, in the order in which the records brought them."""
    groups: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in await connection.execute(_of_disputes(sight, dispute_ids)):
        groups[row.dispute_id].append(row)
    return {dispute_id: _persons(rows) for dispute_id, rows in groups.items()}


def _persons(rows: Sequence[Row[Any]]) -> list[PartyRow]:
    """Same number, same person; same type and name, where one of the two has no number. The nameless stay apart."""
    by_number: dict[str, int] = {}
    by_name: dict[tuple[str, str], int] = {}
    persons: list[Row[Any]] = []
    # those with a number first: a name without one joins the person whose number is known, whichever came earlier
    for row in sorted(rows, key=lambda row: row.id_index is None):
        name = (row.type, row.name_plain)
        known = by_number.get(row.id_index) if row.id_index is not None else by_name.get(name)
        if known is not None:
            continue
        if row.id_index is not None:
            by_number[row.id_index] = len(persons)
        if row.name_plain:
            by_name.setdefault(name, len(persons))
        persons.append(row)
    place = {row.id: index for index, row in enumerate(rows)}
    return [_row(row) for row in sorted(persons, key=lambda row: place[row.id])]
