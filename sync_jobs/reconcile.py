"""Reconcile: the partner's own list against ours, key by key; every difference is named, repaired where it can be.

This is how silent loss, late commits and deletions are found: what they list and we lack is taken in, what we hold and
they no longer list is asked for once more and then marked as gone at the source.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b

from sqlalchemy import insert, select, tuple_

from connectors.base import Connector, Window
from hub.applying import Fence, apply_pending, no_fence
from hub.desk import Desk
from hub.errors import PartnerError
from hub.inbox import keep_page
from hub.model import DigestEntry, Item, Removal
from hub.removal import remove_in, revive_in
from hub.sequencer import sequence_all
from hub.store.ids import new_id
from hub.store.lookup import AnyRow, chunks
from hub.store.tables import case_records, inbox_items, reconciliation_differences, reconciliations
from sync_jobs.pull import NotedWire, Progress, keep_fetched
from sync_jobs.runs import RunReport, begin, finish, source_of, with_patience

#: entries compared at a time
BATCH = 500

MISSING, STALE, GONE = "MISSING", "STALE", "GONE"
FETCHED, REMOVED, OPEN = "FETCHED", "REMOVED", "OPEN"


@dataclass(slots=True)
class Difference:
    """One key on which the two lists disagreed, and what became of it."""

    native_id: str
    native_no: str
    difference: str
    resolution: str = OPEN


@dataclass(slots=True)
class ReconcileReport:
    """Keys in the partner's list; of these held by us, of these quarantined; and what was repaired."""

    instance: str
    id: str
    started_at: datetime
    expected: int = 0
    held: int = 0
    quarantined: int = 0
    repaired: int = 0
    removed: int = 0
    differences: list[Difference] = field(default_factory=list)
    run: RunReport | None = None

    @property
    def is_equal(self) -> bool:
        """Every listed key is held or quarantined."""
        return self.held + self.quarantined == self.expected


@dataclass(slots=True)
class _Seen:
    """Keys already compared, as 64-bit hashes: a partner's whole list in bounded memory."""

    keys: set[int] = field(default_factory=set)

    def add(self, native_id: str, native_no: str) -> bool:
        """True the first time."""
        known = len(self.keys)
        self.keys.add(_mark(native_id, native_no))
        return len(self.keys) > known

    def has(self, native_id: str, native_no: str) -> bool:
        return _mark(native_id, native_no) in self.keys


def _mark(native_id: str, native_no: str) -> int:
    return int.from_bytes(blake2b(f"{native_id}\n{native_no}".encode(), digest_size=8).digest(), "big")


async def reconcile_instance(
    desk: Desk,
    connector: Connector,
    wire: NotedWire,
    *,
    window: Window | None = None,
    fence: Fence = no_fence,
    progress: Progress | None = None,
) -> ReconcileReport:
    """Compare one instance's whole list (or a window of it) with ours, and repair.

    A partner's error ends it; then nothing is counted as gone and the report's run carries the error.
    """
    noted = dict(wire.incidents)
    run, _ = await begin(desk, connector, "RECONCILE")
    report = ReconcileReport(connector.config.name, new_id("rcn", desk.county), run.started_at, run=run)
    window = window or Window()
    try:
        await _compare_all(desk, connector, wire, window, report, run, fence, progress)
    except PartnerError as error:
        run.error = error
    for kind, times in wire.incidents.items():
        run.incidents[kind] += times - noted.get(kind, 0)
    run.incidents += type(run.incidents)()
    await finish(desk, run)
    await _note(desk, report, window)
    await sequence_all(desk)
    return report


