"""Linking: which records belong together, with evidence; a dispute is a connected component of accepted edges.

Automatic edges are a pure function of current facts, so the order of arrival does not matter: they appear with their
evidence and are revoked with it, unless a person decided them. A reference whose target is not here yet waits in
``record_references`` and is tried at every arrival and numbering.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import bindparam, func, or_, select, true, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import disputes
from hub.desk import Desk
from hub.edges import ACCEPTED, REVOKED, RULE_1, RULE_2, SUGGESTED, Edge
from hub.history import Appender
from hub.matching import matched_edges
from hub.store.ids import new_id
from hub.store.lookup import AnyRow, chunks
from hub.store.tables import case_records, link_decisions, record_links, record_names, record_references
from hub.vocabulary import Classification, LinkKind

#: so many records of one name are still linked each to each
CROWD = 20
_NAMED = (record_references.c.scheme == record_names.c.scheme) & (record_references.c.value == record_names.c.value)
#: what a rule decided a rule may decide again; a person's word stands
_RULES = "rule:"


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
        for edge in await matched_edges(tx, waiting):
            # a reference says more than a likeness
            if edge.ends not in wanted and not wanted.keys() & edge.any_ends:
                wanted[edge.ends] = edge
        # who lost an edge may have been held by it alone, where others still name it
        waiting = await _decide(tx, desk, known, wanted, appender) - reached
    reached |= await _guard(tx, desk, reached, appender)
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
        edges.setdefault(edge.ends, edge)
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
    change = _Change(desk, appender)
    loosened: set[str] = set()
    for ends, edge in wanted.items():
        # one end restricted, the other not: never joined by itself, whatever the evidence (WIRES 0.25)
        is_kept_apart = len(edge.pair & restricted) == 1
        state = ACCEPTED if _joins(desk, edge) and not is_kept_apart else SUGGESTED
        row = known.pop(ends, None)
        if row is None:
            change.insert(edge, state)
            continue
        if not row.decided_by.startswith(_RULES):
            continue
        if row.decided_by == edge.rule == RULE_2 and row.state == SUGGESTED and not is_kept_apart:
            # the size guard may have had its reason; it looks again below
            continue
        if row.state != state or row.decided_by != edge.rule:
            change.update(row, state, edge)
            if row.state == ACCEPTED and state != ACCEPTED:
                loosened.update(edge.pair)
    for ends, row in known.items():
        if row.decided_by.startswith(_RULES) and row.state in (ACCEPTED, SUGGESTED):
            change.update(row, REVOKED)
            if row.state == ACCEPTED or row.decided_by == RULE_2:
                # who is left may be few enough for the size guard again
                loosened.update(ends[:2])
    await change.write(tx)
    return loosened


def _joins(desk: Desk, edge: Edge) -> bool:
    return edge.rule == RULE_1 or (edge.rule == RULE_2 and desk.links_people)


async def _guard(tx: AsyncConnection, desk: Desk, record_ids: Collection[str], appender: Appender) -> set[str]:
    """Law 13: where likeness alone would make too large a component, all its rule-2 edges become suggestions.

    The component is that of all evidence, accepted or guarded, so that the answer depends on the facts alone. Returns
    the records whose edges changed.
    """
    change, touched = _Change(desk, appender), set()
    for component in await _components(tx, record_ids, with_guarded=True):
        edges = await _edges_of(tx, component)
        by_rule_2 = [row for row in edges.values() if row.decided_by == RULE_2 and row.state in (ACCEPTED, SUGGESTED)]
        if not by_rule_2:
            continue
        restricted = await _restricted(tx, component)
        state = ACCEPTED if desk.links_people and len(component) <= desk.size_guard else SUGGESTED
        for row in by_rule_2:
            is_kept_apart = len({row.from_record_id, row.to_record_id} & restricted) == 1
            wanted = SUGGESTED if is_kept_apart else state
            if row.state != wanted:
                change.update(row, wanted)
                touched |= component
    await change.write(tx)
    return touched


class _Change:
    """Edges to write, each with the decision that goes into the public log."""

    def __init__(self, desk: Desk, appender: Appender) -> None:
        self._desk, self._appender, self._now = desk, appender, desk.clock()
        self._fresh: list[dict[str, Any]] = []
        self._changed: list[dict[str, Any]] = []
        self._decisions: list[dict[str, Any]] = []

    def insert(self, edge: Edge, state: str) -> None:
        """A new edge."""
        evidence = {"scheme": edge.scheme}
        self._fresh.append(
            {
                "id": new_id("lnk", self._desk.county), "county": self._desk.county, "from_record_id": edge.from_id,
                "to_record_id": edge.to_id, "kind": edge.kind.value, "state": state, "method": edge.method,
                "confidence": edge.confidence, "evidence": evidence, "decided_by": edge.rule,
                "decided_at": self._now, "revoked_at": None,
            }
        )  # fmt: skip
        self._decide(edge.ends, state, edge.method, edge.confidence, evidence, edge.rule)

    def update(self, row: AnyRow, state: str, edge: Edge | None = None) -> None:
        """Another state of a known edge, and where ``edge`` is given its evidence of today."""
        method, confidence, rule = (
            (edge.method, edge.confidence, edge.rule) if edge else (row.method, row.confidence, row.decided_by)
        )
        evidence = {"scheme": edge.scheme} if edge else dict(row.evidence)
        self._changed.append(
            {
                "link": row.id, "new_state": state, "new_at": self._now, "new_method": method,
                "new_confidence": confidence, "new_evidence": evidence, "new_by": rule,
                "new_revoked": self._now if state == REVOKED else None,
            }
        )  # fmt: skip
        ends = (row.from_record_id, row.to_record_id, row.kind)
        self._decide(ends, state, method, confidence, evidence, rule)

    def _decide(
        self, ends: tuple[str, str, str], state: str, method: str, confidence: float, evidence: dict[str, Any],
        rule: str,
    ) -> None:  # fmt: skip
        decision: dict[str, Any] = {
            "id": new_id("lnd", self._desk.county), "county": self._desk.county, "from_record_id": ends[0],
            "to_record_id": ends[1], "kind": ends[2], "decision": state, "method": method, "confidence": confidence,
            "evidence": evidence, "decided_by": rule, "decided_at": self._now,
        }  # fmt: skip
        decision["hash"] = decision_hash(decision)
        self._decisions.append(decision)
        self._appender.wait_for_sequence(decision["id"], "LINK", decision["hash"])

    async def write(self, tx: AsyncConnection) -> None:
        """Write all of it."""
        if self._fresh:
            await tx.execute(record_links.insert(), self._fresh)
        if self._changed:
            names = {"state": "state", "decided_at": "at", "revoked_at": "revoked", "method": "method",
                     "confidence": "confidence", "evidence": "evidence", "decided_by": "by"}  # fmt: skip
            await tx.execute(
                update(record_links)
                .where(record_links.c.id == bindparam("link"))
                .values({column: bindparam(f"new_{name}") for column, name in names.items()}),
                self._changed,
            )
        if self._decisions:
            await tx.execute(link_decisions.insert(), self._decisions)


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


async def _components(
    tx: AsyncConnection, record_ids: Collection[str], *, with_guarded: bool = False
) -> list[set[str]]:
    """The connected components of accepted edges around these records; ``with_guarded``: of rule-2 suggestions too."""
    holds = record_links.c.state == ACCEPTED
    if with_guarded:
        holds = or_(holds, (record_links.c.decided_by == RULE_2) & (record_links.c.state == SUGGESTED))
    neighbours: dict[str, set[str]] = {record_id: set() for record_id in record_ids}
    frontier = set(record_ids)
    while frontier:
        reached: set[str] = set()
        for part in chunks(frontier):
            query = select(record_links.c.from_record_id, record_links.c.to_record_id).where(
                holds,
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
