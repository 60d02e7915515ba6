"""Disputes: a component of linked records with at least one that can be mediated is a dispute, one row and one code.

Everything on the row is derived from the component's current facts. Components that join keep the dispute of their
earliest-received opening record; a merged code still answers; a split gives the other part its own dispute back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.acts import Act
from hub.desk import Desk
from hub.dispute_state import Standing, derive, fold
from hub.history import ASSERT, RETRACT, SUPERSEDE, Appender, EventDraft, StreamHead
from hub.model import SHANGHAI
from hub.oddities import conflicting_results
from hub.store.ids import new_id
from hub.store.lookup import AnyRow, chunks
from hub.store.tables import case_records, code_counters, disputes, handling_events, record_links, referrals
from hub.vocabulary import DisputeState, HandlingEventKind, ReferralDirection

#: what a dispute derives from of each record; its words are read only when they are needed
_RECORD = (
    case_records.c.id, case_records.c.instance, case_records.c.native_id, case_records.c.lineage,
    case_records.c.agency_code, case_records.c.title, case_records.c.content, case_records.c.address,
    case_records.c.category, case_records.c.channel, case_records.c.received_at, case_records.c.region_code,
    case_records.c.amount_cny, case_records.c.people_involved, case_records.c.classification,
    case_records.c.procedure, case_records.c.docketed_at, case_records.c.rejected_at,
    case_records.c.opens_dispute, case_records.c.dispute_id, case_records.c.deleted_at_source,
    case_records.c.lng, case_records.c.lat, case_records.c.crs,
    case_records.c.link_method, case_records.c.link_confidence, case_records.c.link_evidence,
)  # fmt: skip


#: the standing entry in a dispute's own stream
CONFLICT = "hub:conflicting-results"


@dataclass(slots=True)
class _Dispute:
    """A dispute row in the hands of one transaction."""

    id: str
    code: str
    head: StreamHead
    row: AnyRow | None
    #: what the row is to say
    values: dict[str, Any]

    @property
    def was_live(self) -> bool:
        return self.row is not None and self.row.merged_into is None


@dataclass(frozen=True, slots=True)
class _Told:
    """Puts what happens to disputes into their own streams, with the name and reason of whoever decided it."""

    desk: Desk
    appender: Appender
    now: datetime
    decided: Act | None

    def act(self, dispute: _Dispute, kind: HandlingEventKind, about: str, data: dict[str, Any]) -> None:
        by, words = (self.decided.by, self.decided.words) if self.decided else ("", "")
        digest = self.desk.keys.content_hash(f"{by}\n{words}".encode()) if by or words else ""
        self.appender.add(
            dispute.head,
            EventDraft(
                dispute_id=dispute.id, kind=kind, occurred_at=self.now, data=data, actor_name=by, words=words,
                words_digest=digest, source_event_id=f"{kind.value}:{about}:{dispute.head.seq + 1}",
            ),
        )  # fmt: skip


async def settle(
    tx: AsyncConnection, desk: Desk, components: Sequence[Collection[str]], appender: Appender, act: Act | None = None
) -> None:
    """Give each component its dispute, and every dispute that lost its records to another its end."""
    if not components:
        return
    ids = [record_id for component in components for record_id in component]
    records = await _records(tx, ids)
    handed = await _referrals(tx, ids)
    known = await _known(tx, {row.dispute_id for row in records.values() if row.dispute_id})
    joined = await _joining_edges(tx, [record_id for record_id in ids if record_id in records])
    now = desk.clock()
    told = _Told(desk, appender, now, act)
    placed: dict[str, tuple[str | None, str | None, float | None, dict[str, Any] | None]] = {}
    used: set[str] = set()
    settled: list[tuple[_Dispute, list[AnyRow]]] = []
    matters = []
    for component in components:
        members = sorted((records[record_id] for record_id in component if record_id in records), key=opening_order)
        opening = [row for row in members if row.opens_dispute]
        if opening:
            matters.append((opening, members))
        else:
            placed.update({row.id: (None, None, None, None) for row in members})
    # after a split the part with the earliest-received opening record keeps the dispute
    matters.sort(key=lambda matter: opening_order(matter[0][0]))
    shells = await _shells(tx, [row.id for opening, _ in matters for row in opening])
    for opening, members in matters:
        dispute = _surviving(opening, members, known, used) or _shell(opening, shells, known, used)
        if dispute is None:
            dispute = _Dispute(new_id("dsp", desk.county), "", StreamHead(), None, {})
            known[dispute.id] = dispute
        used.add(dispute.id)
        settled.append((dispute, members))
        facts = derive(members, [referral for row in members for referral in handed.get(row.id, ())])
        standing = fold(facts, dispute.row)
        dispute.values = _values(standing, opening, members)
        for row in members:
            method, confidence, evidence = _how(row, opening[0].id, joined)
            placed[row.id] = (dispute.id, method, confidence, evidence)
    await _number(tx, desk, [dispute for dispute, _ in settled if not dispute.code], settled)
    _tell_joins(told, settled, known)
    conflicts = {
        dispute.id: conflicting_results(
            referral
            for row in members
            if row.deleted_at_source is None
            for referral in handed.get(row.id, ())
            if referral.direction == ReferralDirection.IN.value
        )
        for dispute, members in settled
    }
    await _tell_conflicts(tx, appender, now, known, conflicts)
    await _end_empty(tx, records, placed, known, used, told)
    await _write(tx, desk, [dispute for dispute, _ in settled])
    await _place(tx, records, placed)


def opening_order(row: Any) -> tuple[datetime, str, str, str]:
    """Earliest received first, told apart by what does not depend on arrival."""
    return (row.received_at, row.instance, row.native_id, row.lineage)


async def _records(tx: AsyncConnection, ids: Sequence[str]) -> dict[str, AnyRow]:
    found: dict[str, AnyRow] = {}
    for part in chunks(ids):
        for row in await tx.execute(select(*_RECORD).where(case_records.c.id.in_(part))):
            found[row.id] = row
    return found


async def _referrals(tx: AsyncConnection, ids: Sequence[str]) -> dict[str, list[AnyRow]]:
    found: dict[str, list[AnyRow]] = {}
    for part in chunks(ids):
        query = select(referrals).where(referrals.c.record_id.in_(part), referrals.c.is_live)
        for row in await tx.execute(query):
            found.setdefault(row.record_id, []).append(row)
    return found


async def _known(tx: AsyncConnection, ids: Iterable[str]) -> dict[str, _Dispute]:
    found: dict[str, _Dispute] = {}
    for part in chunks(ids):
        for row in await tx.execute(select(disputes).where(disputes.c.id.in_(part))):
            found[row.id] = _Dispute(row.id, row.code, StreamHead(row.stream_seq, row.stream_hash), row, {})
    return found


async def _joining_edges(tx: AsyncConnection, ids: Sequence[str]) -> dict[str, AnyRow]:
    """For each record the accepted edge that ties it best."""
    best: dict[str, AnyRow] = {}
    for part in chunks(ids):
        for column in (record_links.c.from_record_id, record_links.c.to_record_id):
            query = select(
                column.label("record_id"), record_links.c.method, record_links.c.confidence, record_links.c.kind,
                record_links.c.evidence,
            ).where(column.in_(part), record_links.c.state == "ACCEPTED")  # fmt: skip
            for row in await tx.execute(query):
                old = best.get(row.record_id)
                if old is None or (row.confidence, row.kind) > (old.confidence, old.kind):
                    best[row.record_id] = row
    return best


def _how(row: AnyRow, opening_id: str, joined: dict[str, AnyRow]) -> tuple[str, float, dict[str, Any]]:
    edge = joined.get(row.id)
    if row.id == opening_id or edge is None:
        return "OPENING", 1.0, {}
    return edge.method, edge.confidence, {"kind": edge.kind, **edge.evidence}


def _surviving(
    opening: Sequence[AnyRow], members: Sequence[AnyRow], known: dict[str, _Dispute], used: set[str]
) -> _Dispute | None:
    """The dispute of the earliest-received opening record, else the earliest registered one of the component."""
    for row in opening:
        if row.dispute_id in known and row.dispute_id not in used:
            return known[row.dispute_id]
    left = {row.dispute_id for row in members if row.dispute_id in known} - used
    candidates = [dispute for dispute in (known[dispute_id] for dispute_id in left) if dispute.row is not None]
    return min(candidates, key=lambda d: (d.row.registered_at, d.code) if d.row else (0, ""), default=None)


async def _shells(tx: AsyncConnection, opening_ids: Sequence[str]) -> dict[str, _Dispute]:
    """Merged disputes by the record they were opened with."""
    found: dict[str, _Dispute] = {}
    for part in chunks(opening_ids):
        query = select(disputes).where(disputes.c.opening_record_id.in_(part), disputes.c.is_live.is_(False))
        for row in await tx.execute(query.order_by(disputes.c.id.desc())):
            head = StreamHead(row.stream_seq, row.stream_hash)
            found[row.opening_record_id] = _Dispute(row.id, row.code, head, row, {})
    return found


def _shell(
    opening: Sequence[AnyRow], shells: dict[str, _Dispute], known: dict[str, _Dispute], used: set[str]
) -> _Dispute | None:
    """The merged dispute that comes back with its own opening record."""
    for row in opening:
        shell = shells.get(row.id)
        if shell is not None and shell.id not in used:
            return known.setdefault(shell.id, shell)
    return None


def _values(standing: Standing, opening: Sequence[AnyRow], members: Sequence[AnyRow]) -> dict[str, Any]:
    first = opening[0]
    located = next((row for row in members if row.lng is not None), None)
    present = [row for row in members if row.deleted_at_source is None]
    return {
        "title": first.title,
        "summary": first.content[:200],
        "category": next((row.category for row in members if row.category != "UNKNOWN"), "UNKNOWN"),
        "channel": first.channel,
        "region_code": next((row.region_code for row in members if row.region_code), ""),
        "address_text": next((row.address for row in members if row.address), ""),
        "lng": located.lng if located is not None else None,
        "lat": located.lat if located is not None else None,
        "crs": located.crs if located is not None else "",
        "amount_cny": next((row.amount_cny for row in members if row.amount_cny), None),
        "people_involved": next((row.people_involved for row in members if row.people_involved), None),
        "state": standing.state.value,
        "state_since": standing.since,
        "outcome": standing.outcome.value if standing.outcome else None,
        "procedure": standing.procedure.value,
        "holder_code": standing.holder_code,
        "classification": standing.classification.value,
        "registered_at": first.received_at,
        "closed_at": standing.since if standing.state is DisputeState.CLOSED else None,
        "merged_into": None,
        "opening_record_id": first.id,
        "is_live": bool(present),
        "record_count": len(present),
    }


async def _number(
    tx: AsyncConnection, desk: Desk, unnumbered: Sequence[_Dispute], settled: Sequence[tuple[_Dispute, list[AnyRow]]]
) -> None:
    """Give new disputes their codes: county, the year of registration, a serial of that year."""
    years: dict[int, list[_Dispute]] = {}
    for dispute in unnumbered:
        years.setdefault(dispute.values["registered_at"].astimezone(SHANGHAI).year, []).append(dispute)
    for year, fresh in sorted(years.items()):
        name = f"dispute/{desk.county}/{year}"
        query = select(code_counters.c.value).where(code_counters.c.name == name).with_for_update()
        last = (await tx.execute(query)).scalar_one_or_none()
        if last is None:
            await tx.execute(code_counters.insert().values(name=name, value=len(fresh)))
        else:
            change = update(code_counters).where(code_counters.c.name == name)
            await tx.execute(change.values(value=last + len(fresh)))
        for serial, dispute in enumerate(fresh, start=(last or 0) + 1):
            dispute.code = f"JF{desk.county}-{year}-{serial:06d}"


def _tell_joins(told: _Told, settled: Sequence[tuple[_Dispute, list[AnyRow]]], known: dict[str, _Dispute]) -> None:
    """Every coming together and parting is an act in the streams of the disputes concerned."""
    for dispute, members in settled:
        if dispute.row is not None and dispute.row.merged_into is not None:
            told.act(dispute, HandlingEventKind.UNMERGED, dispute.row.merged_into, {})
        for row in members:
            if row.dispute_id == dispute.id:
                continue
            if dispute.row is None and row.dispute_id is None and len(members) == 1:
                continue
            told.act(dispute, HandlingEventKind.LINKED, row.id, {"record": row.id})
            if row.dispute_id in known:
                data = {"record": row.id, "to": dispute.id}
                told.act(known[row.dispute_id], HandlingEventKind.UNLINKED, row.id, data)


async def _tell_conflicts(
    tx: AsyncConnection, appender: Appender, now: datetime, known: dict[str, _Dispute],
    conflicts: Mapping[str, tuple[str, ...]],
) -> None:  # fmt: skip
    """Contradicting results stand in the dispute's own stream for as long as the facts contradict (law 3)."""
    c = handling_events.c
    told: dict[str, AnyRow] = {}
    for part in chunks(dispute.id for dispute in known.values() if dispute.row is not None and dispute.row.stream_seq):
        query = select(c.dispute_id, c.id, c.operation, c.data).where(
            c.dispute_id.in_(part), c.kind == HandlingEventKind.CONFLICTING_RESULTS.value
        )
        told.update({row.dispute_id: row for row in await tx.execute(query.order_by(c.stream_seq))})
    for dispute in known.values():
        if dispute.id not in conflicts and not dispute.was_live:
            continue
        found = list(conflicts.get(dispute.id, ()))
        last = told.get(dispute.id)
        stands = last is not None and last.operation != RETRACT
        if not (found or stands) or (stands and last is not None and last.data.get("referrals") == found):
            continue
        appender.add(
            dispute.head,
            EventDraft(
                dispute_id=dispute.id, kind=HandlingEventKind.CONFLICTING_RESULTS, occurred_at=now,
                source_event_id=CONFLICT, previous_id=last.id if last is not None else None,
                operation=(SUPERSEDE if stands else ASSERT) if found else RETRACT,
                data={"referrals": found} if found else {},
            ),
        )  # fmt: skip


