"""Applying: kept items become case records with their history. Map, resolve, tell, write, link.

Items are applied in batches, each one transaction. What cannot be mapped is quarantined alone. A batch the database
refuses is applied again one item at a time, so that one bad record never holds the others. Applying the same item
twice changes nothing, and the order in which versions arrive does not change where a record ends.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import linking, quarantine, versions
from hub.desk import Desk
from hub.errors import BadPayloadError
from hub.history import Appender
from hub.model import CaseFacts, Mapper, Removal, Source
from hub.records import Family, RecordWork
from hub.removal import remove_in
from hub.store.tables import inbox_items
from hub.versions import Version

#: items per transaction (law 9)
BATCH = 500

#: raises LeaseLostError inside the writing transaction when somebody else took the job over
Fence = Callable[[AsyncConnection], Awaitable[None]]


async def no_fence(_tx: AsyncConnection) -> None:
    """For callers that nobody can take over from."""


@dataclass(slots=True)
class Applied:
    """What applying did. ``ties``: native ids whose newest version another fetch must settle."""

    items: int = 0
    quarantined: int = 0
    ties: set[str] = field(default_factory=set)


async def apply_pending(
    desk: Desk,
    source: Source,
    mapper: Mapper,
    *,
    fence: Fence = no_fence,
    batch: int = BATCH,
    progress: Callable[[int], None] | None = None,
) -> Applied:
    """Apply everything of one instance that waits, oldest delivery first."""
    done = Applied()
    while True:
        before = done.items
        try:
            taken = await _one_batch(desk, source, mapper, fence, batch, done)
        except DBAPIError as exc:
            if exc.connection_invalidated:
                raise
            taken = await _one_by_one(desk, source, mapper, fence, batch, done)
        if progress is not None:
            progress(done.items - before)
        if taken < batch:
            return done


async def _one_batch(desk: Desk, source: Source, mapper: Mapper, fence: Fence, batch: int, done: Applied) -> int:
    async with desk.store.write() as tx:
        await fence(tx)
        waiting = await versions.pending(tx, desk, source.instance, mapper, limit=batch)
        part = await apply_versions(tx, desk, source, mapper, waiting)
    _add(done, part)
    return len(waiting)


async def _one_by_one(desk: Desk, source: Source, mapper: Mapper, fence: Fence, batch: int, done: Applied) -> int:
    """The slow way round a batch the database refused: every item alone, the refused ones quarantined."""
    async with desk.store.read() as connection:
        waiting = await versions.pending(connection, desk, source.instance, mapper, limit=batch)
    for version in waiting:
        try:
            async with desk.store.write() as tx:
                await fence(tx)
                part = await apply_versions(tx, desk, source, mapper, [version])
        except DBAPIError as exc:
            if exc.connection_invalidated:
                raise
            # the driver's message may quote values: keep its class only
            version.problem = BadPayloadError("STORE_REFUSED", hint=type(exc.orig).__name__)
            async with desk.store.write() as tx:
                await fence(tx)
                part = await apply_versions(tx, desk, source, mapper, [version])
        _add(done, part)
    return len(waiting)


def _add(done: Applied, part: Applied) -> None:
    done.items += part.items
    done.quarantined += part.quarantined
    done.ties |= part.ties


async def apply_versions(
    tx: AsyncConnection, desk: Desk, source: Source, mapper: Mapper, waiting: Sequence[Version]
) -> Applied:
    """Apply these mapped versions in the caller's transaction."""
    now = desk.clock()
    done = Applied(items=len(waiting))
    understood: list[tuple[Version, CaseFacts]] = []
    answered: list[Version] = []
    removals: list[Removal] = []
    refused: list[Version] = []
    for version in waiting:
        if version.problem is None and len(version.facts) > 1:
            version.problem = BadPayloadError("SEVERAL_RECORDS", hint="One item may tell of one record only.")
        if version.problem is not None:
            refused.append(version)
            continue
        removals.extend(fact for fact in version.others if isinstance(fact, Removal))
        if version.facts:
            understood.append((version, version.facts[0]))
        else:
            answered.append(version)
    await quarantine.set_apart(tx, desk, source.instance, refused, now)
    done.quarantined = len(refused)

    appender = Appender(desk, now)
    family = await Family.load(tx, desk, source, [facts.native_id for _, facts in understood], now)
    touched: dict[str, RecordWork] = {}
    for version, facts in understood:
        work = family.resolve(facts)
        work.arrivals.append((version.order_key(facts), version, facts))
        touched[work.id] = work
    await family.load_entries(tx, touched.values())
    kept = await versions.of_records(tx, desk, mapper, [work.id for work in touched.values() if work.needs_all()])
    for work in touched.values():
        work.tell(mapper, kept.get(work.id, []), appender)
        done.ties |= work.ties
    await family.write(tx, touched.values())
    await appender.flush(tx)
    await _mark_applied(tx, understood, touched.values(), answered, mapper, now)
    await quarantine.resolve(tx, [version.item_id for version, _ in understood], now)
    await family.note_unknown_codes(tx, touched.values())
    if removals:
        await remove_in(tx, desk, source, removals)
    await linking.relink(tx, desk, touched.keys(), appender)
    await appender.flush(tx)
    return done


async def _mark_applied(
    tx: AsyncConnection,
    understood: Iterable[tuple[Version, CaseFacts]],
    works: Iterable[RecordWork],
    answered: Iterable[Version],
    mapper: Mapper,
    now: datetime,
) -> None:
    rows: list[dict[str, Any]] = [
        {
            "item": version.item_id, "record": work.id, "line": facts.lineage, "which": facts.part, "key": order_key,
        }
        for work in works
        for order_key, version, facts in work.arrivals
    ]  # fmt: skip
    rows += [{"item": v.item_id, "record": None, "line": None, "which": None, "key": None} for v in answered]
    if not rows:
        return
    mark = update(inbox_items).where(inbox_items.c.id == bindparam("item"))
    await tx.execute(
        mark.values(
            state="APPLIED", applied_at=now, mapping_version=mapper.mapping_version, record_id=bindparam("record"),
            lineage=bindparam("line"), part=bindparam("which"), order_key=bindparam("key"),
        ),
        rows,
    )  # fmt: skip
