"""Comparing with a partner that lists what it holds but cannot be asked for single records again.

Its list is a moment of the past: a version of ours that is the same or newer agrees. What it lists and we lack is
named and waits for the partner to send it; only where its list tells of a whole stretch can a record be gone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import func, select

from connectors.base import Connector, Window
from hub.applying import Fence
from hub.desk import Desk
from hub.inbox import version_text
from hub.model import DigestEntry
from hub.store.lookup import AnyRow, chunks
from hub.store.tables import case_records, inbox_items
from sync_jobs.differences import MISSING, OPEN, QUARANTINED, STALE, Difference, ReconcileReport
from sync_jobs.gone import settle_absent
from sync_jobs.pull import NotedWire
from sync_jobs.runs import RunReport, each_in_time

#: entries compared at a time
BATCH = 500


async def compare_lists(
    desk: Desk, connector: Connector, wire: NotedWire, window: Window, report: ReconcileReport, run: RunReport,
    fence: Fence, accepted: Collection[tuple[str, str]],
) -> None:  # fmt: skip
    """Compare every listed key with our items, then what we hold with what is listed."""
    listed_ids: set[str] = set()
    keys: set[str] = set()
    batch: list[DigestEntry] = []
    async for entry in each_in_time(run, connector.digest(wire, window)):
        listed_ids.add(entry.native_id)
        if entry.key in keys:
            continue
        keys.add(entry.key)
        report.expected += 1
        batch.append(entry)
        if len(batch) >= BATCH:
            await _compare(desk, report, batch)
            batch = []
    await _compare(desk, report, batch)
    for stretch in await connector.listed(wire, window):
        absent, held = await _absent(desk, stretch, listed_ids, report.instance)
        found = await settle_absent(desk, connector, wire, absent, held=held, accepted=accepted, run=run, fence=fence)
        report.add_gone(found.values())


async def _compare(desk: Desk, report: ReconcileReport, batch: Sequence[DigestEntry]) -> None:
    c = inbox_items.c
    kept: dict[str, str] = {}
    aside: set[str] = set()
    async with desk.store.read() as connection:
        for part in chunks([entry.key for entry in batch]):
            mine = (c.instance == report.instance) & c.item_key.in_(part)
            newest = select(c.item_key, func.max(c.version).label("version")).where(
                mine, c.state.in_(("APPLIED", "PARKED", "ERASED"))
            )
            for row in await connection.execute(newest.group_by(c.item_key)):
                kept[row.item_key] = row.version
            apart = select(c.item_key).where(mine, c.state.in_(("QUARANTINED", "DISCARDED")))
            aside.update((await connection.execute(apart)).scalars())
    for entry in batch:
        wanted = version_text(entry.updated_at)
        if entry.key in kept and kept[entry.key] >= wanted:
            report.held += 1
            continue
        kind = STALE if entry.key in kept else MISSING
        difference = Difference(entry.native_id, entry.key, kind, QUARANTINED if entry.key in aside else OPEN)
        report.quarantined += difference.resolution == QUARANTINED
        report.differences.append(difference)


async def _absent(
    desk: Desk, stretch: Window, listed_ids: Collection[str], instance: str
) -> tuple[Sequence[AnyRow], int]:
    """Records received in this stretch that were there at its end and are not listed, and how many were compared."""
    c = case_records.c
    query = select(c.id, c.native_id, c.native_no, func.min(inbox_items.c.version).label("earliest")).join(
        inbox_items, inbox_items.c.record_id == c.id
    )
    query = query.where(c.instance == instance, c.deleted_at_source.is_(None))
    if stretch.start is not None:
        query = query.where(c.received_at >= stretch.start)
    if stretch.end is not None:
        query = query.where(c.received_at <= stretch.end)
    async with desk.store.read() as connection:
        rows = (await connection.execute(query.group_by(c.id, c.native_id, c.native_no))).all()
    end = version_text(stretch.end)
    listable = [row for row in rows if not end or row.earliest <= end]
    return [row for row in listable if row.native_id not in listed_ids], len(listable)