async def _compare_all(
    desk: Desk, connector: Connector, wire: NotedWire, window: Window, report: ReconcileReport, run: RunReport,
    fence: Fence, progress: Progress | None,
) -> None:  # fmt: skip
    seen = _Seen()
    doubtful: list[DigestEntry] = []
    batch: list[DigestEntry] = []
    async for entry in connector.digest(wire, window):
        run.pulled += 1
        if not seen.add(entry.native_id, entry.native_no):
            continue
        report.expected += 1
        batch.append(entry)
        if len(batch) >= BATCH:
            doubtful += await _compare(desk, connector, wire, batch, report, run, fence)
            batch = []
            if progress is not None:
                progress(run)
    doubtful += await _compare(desk, connector, wire, batch, report, run, fence)
    # what was repaired is held now; what still is not stands in quarantine or stays a named difference
    for part in chunks(doubtful, BATCH):
        held = await _held(desk, report.instance, part)
        quarantined = await _quarantined(desk, report.instance, part)
        for entry in part:
            if (entry.native_id, entry.native_no) in held:
                report.held += 1
            elif entry.key in quarantined:
                report.quarantined += 1
    await _find_gone(desk, connector, wire, window, seen, report, run, fence)


async def _compare(
    desk: Desk, connector: Connector, wire: NotedWire, batch: Sequence[DigestEntry], report: ReconcileReport,
    run: RunReport, fence: Fence,
) -> list[DigestEntry]:  # fmt: skip
    """Entries of a batch that were not simply held and equal; they were taken in where that was possible."""
    if not batch:
        return []
    held = await _held(desk, report.instance, batch)
    doubtful: list[DigestEntry] = []
    whole: list[Item] = []
    to_fetch: list[str] = []
    back: list[Removal] = []
    for entry in batch:
        row = held.get((entry.native_id, entry.native_no))
        if row is not None and row.deleted_at_source is not None:
            back.append(Removal(entry.native_id, entry.native_no))
            doubtful.append(entry)
        if row is not None and _is_equal(desk, entry, row):
            if row.deleted_at_source is None:
                report.held += 1
            continue
        if row is None or row.deleted_at_source is None:
            doubtful.append(entry)
        kind = MISSING if row is None else STALE
        report.differences.append(Difference(entry.native_id, entry.native_no, kind))
        if entry.item is not None:
            whole.append(entry.item)
        else:
            to_fetch.append(entry.native_id)
    for native_id in dict.fromkeys(to_fetch):
        whole += await with_patience(run, lambda: connector.fetch(wire, [native_id]))  # noqa: B023
    if whole:
        report.repaired += await keep_fetched(desk, connector, run, whole, fence)
        applied = await apply_pending(desk, source_of(connector), connector, fence=fence)
        run.applied += applied.items
        run.quarantined += applied.quarantined
        now_held = await _held(desk, report.instance, doubtful)
        for difference in report.differences:
            row = now_held.get((difference.native_id, difference.native_no))
            if difference.resolution == OPEN and row is not None:
                difference.resolution = FETCHED
    if back:
        async with desk.store.write() as tx:
            await fence(tx)
            await revive_in(tx, desk, source_of(connector), back)
    return doubtful


def _is_equal(desk: Desk, entry: DigestEntry, row: AnyRow) -> bool:
    if entry.item is not None:
        return bool(desk.keys.content_hash(entry.item.canonical) == row.content_hash)
    return entry.updated_at is None or entry.updated_at == row.native_updated_at


async def _held(desk: Desk, instance: str, entries: Sequence[DigestEntry]) -> dict[tuple[str, str], AnyRow]:
    """Our records under these keys, with the content hash of their newest version."""
    c = case_records.c
    found: dict[tuple[str, str], AnyRow] = {}
    async with desk.store.read() as connection:
        for part in chunks({entry.native_id for entry in entries}):
            query = (
                select(
                    c.id, c.native_id, c.native_no, c.native_updated_at, c.deleted_at_source,
                    inbox_items.c.content_hash,
                )
                .join(inbox_items, inbox_items.c.id == c.newest_item_id)
                .where(c.instance == instance, c.native_id.in_(part))
            )  # fmt: skip
            for row in await connection.execute(query):
                found[(row.native_id, row.native_no)] = row
    return found


