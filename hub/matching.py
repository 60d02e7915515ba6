"""Matching: records that tell of the same people in the same kind of quarrel, found by keyed indexes alone.

Rule 2: an identified party of one is a party of the other, another party of one is another party of the other (by
number, or by name where either has none), the classes meet, and no more than 180 days lie between the two receipts.
Rule 3: the same phone, the same village, classes that meet, 30 days. What a rule finds depends on the two records
alone, so the order of arrival does not matter. A number quoted in people's words counts as a reference where the
classes meet (rule 1), and is otherwise suggested (rule 4).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import party_index
from hub.edges import RULE_1, RULE_2, RULE_3, RULE_4, Edge, related
from hub.store.lookup import chunks
from hub.store.tables import case_records, parties
from hub.vocabulary import LinkKind

#: between the two receipts
RULE_2_DAYS, RULE_3_DAYS = 180, 30
#: an index that stands in more records than this belongs to a duty phone or an agent, and says nothing of a quarrel
CROWD = 40
_VILLAGE_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Person:
    """A party as far as it can be compared."""

    id_index: str | None
    phone_index: str | None
    name: str


@dataclass(frozen=True, slots=True)
class Side:
    """A record as far as it can be compared."""

    record_id: str
    received_at: datetime
    classes: frozenset[str]
    region_code: str
    people: tuple[Person, ...]


def is_same_matter(one: Side, other: Side) -> bool:
    """Rule 2. Symmetric."""
    if not one.classes & other.classes or not _within(one, other, RULE_2_DAYS):
        return False
    for mine in one.people:
        for theirs in other.people:
            if mine.id_index is None or mine.id_index != theirs.id_index:
                continue
            if any(
                _is_same_person(far, near)
                for far in one.people
                if far is not mine
                for near in other.people
                if near is not theirs
            ):
                return True
    return False


def may_be_same_matter(one: Side, other: Side) -> bool:
    """Rule 3. Symmetric."""
    return (
        bool(one.classes & other.classes)
        and _within(one, other, RULE_3_DAYS)
        and len(one.region_code) >= _VILLAGE_DIGITS
        and one.region_code[:_VILLAGE_DIGITS] == other.region_code[:_VILLAGE_DIGITS]
        and bool(_phones(one) & _phones(other))
    )


def _within(one: Side, other: Side, days: int) -> bool:
    return abs(one.received_at - other.received_at) <= timedelta(days=days)


def _is_same_person(one: Person, other: Person) -> bool:
    if one.id_index is not None and other.id_index is not None:
        return one.id_index == other.id_index
    return bool(one.name) and "*" not in one.name and one.name == other.name


def _phones(side: Side) -> set[str]:
    return {person.phone_index for person in side.people if person.phone_index is not None}


async def matched_edges(tx: AsyncConnection, record_ids: Collection[str]) -> list[Edge]:
    """What rules 2 and 3 say of these records and any other."""
    pairs = await _candidates(tx, record_ids)
    sides = await _sides(tx, {end for pair in pairs for end in pair})
    edges = []
    for one, other in sorted(tuple(sorted(pair)) for pair in pairs):
        if one not in sides or other not in sides:
            continue
        if is_same_matter(sides[one], sides[other]):
            edges.append(related(one, other, "people", rule=RULE_2, method="IDENTIFIER", confidence=0.95))
        elif may_be_same_matter(sides[one], sides[other]):
            edges.append(related(one, other, "phone", rule=RULE_3, method="PHONE", confidence=0.6))
    return edges


async def quoted_edges(tx: AsyncConnection, quoted: Collection[tuple[str, str, str]]) -> list[Edge]:
    """What quoting says of these (quoting record, named record, scheme)."""
    classes: dict[str, frozenset[str]] = {}
    for part in chunks({end for one, other, _ in quoted for end in (one, other)}):
        query = select(case_records.c.id, case_records.c.class_set).where(case_records.c.id.in_(part))
        classes.update({row.id: frozenset(row.class_set.split()) for row in await tx.execute(query)})
    edges = []
    for one, other, scheme in sorted(quoted):
        agrees = bool(classes.get(one, frozenset()) & classes.get(other, frozenset()))
        rule, confidence = (RULE_1, 0.9) if agrees else (RULE_4, 0.5)
        edges.append(Edge(one, other, LinkKind.QUOTES, scheme, rule=rule, method="QUOTED", confidence=confidence))
    return edges


async def _candidates(tx: AsyncConnection, record_ids: Collection[str]) -> set[frozenset[str]]:
    """Pairs that share an identifier or a phone, one of them in ``record_ids``."""
    pairs: set[frozenset[str]] = set()
    slot = await party_index.live_slot(tx)
    for column in (party_index.column(party_index.ID, slot), party_index.column(party_index.PHONE, slot)):
        mine: dict[str, set[str]] = defaultdict(set)
        for part in chunks(record_ids):
            query = select(parties.c.record_id, column).where(parties.c.record_id.in_(part), column.is_not(None))
            for record_id, index in await tx.execute(query):
                mine[index].add(record_id)
        holders: dict[str, set[str]] = defaultdict(set)
        for part in chunks(mine):
            query = select(parties.c.record_id, column).where(column.in_(part))
            for record_id, index in await tx.execute(query):
                holders[index].add(record_id)
        for index, own in mine.items():
            if len(holders[index]) <= CROWD:
                pairs |= {frozenset((a, b)) for a in own for b in holders[index] if a != b}
    return pairs


async def _sides(tx: AsyncConnection, record_ids: Iterable[str]) -> dict[str, Side]:
    rec = case_records.c
    people: dict[str, list[Person]] = defaultdict(list)
    wanted: Sequence[str] = sorted(record_ids)
    for part in chunks(wanted):
        query = select(
            parties.c.record_id, party_index.compared(party_index.ID), party_index.compared(party_index.PHONE),
            parties.c.name_plain,
        )  # fmt: skip
        for record_id, id_index, phone_index, name in await tx.execute(query.where(parties.c.record_id.in_(part))):
            people[record_id].append(Person(id_index, phone_index, name))
    sides: dict[str, Side] = {}
    for part in chunks(wanted):
        records = select(rec.id, rec.received_at, rec.class_set, rec.region_code).where(rec.id.in_(part))
        for record_id, received_at, class_set, region_code in await tx.execute(records):
            found = tuple(people[record_id])
            sides[record_id] = Side(record_id, received_at, frozenset(class_set.split()), region_code, found)
    return sides
