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
from hub.model import DigestEntry, Removal
from hub.removal import remove_in
from hub.store.lookup import chunks
from hub.store.tables import case_records, inbox_items
from sync_jobs.differences import GONE, MISSING, OPEN, QUARANTINED, REMOVED, STALE, Difference, ReconcileReport
from sync_jobs.pull import NotedWire
from sync_jobs.runs import source_of

#: entries compared at a time
BATCH = 500


async def compare_lists(
    desk: Desk, connector: Connector, wire: NotedWire, window: Window, report: ReconcileReport, fence: Fence
) -> None:
    """Compare every listed key with our items, then what we hold with what is listed."""
    listed_ids: set[str] = set()
    keys: set[str] = set()
    batch: list[DigestEntry] = []
    async for entry in connector.digest(wire, window):
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
        await _find_gone(desk, connector, stretch, listed_ids, report, fence)


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


async def _find_gone(
    desk: Desk,
    connector: Connector,
    stretch: Window,
    listed_ids: Collection[str],
    report: ReconcileReport,
    fence: Fence,
) -> None:
    """Records received in this stretch that were there at its end and are not listed: the partner dropped them."""
    c = case_records.c
    query = select(c.native_id, c.native_no, func.min(inbox_items.c.version).label("earliest")).join(
        inbox_items, inbox_items.c.record_id == c.id
    )
    query = query.where(c.instance == report.instance, c.deleted_at_source.is_(None))
    if stretch.start is not None:
        query = query.where(c.received_at >= stretch.start)
    if stretch.end is not None:
        query = query.where(c.received_at <= stretch.end)
    async with desk.store.read() as connection:
        rows = (await connection.execute(query.group_by(c.native_id, c.native_no))).all()
    end = version_text(stretch.end)
    gone = [
        Removal(row.native_id, row.native_no)
        for row in rows
        if row.native_id not in listed_ids and (not end or row.earliest <= end)
    ]
    if not gone:
        return
    async with desk.store.write() as tx:
        await fence(tx)
        report.removed += await remove_in(tx, desk, source_of(connector), gone)
    report.differences += [Difference(one.native_id, one.native_no, GONE, REMOVED) for one in gone]
