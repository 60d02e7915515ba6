"""Changes of edges: what a transaction makes of them, each that matters with its decision for the public log.

An edge that is looked at twice in one transaction is decided once: what counts is how it stood before and after.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import bindparam, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.desk import Desk
from hub.edges import REVOKED, Edge
from hub.history import Appender
from hub.store.ids import new_id
from hub.store.lookup import AnyRow
from hub.store.tables import link_decisions, record_links


@dataclass(slots=True)
class _Standing:
    """How an edge is to stand."""

    ends: tuple[str, str, str]
    state: str
    method: str
    confidence: float
    evidence: dict[str, Any]
    by: str
    #: state, who decided and why held, before this transaction; None for a new edge
    before: tuple[str, str, Any] | None

    @property
    def is_decided(self) -> bool:
        return self.before != (self.state, self.by, self.evidence.get("held"))


class EdgeChanges:
    """Collects; ``write`` brings the rows in line, ``conclude`` tells the decisions."""

    def __init__(self, desk: Desk, appender: Appender) -> None:
        self._desk, self._appender, self._now = desk, appender, desk.clock()
        self._standing: dict[str, _Standing] = {}
        self._fresh: set[str] = set()
        self._changed: set[str] = set()

    def insert(self, edge: Edge, state: str, *, by: str | None = None) -> str:
        """A new edge; returns its id."""
        link_id = new_id("lnk", self._desk.county)
        self._standing[link_id] = _Standing(
            edge.ends, state, edge.method, edge.confidence, {"scheme": edge.scheme}, by or edge.rule, None
        )
        self._fresh.add(link_id)
        return link_id

    def update(
        self, row: AnyRow, state: str, edge: Edge | None = None, *, by: str | None = None, held: str = ""
    ) -> None:
        """Another state of a known edge, and where ``edge`` is given its evidence of today."""
        known = self._standing.get(row.id)
        before = known.before if known else (row.state, row.decided_by, dict(row.evidence).get("held"))
        evidence = {"scheme": edge.scheme} if edge else {k: v for k, v in dict(row.evidence).items() if k != "held"}
        if held:
            evidence["held"] = held
        method, confidence, rule = (
            (edge.method, edge.confidence, edge.rule) if edge else (row.method, row.confidence, row.decided_by)
        )
        ends = (row.from_record_id, row.to_record_id, row.kind)
        self._standing[row.id] = _Standing(ends, state, method, confidence, evidence, by or rule, before)
        self._changed.add(row.id)

    async def write(self, tx: AsyncConnection) -> None:
        """Bring the edges' rows in line with what was collected so far."""
        fresh = [{"id": link_id, "county": self._desk.county, **self._row(link_id)} for link_id in sorted(self._fresh)]
        if fresh:
            await tx.execute(record_links.insert(), fresh)
        changed = [{"link": link_id, **self._row(link_id)} for link_id in sorted(self._changed - self._fresh)]
        if changed:
            # names of columns stand for themselves in an UPDATE's values, so the parameters need others
            values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in changed[0] if name != "link"}
            await tx.execute(
                update(record_links)
                .where(record_links.c.id == bindparam("link"))
                .values(**values, version=record_links.c.version + 1),
                [{"link": row["link"], **{f"new_{name}": row[name] for name in values}} for row in changed],
            )
        self._fresh.clear()
        self._changed.clear()

    async def conclude(self, tx: AsyncConnection) -> None:
        """Put every decision into the log."""
        decisions = []
        for _, edge in sorted(self._standing.items()):
            if not edge.is_decided:
                continue
            decision: dict[str, Any] = {
                "id": new_id("lnd", self._desk.county), "county": self._desk.county, "from_record_id": edge.ends[0],
                "to_record_id": edge.ends[1], "kind": edge.ends[2], "decision": edge.state, "method": edge.method,
                "confidence": edge.confidence, "evidence": edge.evidence, "decided_by": edge.by,
                "decided_at": self._now,
            }  # fmt: skip
            decision["hash"] = decision_hash(decision)
            decisions.append(decision)
            self._appender.wait_for_sequence(decision["id"], "LINK", decision["hash"])
        if decisions:
            await tx.execute(link_decisions.insert(), decisions)
        self._standing.clear()

    def _row(self, link_id: str) -> dict[str, Any]:
        edge = self._standing[link_id]
        return {
            "from_record_id": edge.ends[0], "to_record_id": edge.ends[1], "kind": edge.ends[2], "state": edge.state,
            "method": edge.method, "confidence": edge.confidence, "evidence": edge.evidence, "decided_by": edge.by,
            "decided_at": self._now, "revoked_at": self._now if edge.state == REVOKED else None,
        }  # fmt: skip


def decision_hash(decision: dict[str, Any]) -> str:
    """SHA-256 over what a link decision states."""
    stated = [
        decision[name]
        for name in ("id", "from_record_id", "to_record_id", "kind", "decision", "method", "confidence", "evidence",
                     "decided_by")
    ]  # fmt: skip
    stated.append(decision["decided_at"].timestamp())
    return hashlib.sha256(orjson.dumps(stated, option=orjson.OPT_SORT_KEYS)).hexdigest()
