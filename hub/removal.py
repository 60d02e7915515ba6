"""Removal: a record the partner no longer holds stays, marked, and leaves lists and figures; it can come back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import linking
from hub.desk import Desk
from hub.history import Appender, StreamHead
from hub.model import Removal, Source
from hub.records import update_records, write_entries
from hub.store.lookup import chunks
from hub.store.tables import case_records, record_entries
from hub.store.turn import take_turn
from hub.telling import KnownEntry, RecordWork


async def remove_in(tx: AsyncConnection, desk: Desk, source: Source, removals: Sequence[Removal]) -> int:
    """Mark these records as gone at the source. Returns how many were not marked before."""
    return await _turn(tx, desk, source, _named(removals), gone=True)


async def remove_record_in(tx: AsyncConnection, desk: Desk, source: Source, record_id: str) -> int:
    """Mark exactly this record as gone. Returns 1 unless it was marked before."""
    return await _turn(tx, desk, source, [case_records.c.id == record_id], gone=True)


async def revive_in(tx: AsyncConnection, desk: Desk, source: Source, listed: Sequence[Removal]) -> int:
    """The partner's own list shows these again. Returns how many were marked before."""
    return await _turn(tx, desk, source, _named(listed), gone=False)


def _named(removals: Sequence[Removal]) -> Iterator[ColumnElement[bool]]:
    c = case_records.c
    for part in chunks(removals, 400):
        yield tuple_(c.native_id, c.native_no).in_([(removal.native_id, removal.native_no) for removal in part])


async def _turn(
    tx: AsyncConnection, desk: Desk, source: Source, which: Iterable[ColumnElement[bool]], *, gone: bool
) -> int:
    await take_turn(tx, desk.county)
    c = case_records.c
    now = desk.clock()
    works: list[RecordWork] = []
    for condition in which:
        query = select(case_records).where(
            c.instance == source.instance,
            condition,
            c.deleted_at_source.is_(None) if gone else c.deleted_at_source.is_not(None),
        )
        for row in await tx.execute(query):
            head = StreamHead(row.stream_seq, row.stream_hash)
            works.append(RecordWork(row.id, desk, source, now, row.native_no, {row.lineage}, row, head))
    if not works:
        return 0
    by_id = {work.id: work for work in works}
    for ids in chunks(by_id):
        for row in await tx.execute(select(record_entries).where(record_entries.c.record_id.in_(ids))):
            by_id[row.record_id].entries[row.source_event_id] = KnownEntry(
                row.event_id, row.kind, row.content_hash, row.is_live
            )
    appender = Appender(desk, now)
    for work in works:
        if gone:
            work.remove(appender)
        else:
            work.revive(appender)
    await update_records(tx, works)
    await write_entries(tx, desk.county, works)
    await linking.relink(tx, desk, by_id.keys(), appender)
    await appender.flush(tx)
    return len(works)