async def _quarantined(desk: Desk, instance: str, entries: Sequence[DigestEntry]) -> Collection[str]:
    """Those item keys whose delivery stands in quarantine, set aside or waiting."""
    c = inbox_items.c
    unnamed = [entry for entry in entries if not entry.key and entry.item]
    by_hash = {f"?{desk.keys.content_hash(entry.item.canonical)}": entry.key for entry in unnamed if entry.item}
    names = [entry.key for entry in entries if entry.key] + list(by_hash)
    found: set[str] = set()
    async with desk.store.read() as connection:
        for part in chunks(names):
            query = select(c.item_key).where(
                c.instance == instance, c.item_key.in_(part), c.state.in_(("QUARANTINED", "DISCARDED"))
            )
            found.update((await connection.execute(query)).scalars())
    return found | {by_hash[name] for name in found if name in by_hash}


async def _find_gone(
    desk: Desk, connector: Connector, wire: NotedWire, window: Window, seen: _Seen, report: ReconcileReport,
    run: RunReport, fence: Fence,
) -> None:  # fmt: skip
    """What we hold and they no longer list: asked for once more, then marked."""
    c = case_records.c
    # in the order of an index that begins with the instance: no page sorts all that came before it
    after = ("", "")
    while True:
        query = select(c.id, c.native_id, c.native_no).where(
            c.instance == report.instance, c.deleted_at_source.is_(None), tuple_(c.native_id, c.id) > after
        )
        if window.start is not None:
            query = query.where(c.native_updated_at >= window.start)
        if window.end is not None:
            query = query.where(c.native_updated_at <= window.end)
        async with desk.store.read() as connection:
            rows = (await connection.execute(query.order_by(c.native_id, c.id).limit(BATCH))).all()
        missing = [row for row in rows if not seen.has(row.native_id, row.native_no)]
        for row in missing:
            await _ask_again(desk, connector, wire, row, report, run, fence)
        if len(rows) < BATCH:
            return
        after = (rows[-1].native_id, rows[-1].id)


async def _ask_again(
    desk: Desk, connector: Connector, wire: NotedWire, row: AnyRow, report: ReconcileReport, run: RunReport,
    fence: Fence,
) -> None:  # fmt: skip
    items = await with_patience(run, lambda: connector.fetch(wire, [row.native_id]))
    if any((item.native_id, item.native_no) == (row.native_id, row.native_no) for item in items):
        # it moved while we read the list: still there
        await keep_fetched(desk, connector, run, items, fence)
        await apply_pending(desk, source_of(connector), connector, fence=fence)
        return
    async with desk.store.write() as tx:
        await fence(tx)
        if items:
            await keep_page(
                tx, desk, instance=report.instance, run_id=run.id, origin="FETCH", items=items, settles_ties=True
            )
        report.removed += await remove_in(tx, desk, source_of(connector), [Removal(row.native_id, row.native_no)])
    report.differences.append(Difference(row.native_id, row.native_no, GONE, REMOVED))
    await apply_pending(desk, source_of(connector), connector, fence=fence)


async def _note(desk: Desk, report: ReconcileReport, window: Window) -> None:
    async with desk.store.write() as tx:
        await tx.execute(
            insert(reconciliations).values(
                id=report.id, county=desk.county, instance=report.instance, started_at=report.started_at,
                finished_at=desk.clock() if report.run is not None and report.run.error is None else None,
                window_start=window.start, window_end=window.end, expected=report.expected, held=report.held,
                quarantined=report.quarantined, repaired=report.repaired, removed=report.removed,
            )
        )  # fmt: skip
        rows = [
            {
                "id": new_id("dif", desk.county), "county": desk.county, "reconciliation_id": report.id,
                "native_id": difference.native_id, "native_no": difference.native_no,
                "difference": difference.difference, "resolution": difference.resolution,
            }
            for difference in report.differences
        ]  # fmt: skip
        for part in chunks(rows):
            await tx.execute(insert(reconciliation_differences), list(part))
