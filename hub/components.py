"""Components: the records that hang together by evidence, read once, and what of the evidence joins them now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.desk import Desk
from hub.edges import ACCEPTED, JOINING_RULES, RULE_1, SUGGESTED
from hub.joining import Circumstances, Groups, Rank, Tie, held_back
from hub.store.lookup import AnyRow, chunks
from hub.store.tables import case_records, record_links, record_separations
from hub.vocabulary import Classification

_HOLDS = (ACCEPTED, SUGGESTED)


class Evidence:
    """Every edge around some records that joins or would join by itself, as the store has it."""

    def __init__(self, records: Collection[str], rows: Mapping[str, AnyRow]) -> None:
        self._rows = rows
        self._records = records

    @classmethod
    async def load(cls, tx: AsyncConnection, desk: Desk, record_ids: Collection[str]) -> Evidence:
        """All that hangs together with these records."""
        found: dict[str, AnyRow] = {}
        known, frontier = set(record_ids), set(record_ids)
        while frontier:
            reached: set[str] = set()
            for part in chunks(frontier):
                for column in (record_links.c.from_record_id, record_links.c.to_record_id):
                    query = select(record_links).where(column.in_(part), record_links.c.state.in_(_HOLDS))
                    for row in await tx.execute(query):
                        if _may_join(desk, row):
                            found[row.id] = row
                            reached |= {row.from_record_id, row.to_record_id}
            frontier = reached - known
            known |= frontier
        return cls(known, found)

    async def changes(self, tx: AsyncConnection, desk: Desk) -> list[tuple[AnyRow, str, str]]:
        """Edges whose state is not what it ought to be: (row, state, why it is held back or '')."""
        # a lone accepted edge of rule 1 is the rule; whatever could be said against it is asked for at once
        ties = [Tie(row.id, row.from_record_id, row.to_record_id, _rank(row)) for row in self._rows.values()]
        held = held_back(ties, await self._circumstances(tx, desk))
        changed = []
        for row in self._rows.values():
            reason = held.get(row.id, "")
            state = SUGGESTED if reason else ACCEPTED
            if row.state != state or (reason and row.evidence.get("held") != reason):
                changed.append((row, state, reason))
        return changed

    def components(self, changes: Collection[tuple[AnyRow, str, str]]) -> list[set[str]]:
        """The records in the groups that accepted edges make of them, these changes applied."""
        states = {row.id: state for row, state, _ in changes}
        groups = Groups(sorted(self._records))
        for row in self._rows.values():
            if states.get(row.id, row.state) == ACCEPTED:
                groups.join(row.from_record_id, row.to_record_id)
        return groups.all()

    async def _circumstances(self, tx: AsyncConnection, desk: Desk) -> Circumstances:
        restricted: set[str] = set()
        worked: set[str] = set()
        names: dict[str, tuple[str, ...]] = {}
        parted: dict[str, set[str]] = {}
        rec, apart = case_records.c, record_separations.c
        # a record without an edge can neither be held back nor hold another
        ends = {end for row in self._rows.values() for end in (row.from_record_id, row.to_record_id)}
        for part in chunks(ends):
            query = select(rec.id, rec.instance, rec.native_id, rec.lineage, rec.classification, rec.worked_at)
            for row in await tx.execute(query.where(rec.id.in_(part))):
                names[row.id] = (row.instance, row.native_id, row.lineage)
                if row.classification == Classification.RESTRICTED.value:
                    restricted.add(row.id)
                if row.worked_at is not None:
                    worked.add(row.id)
            bars = select(apart.record_id, apart.other_record_id).where(
                apart.record_id.in_(part), apart.lifted_at.is_(None)
            )
            for one, other in await tx.execute(bars):
                parted.setdefault(one, set()).add(other)
                parted.setdefault(other, set()).add(one)
        return Circumstances(desk.size_guard, restricted, parted, worked, names)


def _may_join(desk: Desk, row: Any) -> bool:
    if row.decided_by not in JOINING_RULES:
        # a person's edge joins when accepted; a mere likeness that a rule suggests never does
        return bool(row.state == ACCEPTED)
    return bool(row.decided_by == RULE_1 or desk.links_people)


def _rank(row: Any) -> Rank:
    if row.decided_by not in JOINING_RULES:
        return Rank.PERSON
    return Rank.REFERENCE if row.decided_by == RULE_1 else Rank.LIKENESS
