"""Reconcile: the partner's own list against ours, key by key; every difference is named, repaired where it can be.

This is how silent loss, late commits and deletions are found: what they list and we lack is taken in, what we hold and
they no longer list is asked for once more and then marked as gone at the source.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, insert, select, tuple_

from connectors.base import Connector, Window
from hub.applying import Fence, apply_pending, no_fence
from hub.desk import Desk
from hub.errors import PartnerError
from hub.inbox import kept_key
from hub.model import DigestEntry, Item, Removal
from hub.removal import revive_in
from hub.sequencer import sequence_all
from hub.store.ids import new_id
from hub.store.lookup import AnyRow, chunks
from hub.store.tables import case_records, inbox_items, reconciliation_differences, reconciliations
from sync_jobs.compare_lists import compare_lists
from sync_jobs.differences import (
    FETCHED,
    MISSING,
    OPEN,
    QUARANTINED,
    STALE,
    Difference,
    ReconcileReport,
)
from sync_jobs.gone import key_mark, settle_absent, superseded
from sync_jobs.pull import NotedWire, Progress, keep_fetched
from sync_jobs.runs import (
    NO_BUDGET,
    RECONCILE,
    Budget,
    RunReport,
    begin,
    each_in_time,
    finish,
    source_of,
    with_patience,
)

#: native id and number, as both lists name a record
Key = tuple[str, str]
#: entries compared at a time
BATCH = 500


@dataclass(slots=True)
class _Seen:
    """Keys already compared, as 64-bit hashes: a partner's whole list in little memory."""

    keys: set[int] = field(default_factory=set)

    def add(self, native_id: str, native_no: str) -> bool:
        """True the first time."""
        known = len(self.keys)
        self.keys.add(key_mark(native_id, native_no))
        return len(self.keys) > known

    def has(self, native_id: str, native_no: str) -> bool:
        return key_mark(native_id, native_no) in self.keys


async def reconcile_instance(
    desk: Desk,
    connector: Connector,
    wire: NotedWire,
    *,
    window: Window | None = None,
    fence: Fence = no_fence,
    progress: Progress | None = None,
    budget: Budget = NO_BUDGET,
    accepted: Collection[Key] = (),
) -> ReconcileReport:
    """Compare one instance's whole list (or a window of it) with ours, and repair.

    More removals than `gone.most` allows are held back, but for the keys in ``accepted``: a person saw those.
    A partner's error ends it; then nothing is counted as gone and the report's run carries the error.
    """
    noted = dict(wire.incidents)
    run, _ = await begin(desk, connector, RECONCILE, budget)
    report = ReconcileReport(connector.config.name, new_id("rcn", desk.county), run.started_at, run=run)
    window = window or Window()
    try:
        if connector.can_fetch:
            await _compare_all(desk, connector, wire, window, accepted, report, run, fence, progress)
        else:
            await compare_lists(desk, connector, wire, window, report, run, fence, accepted)
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
    desk: Desk, connector: Connector, wire: NotedWire, window: Window, accepted: Collection[Key],
    report: ReconcileReport, run: RunReport, fence: Fence, progress: Progress | None,
) -> None:  # fmt: skip
    seen = _Seen()
    batch: list[DigestEntry] = []
    moved: list[Item] = []
    async for entry in each_in_time(run, connector.digest(wire, window)):
        run.pulled += 1
        if not seen.add(entry.native_id, entry.native_no):
            # listed twice: it changed while the list was read, and the later entry is the newer version
            moved += [entry.item] if entry.item is not None else []
            continue
        report.expected += 1
        batch.append(entry)
        if len(batch) >= BATCH:
            await _compare_batch(desk, connector, wire, batch, report, run, fence)
            batch = []
            if progress is not None:
                progress(run)
    await _compare_batch(desk, connector, wire, batch, report, run, fence)
    if moved:
        await keep_fetched(desk, connector, run, moved, fence)
        await apply_pending(desk, source_of(connector), connector, fence=fence)
    await _find_gone(desk, connector, wire, window, seen, accepted, report, run, fence)


async def _compare_batch(
    desk: Desk, connector: Connector, wire: NotedWire, batch: Sequence[DigestEntry], report: ReconcileReport,
    run: RunReport, fence: Fence,
) -> None:  # fmt: skip
    doubtful = await _compare(desk, connector, wire, batch, report, run, fence)
    if not doubtful:
        return
    # what was repaired is held now; what still is not stands in quarantine or stays a named difference
    held = await _held(desk, report.instance, doubtful)
    quarantined = await _quarantined(desk, report.instance, doubtful)
    for entry in doubtful:
        if (entry.native_id, entry.native_no) in held:
            report.held += 1
        elif (entry.native_id, entry.native_no) in quarantined:
            report.quarantined += 1
    for difference in report.differences:
        if difference.resolution == OPEN and (difference.native_id, difference.native_no) in quarantined:
            difference.resolution = QUARANTINED


