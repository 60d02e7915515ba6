"""Applying: kept items become case records with their history. Map, resolve, tell, write, link.

Items are applied in batches, each one transaction: as many as fit into a short one where writers wait for each other.
What cannot be mapped is quarantined alone. A batch the database
refuses is applied again one item at a time, so that one bad record never holds the others. Applying the same item
twice changes nothing, and the order in which versions arrive does not change where a record ends.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, update
from sqlalchemy.exc import DBAPIError, OperationalError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub import drift, linking, outbox_standing, quarantine, versions, worklist
from hub.desk import Desk
from hub.errors import BadPayloadError, OrphanError
from hub.history import Appender
from hub.inbox import LONGEST_NAME
from hub.model import Answer, CaseFacts, Mapper, Removal, Source
from hub.records import Family
from hub.removal import remove_in
from hub.store.lookup import chunks
from hub.store.pace import Pace
from hub.store.tables import inbox_items
from hub.store.turn import take_turn
from hub.telling import RecordWork
from hub.versions import Version

#: items per transaction at most (law 9)
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
    pace = Pace(desk.store, batch)
    while True:
        before, wanted = done.items, pace.size
        try:
            taken = await _one_batch(desk, source, mapper, fence, pace, done)
        except _REFUSALS as exc:
            if not _is_the_items_fault(exc):
                raise
            taken = await _one_by_one(desk, source, mapper, fence, wanted, done)
        if progress is not None:
            progress(done.items - before)
        if taken < wanted:
            return done


async def _one_batch(desk: Desk, source: Source, mapper: Mapper, fence: Fence, pace: Pace, done: Applied) -> int:
    async with desk.store.write() as tx:
        await fence(tx)
        await take_turn(tx, desk.county)
        with pace.measured():
            waiting = await versions.pending(tx, desk, source.instance, mapper, limit=pace.size)
            part = await apply_versions(tx, desk, source, mapper, waiting)
    _add(done, part)
    return len(waiting)


#: what the store or our own arithmetic may raise over a value no mapping should have let through
_REFUSALS = (StatementError, ValueError, TypeError, ArithmeticError, AttributeError, LookupError)
#: SQLSTATE classes that blame the data: data exception, integrity, program limit (an index row too long)
_DATA_STATES = ("22", "23", "54")


def _is_the_items_fault(exc: Exception) -> bool:
    """Whether setting an item apart helps: a full disk, a lost connection or a deadlock is nobody's content."""
    if not isinstance(exc, DBAPIError):
        return True
    state = getattr(exc.orig, "sqlstate", None)
    if state is not None:
        return str(state).startswith(_DATA_STATES)
    return not (exc.connection_invalidated or isinstance(exc, OperationalError))


async def _one_by_one(desk: Desk, source: Source, mapper: Mapper, fence: Fence, batch: int, done: Applied) -> int:
    """The slow way round a batch the database refused: every item alone, the refused ones quarantined."""
    async with desk.store.read() as connection:
        waiting = await versions.pending(connection, desk, source.instance, mapper, limit=batch)
    item_ids = [version.item_id for version in waiting]
    del waiting
    for item_id in item_ids:
        try:
            part = await _one_item(desk, source, mapper, fence, item_id, None)
        except _REFUSALS as exc:
            if not _is_the_items_fault(exc):
                raise
            # the driver's message may quote values: keep its class only
            cause = exc.orig if isinstance(exc, StatementError) else exc
            problem = BadPayloadError("STORE_REFUSED", hint=type(cause).__name__)
            part = await _one_item(desk, source, mapper, fence, item_id, problem)
        _add(done, part)
    return len(item_ids)


async def _one_item(
    desk: Desk, source: Source, mapper: Mapper, fence: Fence, item_id: str, problem: BadPayloadError | None
) -> Applied:
    async with desk.store.write() as tx:
        await fence(tx)
        await take_turn(tx, desk.county)
        waiting = await versions.pending(tx, desk, source.instance, mapper, limit=1, item_ids=[item_id])
        for version in waiting:
            version.problem = version.problem or problem
        return await apply_versions(tx, desk, source, mapper, waiting)


