"""Linking: which records belong together, with evidence; a dispute is a connected component of accepted edges.

Automatic edges are a pure function of current facts, so the order of arrival does not matter: they appear with their
evidence and are revoked with it, unless a person decided them. A reference whose target is not here yet waits in
``record_references`` and is tried at every arrival and numbering.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import bindparam, func, or_, select, true, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import disputes
from hub.desk import Desk
from hub.history import Appender
from hub.store.ids import new_id
from hub.store.lookup import AnyRow, chunks
from hub.store.tables import case_records, link_decisions, record_links, record_names, record_references
from hub.vocabulary import Classification, LinkKind

RULE_1 = "rule:1"
#: so many records of one name are still linked each to each
CROWD = 20
_NAMED = (record_references.c.scheme == record_names.c.scheme) & (record_references.c.value == record_names.c.value)
ACCEPTED, SUGGESTED, REVOKED = "ACCEPTED", "SUGGESTED", "REVOKED"


@dataclass(frozen=True, slots=True)
class Edge:
    """One piece of evidence that two records belong together."""

    from_id: str
    to_id: str
    kind: LinkKind
    scheme: str

    @property
    def pair(self) -> frozenset[str]:
        return frozenset((self.from_id, self.to_id))


async def relink(tx: AsyncConnection, desk: Desk, record_ids: Collection[str], appender: Appender) -> None:
    """Bring the edges of these records, and every dispute they reach, in line with the current facts."""
    if not record_ids:
        return
    reached: set[str] = set()
    waiting = set(record_ids)
    while waiting:
        reached |= waiting
        known = await _edges_of(tx, waiting)
        wanted = await _structured_edges(tx, waiting, known)
        # who lost an edge may have been held by it alone, where others still name it
        waiting = await _decide(tx, desk, known, wanted, appender) - reached
    components = await _components(tx, reached)
    await disputes.settle(tx, desk, components, appender)


async def _structured_edges(
    tx: AsyncConnection, record_ids: Collection[str], known: Mapping[tuple[str, str, str], AnyRow]
) -> dict[tuple[str, str, str], Edge]:
    """Every edge of rule 1 that touches these records: their references, and references to their names."""
    names, references = record_names.c, record_references.c
    found: set[Edge] = set()

    def add(one: str, other: str, kind: LinkKind, scheme: str) -> None:
        # RELATED has no direction: one edge, whoever names whom
        ends = (min(one, other), max(one, other)) if kind is LinkKind.RELATED else (one, other)
        found.add(Edge(*ends, kind, scheme))

    any_crowd = False
    query = select(references.record_id, names.record_id.label("target"), references.kind, references.scheme)
    query = query.join_from(record_references, record_names, _NAMED).where(references.record_id != names.record_id)
    for part in chunks(record_ids):
        crowds = await _crowds(tx, part)
        any_crowd = any_crowd or bool(crowds)
        for side in (references.record_id, names.record_id):
            own = query.where(side.in_(part))
            if crowds:
                of_crowd = tuple_(references.scheme, references.value).in_(list(crowds))
                own = own.where(~(of_crowd & (references.kind == LinkKind.RELATED.value)))
            for row in await tx.execute(own):
                add(row.record_id, row.target, LinkKind(row.kind), row.scheme)
        for (scheme, value), first in crowds.items():
            for column, of in ((names, true()), (references, references.kind == LinkKind.RELATED.value)):
                members = select(column.record_id).where(
                    column.record_id.in_(part), column.scheme == scheme, column.value == value, of
                )
                for member in (await tx.execute(members)).scalars():
                    add(member, first[0] if member != first[0] else first[1], LinkKind.RELATED, scheme)
    if any_crowd:
        found |= await _still_true(tx, known, found)
    continued = {edge.pair for edge in found if edge.kind is not LinkKind.RELATED}
    edges: dict[tuple[str, str, str], Edge] = {}
    for edge in sorted(found, key=lambda known: (known.from_id, known.to_id, known.kind.value, known.scheme)):
        if edge.kind is LinkKind.RELATED and edge.pair in continued:
            continue
        edges.setdefault((edge.from_id, edge.to_id, edge.kind.value), edge)
    return edges


async def _still_true(
    tx: AsyncConnection, known: Mapping[tuple[str, str, str], AnyRow], found: Collection[Edge]
) -> set[Edge]:
    """Edges of a crowd that were made towards another first one, and whose evidence stands."""
    made = {edge.pair for edge in found}
    ends = [
        (one, other)
        for (one, other, kind), row in known.items()
        if kind == LinkKind.RELATED.value and row.state != REVOKED and frozenset((one, other)) not in made
    ]
    names, references = record_names.c, record_references.c
    query = (
        select(references.record_id, names.record_id.label("target"), references.scheme)
        .join_from(record_references, record_names, _NAMED)
        .where(references.kind == LinkKind.RELATED.value)
    )
    still: set[Edge] = set()
    for part in chunks([*ends, *((other, one) for one, other in ends)], 400):
        for row in await tx.execute(query.where(tuple_(references.record_id, names.record_id).in_(part))):
            one, other = sorted((row.record_id, row.target))
            still.add(Edge(one, other, LinkKind.RELATED, row.scheme))
    return still


async def _crowds(tx: AsyncConnection, record_ids: Collection[str]) -> dict[tuple[str, str], Sequence[str]]:
    """Names that more than ``CROWD`` records share and relate to each other by, with the first two of them.

    Of so many each is tied to the first instead of to all others: they are one component all the same.
    """
    names, references = record_names.c, record_references.c
    shared = record_names.alias("shared")
    own = select(names.scheme, names.value).where(names.record_id.in_(record_ids)).distinct().subquery("own")
    query = (
        select(shared.c.scheme, shared.c.value)
        .join_from(own, shared, (shared.c.value == own.c.value) & (shared.c.scheme == own.c.scheme))
        .group_by(shared.c.scheme, shared.c.value)
        .having(func.count() > CROWD)
    )
    found: dict[tuple[str, str], Sequence[str]] = {}
    for scheme, value in (await tx.execute(query)).all():
        members = (
            select(names.record_id)
            .join_from(record_names, record_references, _NAMED & (references.record_id == names.record_id))
            .where(names.scheme == scheme, names.value == value, references.kind == LinkKind.RELATED.value)
            .order_by(names.record_id)
            .limit(2)
        )
        first = (await tx.execute(members)).scalars().all()
        if len(first) == 2:
            found[(scheme, value)] = first
    return found


async def _decide(
    tx: AsyncConnection, desk: Desk, known: dict[tuple[str, str, str], AnyRow],
    wanted: dict[tuple[str, str, str], Edge], appender: Appender,
) -> set[str]:  # fmt: skip
    """Write what changed among the automatic edges; returns the records that lost one. Uses ``known`` up."""
    restricted = await _restricted(tx, {end for edge in wanted.values() for end in (edge.from_id, edge.to_id)})
    now = desk.clock()
    fresh: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    decisions: list[dict[str, Any]] = []
    loosened: set[str] = set()

    def decide(link_id: str, ends: tuple[str, str, str], state: str, evidence: dict[str, str]) -> None:
        decision: dict[str, Any] = {
            "id": new_id("lnd", desk.county), "county": desk.county, "from_record_id": ends[0],
            "to_record_id": ends[1], "kind": ends[2], "decision": state, "method": "REFERENCE", "confidence": 1.0,
            "evidence": evidence, "decided_by": RULE_1, "decided_at": now,
        }  # fmt: skip
        decision["hash"] = decision_hash(decision)
        decisions.append(decision)
        appender.wait_for_sequence(decision["id"], "LINK", decision["hash"])

    for ends, edge in wanted.items():
        # one end restricted, the other not: never joined by itself, whatever the evidence (WIRES 0.25)
        state = SUGGESTED if len(edge.pair & restricted) == 1 else ACCEPTED
        evidence = {"scheme": edge.scheme}
        row = known.pop(ends, None)
        if row is None:
            link_id = new_id("lnk", desk.county)
            fresh.append(
                {
                    "id": link_id, "county": desk.county, "from_record_id": ends[0], "to_record_id": ends[1],
                    "kind": ends[2], "state": state, "method": "REFERENCE", "confidence": 1.0, "evidence": evidence,
                    "decided_by": RULE_1, "decided_at": now, "revoked_at": None,
                }
            )  # fmt: skip
            decide(link_id, ends, state, evidence)
        elif row.decided_by == RULE_1 and row.state != state:
            changed.append({"link": row.id, "new_state": state, "new_at": now, "new_revoked": None})
            decide(row.id, ends, state, evidence)
            if state != ACCEPTED:
                loosened.update(edge.pair)
    for ends, row in known.items():
        if row.decided_by == RULE_1 and row.state in (ACCEPTED, SUGGESTED):
            changed.append({"link": row.id, "new_state": REVOKED, "new_at": now, "new_revoked": now})
            decide(row.id, ends, REVOKED, dict(row.evidence))
            loosened.update(ends[:2])
    if fresh:
        await tx.execute(record_links.insert(), fresh)
    if changed:
        await tx.execute(
            update(record_links)
            .where(record_links.c.id == bindparam("link"))
            .values(state=bindparam("new_state"), decided_at=bindparam("new_at"), revoked_at=bindparam("new_revoked")),
            changed,
        )
    if decisions:
        await tx.execute(link_decisions.insert(), decisions)
    return loosened


def decision_hash(decision: dict[str, Any]) -> str:
    """SHA-256 over what a link decision states."""
    stated = [
        decision[name]
        for name in ("id", "from_record_id", "to_record_id", "kind", "decision", "method", "confidence", "evidence",
                     "decided_by")
    ]  # fmt: skip
    stated.append(decision["decided_at"].timestamp())
    return hashlib.sha256(orjson.dumps(stated, option=orjson.OPT_SORT_KEYS)).hexdigest()


async def _edges_of(tx: AsyncConnection, record_ids: Collection[str]) -> dict[tuple[str, str, str], AnyRow]:
    edges: dict[tuple[str, str, str], AnyRow] = {}
    for part in chunks(record_ids):
        query = select(record_links).where(
            or_(record_links.c.from_record_id.in_(part), record_links.c.to_record_id.in_(part))
        )
        for row in await tx.execute(query):
            edges[(row.from_record_id, row.to_record_id, row.kind)] = row
    return edges


async def _restricted(tx: AsyncConnection, record_ids: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for part in chunks(record_ids):
        query = select(case_records.c.id).where(
            case_records.c.id.in_(part), case_records.c.classification == Classification.RESTRICTED.value
        )
        found.update((await tx.execute(query)).scalars())
    return found


async def _components(tx: AsyncConnection, record_ids: Collection[str]) -> list[set[str]]:
    """The connected components of accepted edges around these records."""
    neighbours: dict[str, set[str]] = {record_id: set() for record_id in record_ids}
    frontier = set(record_ids)
    while frontier:
        reached: set[str] = set()
        for part in chunks(frontier):
            query = select(record_links.c.from_record_id, record_links.c.to_record_id).where(
                record_links.c.state == ACCEPTED,
                or_(record_links.c.from_record_id.in_(part), record_links.c.to_record_id.in_(part)),
            )
            for one, other in await tx.execute(query):
                for end, far in ((one, other), (other, one)):
                    if end not in neighbours:
                        neighbours[end] = set()
                        reached.add(end)
                    neighbours[end].add(far)
        frontier = reached
    components, placed = [], set()
    for start in neighbours:
        if start in placed:
            continue
        component, waiting = set(), [start]
        while waiting:
            record_id = waiting.pop()
            if record_id not in component:
                component.add(record_id)
                waiting.extend(neighbours[record_id] - component)
        placed |= component
        components.append(component)
    return components