async def _compare(
    desk: Desk, connector: Connector, wire: NotedWire, batch: Sequence[DigestEntry], report: ReconcileReport,
    run: RunReport, fence: Fence,
) -> list[DigestEntry]:  # fmt: skip
    """Entries of a batch that were not simply held and equal; they were taken in where that was possible."""
    if not batch:
        return []
    held = await _held(desk, report.instance, batch)
    unsettled = await _unsettled(desk, report.instance, batch)
    doubtful: list[DigestEntry] = []
    whole: list[Item] = []
    to_fetch: list[str] = []
    back: list[Removal] = []
    for entry in batch:
        row = held.get((entry.native_id, entry.native_no))
        if row is not None and row.deleted_at_source is not None:
            back.append(Removal(entry.native_id, entry.native_no))
            doubtful.append(entry)
        if row is not None and entry.native_id not in unsettled and _is_equal(desk, entry, row):
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
    if entry.content_mark and row.content_mark and entry.content_mark != row.content_mark:
        return False
    if entry.item is not None:
        return bool(desk.keys.content_hash(entry.item.canonical) == row.content_hash)
    return entry.updated_at is None or entry.updated_at == row.native_updated_at


async def _unsettled(desk: Desk, instance: str, entries: Sequence[DigestEntry]) -> Collection[str]:
    """Those of these ids that hold two contents under one stamp, of which the later came after the last fetch.

    A pull settles such a tie at once; where its fetch failed, a list of stamps alone would never show it.
    """
    c = inbox_items.c
    found: set[str] = set()
    async with desk.store.read() as connection:
        # a list with whole rows is compared by content
        for part in chunks({entry.native_id for entry in entries if entry.item is None}):
            query = (
                select(
                    c.native_id, func.max(c.fetch_rank).label("settled_ms"), func.max(c.received_at).label("last_at")
                )
                .where(c.instance == instance, c.native_id.in_(part), c.state == "APPLIED", c.version != "")
                .group_by(c.native_id, c.item_key, c.version)
                .having(func.count() > 1)
            )  # fmt: skip
            for row in await connection.execute(query):
                # a fetch's rank is the millisecond of our clock at which it settled
                if row.settled_ms < int(row.last_at.timestamp() * 1000):
                    found.add(row.native_id)
    return found


async def _held(desk: Desk, instance: str, entries: Sequence[DigestEntry]) -> dict[tuple[str, str], AnyRow]:
    """Our records under these keys, with the content hash of their newest version."""
    c = case_records.c
    found: dict[tuple[str, str], AnyRow] = {}
    async with desk.store.read() as connection:
        for part in chunks({entry.native_id for entry in entries}):
            query = (
                select(
                    c.id, c.native_id, c.native_no, c.native_updated_at, c.deleted_at_source,
                    inbox_items.c.content_hash, inbox_items.c.content_mark,
                )
                .join(inbox_items, inbox_items.c.id == c.newest_item_id)
                .where(c.instance == instance, c.native_id.in_(part))
                # two unnumbered records of one id (their lineage differs): the newest present one is the listed one
                .order_by(c.deleted_at_source.is_(None), c.order_key)
            )  # fmt: skip
            for row in await connection.execute(query):
                found[(row.native_id, row.native_no)] = row
    return found


async def _quarantined(desk: Desk, instance: str, entries: Sequence[DigestEntry]) -> Collection[tuple[str, str]]:
    """Those listed keys whose delivery stands in quarantine, set aside or waiting."""
    c = inbox_items.c
    names: dict[str, tuple[str, str]] = {}
    for entry in entries:
        item_key = kept_key(desk, entry.item) if entry.item is not None else entry.key
        names[item_key] = (entry.native_id, entry.native_no)
    found: set[tuple[str, str]] = set()
    async with desk.store.read() as connection:
        for part in chunks(names):
            query = select(c.item_key).where(
                c.instance == instance, c.item_key.in_(part), c.state.in_(("QUARANTINED", "DISCARDED"))
            )
            found.update(names[item_key] for item_key in (await connection.execute(query)).scalars())
    return found


async def _find_gone(
    desk: Desk, connector: Connector, wire: NotedWire, window: Window, seen: _Seen, accepted: Collection[Key],
    report: ReconcileReport, run: RunReport, fence: Fence,
) -> None:  # fmt: skip
    """What we hold and they no longer list: asked for once more, then marked, or held back where it is too much."""
    c = case_records.c
    absent: list[AnyRow] = []
    compared = 0
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
            doubled = await superseded(connection, rows)
        compared += len(rows)
        absent += [row for row in rows if row.id in doubled or not seen.has(row.native_id, row.native_no)]
        if len(rows) < BATCH:
            break
        after = (rows[-1].native_id, rows[-1].id)
    found = await settle_absent(desk, connector, wire, absent, held=compared, accepted=accepted, run=run, fence=fence)
    report.add_gone(found.values())


async def _note(desk: Desk, report: ReconcileReport, window: Window) -> None:
    async with desk.store.write() as tx:
        await tx.execute(
            insert(reconciliations).values(
                id=report.id, county=desk.county, instance=report.instance, started_at=report.started_at,
                finished_at=desk.clock() if report.run is not None and report.run.error is None else None,
                window_start=window.start, window_end=window.end, expected=report.expected, held=report.held,
                quarantined=report.quarantined, repaired=report.repaired, removed=report.removed,
                held_back=report.held_back,
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