def _add(done: Applied, part: Applied) -> None:
    done.items += part.items
    done.quarantined += part.quarantined
    done.ties |= part.ties


async def apply_versions(
    tx: AsyncConnection, desk: Desk, source: Source, mapper: Mapper, waiting: Sequence[Version]
) -> Applied:
    """Apply these mapped versions in the caller's transaction, and with them the parked parts of the same records."""
    now = desk.clock()
    native_ids = {version.native_id for version in waiting if version.problem is None}
    await drift.note(tx, desk, source.instance, mapper, [version.shape for version in waiting])
    waiting = [*waiting, *await versions.parked(tx, desk, source.instance, mapper, native_ids)]
    done = Applied(items=len(waiting))
    understood: list[tuple[Version, CaseFacts]] = []
    answered: list[Version] = []
    removals: list[Removal] = []
    refused: list[Version] = []
    for version in waiting:
        if version.problem is None and len(version.facts) > 1:
            version.problem = BadPayloadError("SEVERAL_RECORDS", hint="One item may tell of one record only.")
        if version.problem is None and version.facts:
            version.problem = _unusable_name(version.facts[0])
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
        if work.takes_from is not None:
            touched[work.takes_from.id] = work.takes_from
    await family.load_entries(tx, touched.values())
    kept = await family.load_kept(tx, mapper, touched.values())
    for work in touched.values():
        work.take_over(kept)
    parked: list[Version] = []
    for work in list(touched.values()):
        try:
            work.tell(mapper, kept.get(work.id, []), appender)
        except OrphanError:
            parked += [version for _, version, _ in touched.pop(work.id).arrivals]
        done.ties |= work.ties
    await _park(tx, parked)
    await family.write(tx, touched.values())
    for work in touched.values():
        if work.row is not None and work.is_corrected:
            appender.note_correction(work.id, work.row.version + 1)
    await appender.flush(tx)
    await _mark_applied(tx, understood, touched.values(), answered, mapper, now)
    settled = {version.item_id for version in waiting if version.problem is None}
    await quarantine.resolve(tx, sorted(settled - {version.item_id for version in parked}), now)
    told = [(work.id, work.unknown_facts.unknown_codes) for work in touched.values() if work.unknown_facts is not None]
    await worklist.note(tx, desk, source.instance, told, now)
    if removals:
        await remove_in(tx, desk, source, removals)
    answers = [fact for version in waiting for fact in version.others if isinstance(fact, Answer)]
    if answers:
        await outbox_standing.answered(tx, desk, source.instance, answers)
    await linking.relink(tx, desk, touched.keys(), appender)
    await appender.flush(tx)
    return done


def _unusable_name(facts: CaseFacts) -> BadPayloadError | None:
    """A name that no index takes, on either database."""
    if not facts.native_id:
        return BadPayloadError("NO_NATIVE_ID", field="native_id")
    names = {
        "native_id": (facts.native_id,), "native_no": (facts.native_no,), "lineage": (facts.lineage,),
        "unit_key": (facts.unit_key,), "names": tuple(name.value for name in facts.names),
        "references": tuple(reference.value for reference in facts.references),
    }  # fmt: skip
    for field_name, values in names.items():
        if any(len(value) > LONGEST_NAME or "\x00" in value for value in values):
            return BadPayloadError("UNUSABLE_NAME", field=field_name, hint=f"At most {LONGEST_NAME} characters.")
    return None


async def _park(tx: AsyncConnection, orphans: Sequence[Version]) -> None:
    """Parts whose record is not opened yet wait for the part that opens it; nothing is wrong with them."""
    fresh = [version.item_id for version in orphans if version.state != "PARKED"]
    for part in chunks(fresh):
        await tx.execute(update(inbox_items).where(inbox_items.c.id.in_(part)).values(state="PARKED"))


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
