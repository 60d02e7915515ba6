"""Generations: each backfill of an instance has a number, a place where it goes on, and the keys it has seen.

All of it stands in the database, so that a killed one goes on in any process, from the page behind the last kept.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.desk import Desk
from hub.model import Page
from hub.store.engine import Store
from hub.store.ids import new_id
from hub.store.lookup import chunks
from hub.store.tables import backfill_absences, backfill_keys, backfills
from sync_jobs.differences import HELD_BACK as KEPT_BACK
from sync_jobs.differences import Difference
from sync_jobs.gone import key_mark
from sync_jobs.pull import greater_of

RUNNING, COMPLETE, HELD_BACK, ABANDONED = "RUNNING", "COMPLETE", "HELD_BACK", "ABANDONED"


@dataclass(frozen=True, slots=True)
class Generation:
    """One backfill as it stands in the store."""

    id: str
    instance: str
    generation: int
    since: datetime | None
    state: str
    cursor: Mapping[str, Any] | None
    newest_at: datetime | None
    pages: int
    pulled: int
    new: int
    started_at: datetime
    read_at: datetime | None
    finished_at: datetime | None
    absent: int
    removed: int
    held_back: int


@dataclass(frozen=True, slots=True)
class SeenKeys:
    """All keys that one generation's pages showed, eight bytes each."""

    marks: Sequence[int]

    def has(self, native_id: str, native_no: str) -> bool:
        mark = key_mark(native_id, native_no)
        place = bisect_left(self.marks, mark)
        return place < len(self.marks) and self.marks[place] == mark


async def latest(store: Store, instance: str, *states: str) -> Generation | None:
    """The newest generation of the instance, or the newest in one of these states."""
    async with store.read() as connection:
        return await _latest(connection, instance, *states)


async def open_generation(desk: Desk, instance: str, since: datetime | None) -> tuple[Generation, bool]:
    """The one that is RUNNING from this day on, else a new one; and whether it goes on.

    One that is RUNNING from another day is abandoned.
    """
    async with desk.store.write() as tx:
        found = await _latest(tx, instance, RUNNING)
        if found is not None and found.since == since:
            return found, True
        if found is not None:
            await _close(tx, found.id, ABANDONED, desk.clock())
        last = await _latest(tx, instance)
        made = {
            "id": new_id("bfl", desk.county), "county": desk.county, "instance": instance,
            "generation": last.generation + 1 if last is not None else 1, "since": since, "state": RUNNING,
            "pages": 0, "pulled": 0, "new": 0, "started_at": desk.clock(), "absent": 0, "removed": 0, "held_back": 0,
        }  # fmt: skip
        await tx.execute(insert(backfills).values(made))
        opened = await _latest(tx, instance)
    assert opened is not None
    return opened, False


async def keep_page_of(
    tx: AsyncConnection, desk: Desk, generation_id: str, page: Page, newest: datetime | None, new: int
) -> None:
    """Where to go on, the counts and the keys, in the transaction that keeps the page's items."""
    c = backfills.c
    values: dict[str, Any] = {
        "cursor": dict(page.cursor), "pages": c.pages + 1, "pulled": c.pulled + len(page.items), "new": c.new + new,
    }  # fmt: skip
    if newest is not None:
        values["newest_at"] = greater_of(c.newest_at, newest)
    if not page.more:
        values["read_at"] = desk.clock()
    await tx.execute(update(backfills).where(c.id == generation_id).values(**values))
    marks = array("Q", {key_mark(item.native_id, item.native_no) for item in page.items})
    if not marks:
        return
    number = (await tx.execute(select(c.pages).where(c.id == generation_id))).scalar_one()
    await tx.execute(
        insert(backfill_keys).values(backfill_id=generation_id, page=number, county=desk.county, marks=marks.tobytes())
    )


async def seen_keys(store: Store, generation_id: str) -> SeenKeys:
    """Every key of the generation so far."""
    marks = array("Q")
    async with store.read() as connection:
        query = select(backfill_keys.c.marks).where(backfill_keys.c.backfill_id == generation_id)
        for blob in (await connection.execute(query)).scalars():
            marks.frombytes(blob)
    return SeenKeys(array("Q", sorted(marks)))


async def conclude(tx: AsyncConnection, desk: Desk, generation_id: str, found: Mapping[str, Difference]) -> None:
    """The generation is over: what was absent (by record id) is listed, and its keys are forgotten."""
    rows = [
        {
            "backfill_id": generation_id, "record_id": record_id, "county": desk.county, "native_id": one.native_id,
            "native_no": one.native_no, "resolution": one.resolution,
        }
        for record_id, one in found.items()
    ]  # fmt: skip
    for part in chunks(rows):
        await tx.execute(insert(backfill_absences), list(part))
    held_back = sum(one.resolution == KEPT_BACK for one in found.values())
    await _close(
        tx, generation_id, HELD_BACK if held_back else COMPLETE, desk.clock(), absent=len(found), held_back=held_back,
        removed=len(found) - held_back,
    )  # fmt: skip


async def held_back_of(store: Store, generation_id: str) -> Sequence[Any]:
    """The absences of a generation that wait for a person: rows with id, native_id, native_no."""
    c = backfill_absences.c
    async with store.read() as connection:
        query = select(c.record_id.label("id"), c.native_id, c.native_no).where(
            c.backfill_id == generation_id, c.resolution == KEPT_BACK
        )
        return (await connection.execute(query.order_by(c.native_id, c.native_no))).all()


async def decide(
    tx: AsyncConnection, desk: Desk, generation_id: str, removed: Iterable[str], back: Iterable[str]
) -> None:
    """A person accepted what was held back: these records were marked, those were found after all."""
    c = backfill_absences.c
    counts = {}
    for resolution, ids in (("REMOVED", list(removed)), ("BACK", list(back))):
        counts[resolution] = len(ids)
        for part in chunks(ids):
            await tx.execute(
                update(backfill_absences)
                .where(c.backfill_id == generation_id, c.record_id.in_(part))
                .values(resolution=resolution)
            )
    await _close(
        tx, generation_id, COMPLETE, desk.clock(), held_back=0, removed=backfills.c.removed + counts["REMOVED"]
    )


async def _close(tx: AsyncConnection, generation_id: str, state: str, now: datetime, **values: Any) -> None:
    await tx.execute(
        update(backfills).where(backfills.c.id == generation_id).values(state=state, finished_at=now, **values)
    )
    await tx.execute(delete(backfill_keys).where(backfill_keys.c.backfill_id == generation_id))


async def _latest(connection: AsyncConnection, instance: str, *states: str) -> Generation | None:
    columns = [backfills.c[name] for name in Generation.__slots__]
    query = select(*columns).where(backfills.c.instance == instance)
    if states:
        query = query.where(backfills.c.state.in_(states))
    row = (await connection.execute(query.order_by(backfills.c.generation.desc()).limit(1))).first()
    return None if row is None else Generation(*row)