async def _end_empty(
    tx: AsyncConnection,
    records: dict[str, AnyRow],
    placed: dict[str, tuple[str | None, str | None, float | None, dict[str, Any] | None]],
    known: dict[str, _Dispute],
    used: set[str],
    told: _Told,
) -> None:
    """Disputes that lost every record are merged into where their records went, or end with nothing."""
    for dispute in known.values():
        if dispute.id in used or not dispute.was_live:
            continue
        went = [placed[row.id][0] for row in records.values() if row.dispute_id == dispute.id and row.id in placed]
        target = next((dispute_id for dispute_id in went if dispute_id is not None), None)
        values: dict[str, Any] = {"is_live": False, "record_count": 0}
        if target is not None:
            told.act(dispute, HandlingEventKind.MERGED, target, {"into": target})
            values.update(merged_into=target, state=DisputeState.MERGED.value, state_since=told.now)
        values.update(stream_seq=dispute.head.seq, stream_hash=dispute.head.hash)
        await tx.execute(
            update(disputes).where(disputes.c.id == dispute.id).values(**values, version=disputes.c.version + 1)
        )


async def _write(tx: AsyncConnection, desk: Desk, settled: Sequence[_Dispute]) -> None:
    fresh, changed = [], []
    for dispute in settled:
        values = {**dispute.values, "stream_seq": dispute.head.seq, "stream_hash": dispute.head.hash}
        if dispute.row is None:
            fresh.append({**values, "id": dispute.id, "county": desk.county, "code": dispute.code, "version": 1})
        elif any(getattr(dispute.row, name) != value for name, value in values.items()):
            changed.append({"dispute": dispute.id, **{f"new_{name}": value for name, value in values.items()}})
    if fresh:
        await tx.execute(disputes.insert(), fresh)
    if changed:
        names = [name[4:] for name in changed[0] if name.startswith("new_")]
        await tx.execute(
            update(disputes)
            .where(disputes.c.id == bindparam("dispute"))
            .values({name: bindparam(f"new_{name}") for name in names} | {"version": disputes.c.version + 1}),
            changed,
        )


async def _place(
    tx: AsyncConnection,
    records: dict[str, AnyRow],
    placed: dict[str, tuple[str | None, str | None, float | None, dict[str, Any] | None]],
) -> None:
    changed = []
    for record_id, place in placed.items():
        row = records[record_id]
        if (row.dispute_id, row.link_method, row.link_confidence, row.link_evidence) != place:
            changed.append({"record": record_id, "d": place[0], "m": place[1], "c": place[2], "e": place[3]})
    if changed:
        await tx.execute(
            update(case_records)
            .where(case_records.c.id == bindparam("record"))
            .values(
                dispute_id=bindparam("d"), link_method=bindparam("m"), link_confidence=bindparam("c"),
                link_evidence=bindparam("e"),
            ),
            changed,
        )  # fmt: skip
