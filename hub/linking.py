"""Linking: which records belong together, with evidence; a dispute is a connected component of accepted edges.

Automatic edges are a pure function of current facts, so the order of arrival does not matter: they appear with their
evidence and are revoked with it, unless a person decided them; ``hub.joining`` judges which of them join. A reference
whose target is not here yet waits in ``record_references`` and is tried at every arrival and numbering.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import func, or_, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import disputes
from hub.acts import Act
from hub.components import Evidence
from hub.desk import Desk
from hub.edge_changes import EdgeChanges
from hub.edges import ACCEPTED, JOINING_RULES, REVOKED, RULE_1, RULE_2, SUGGESTED, Edge
from hub.history import Appender
from hub.matching import matched_edges, quoted_edges
from hub.store.lookup import AnyRow, chunks
from hub.store.tables import own_references, record_links, record_names, record_references
from hub.vocabulary import LinkKind

#: so many records of one name are still linked each to each
CROWD = 20
_NAMED = (record_references.c.scheme == record_names.c.scheme) & (record_references.c.value == record_names.c.value)
#: what a rule decided a rule may decide again; a person's word stands
_RULES = "rule:"


async def relink(
    tx: AsyncConnection, desk: Desk, record_ids: Collection[str], appender: Appender, act: Act | None = None
) -> None:
    """Bring the edges of these records, and every dispute they reach, in line with the current facts.

    ``act``: whose decision this follows; then the disputes' own acts carry that name and reason.
    """
    if not record_ids:
        return
    changes = EdgeChanges(desk, appender)
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
        waiting = _weigh(desk, known, wanted, changes) - reached
        await changes.write(tx)
    evidence = await Evidence.load(tx, desk, reached)
    judged = await evidence.changes(tx, desk)
    for row, state, held in judged:
        changes.update(row, state, held=held)
        reached |= {row.from_record_id, row.to_record_id}
    await changes.write(tx)
    await changes.conclude(tx)
    touched = [component for component in evidence.components(judged) if not component.isdisjoint(reached)]
    await disputes.settle(tx, desk, touched, appender, act)


async def _structured_edges(
    tx: AsyncConnection, record_ids: Collection[str], known: Mapping[tuple[str, str, str], AnyRow]
) -> dict[tuple[str, str, str], Edge]:
    """Every edge by name that touches these records: their references, and references to their names."""
    names, references = record_names.c, record_references.c
    found: set[Edge] = set()

    def add(one: str, other: str, kind: LinkKind, scheme: str) -> None:
        # RELATED has no direction: one edge, whoever names whom
        ends = (min(one, other), max(one, other)) if kind is LinkKind.RELATED else (one, other)
        found.add(Edge(*ends, kind, scheme))

    any_crowd = False
    quoted: set[tuple[str, str, str]] = set()
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
                if row.kind == LinkKind.QUOTES.value:
                    quoted.add((row.record_id, row.target, row.scheme))
                else:
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
    for edge in await _own_edges(tx, record_ids):
        add(edge.from_id, edge.to_id, edge.kind, edge.scheme)
    continued = {edge.pair for edge in found if edge.kind is not LinkKind.RELATED}
    edges: dict[tuple[str, str, str], Edge] = {}
    for edge in sorted(found, key=lambda known: (known.from_id, known.to_id, known.kind.value, known.scheme)):
        if edge.kind is LinkKind.RELATED and edge.pair in continued:
            continue
        edges.setdefault(edge.ends, edge)
    said = {edge.pair for edge in edges.values()}
    for edge in await quoted_edges(tx, quoted):
        # a field of its own says more than a sentence
        if edge.pair not in said:
            said.add(edge.pair)
            edges[edge.ends] = edge
    return edges


async def _own_edges(tx: AsyncConnection, record_ids: Collection[str]) -> list[Edge]:
    """What a push of ours opened at a partner's belongs to what we pushed it for."""
    own, names = own_references.c, record_names.c
    query = select(own.record_id, names.record_id.label("target"), own.kind, own.scheme).join_from(
        own_references, record_names, (own.scheme == names.scheme) & (own.value == names.value)
    )
    return [
        Edge(row.target, row.record_id, LinkKind(row.kind), row.scheme)
        for part in chunks(record_ids)
        for side in (own.record_id, names.record_id)
        for row in await tx.execute(query.where(side.in_(part), own.record_id != names.record_id))
    ]


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


def _weigh(
    desk: Desk, known: dict[tuple[str, str, str], AnyRow], wanted: dict[tuple[str, str, str], Edge],
    changes: EdgeChanges,
) -> set[str]:  # fmt: skip
    """Put down what the evidence says now; returns the records that lost an edge. Uses ``known`` up.

    Whether a joining edge joins is judged afterwards, over everything that hangs together.
    """
    loosened: set[str] = set()
    for ends, edge in wanted.items():
        joins = edge.rule == RULE_1 or (edge.rule == RULE_2 and desk.links_people)
        row = known.pop(ends, None)
        if row is None:
            changes.insert(edge, ACCEPTED if joins else SUGGESTED)
            continue
        if not row.decided_by.startswith(_RULES):
            continue
        stands = row.decided_by == edge.rule and (row.state == SUGGESTED or (row.state == ACCEPTED and joins))
        if not stands:
            changes.update(row, ACCEPTED if joins else SUGGESTED, edge)
            if row.state == ACCEPTED and not joins:
                loosened.update(edge.pair)
    for ends, row in known.items():
        if row.decided_by.startswith(_RULES) and row.state in (ACCEPTED, SUGGESTED):
            changes.update(row, REVOKED)
            if row.state == ACCEPTED or row.decided_by in JOINING_RULES:
                # who is left may be few enough for the size guard again, or no longer in another's way
                loosened.update(ends[:2])
    return loosened


async def _edges_of(tx: AsyncConnection, record_ids: Collection[str]) -> dict[tuple[str, str, str], AnyRow]:
    edges: dict[tuple[str, str, str], AnyRow] = {}
    for part in chunks(record_ids):
        query = select(record_links).where(
            or_(record_links.c.from_record_id.in_(part), record_links.c.to_record_id.in_(part))
        )
        for row in await tx.execute(query):
            edges[(row.from_record_id, row.to_record_id, row.kind)] = row
    return edges
