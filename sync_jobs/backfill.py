"""Backfill: a partner's whole past is read once more, beside the live pull and behind it, in numbered generations.

It goes in slices under the instance's lane. Between two pages it makes room for a live pull that is due, whose own
cursor it never touches. Nothing is said to be gone before the last page of a generation was kept; then what no page
showed is asked for once more and marked, or held back for a person where it is too much (`gone`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from sqlalchemy import ColumnElement, and_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.base import Backfiller, Connector
from hub.applying import no_fence
from hub.desk import Desk
from hub.errors import PartnerError
from hub.inbox import Kept
from hub.model import Cursor, Page
from hub.sequencer import sequence_all
from hub.store.lookup import AnyRow
from hub.store.tables import case_records
from sync_jobs import generations
from sync_jobs.generations import Generation, SeenKeys
from sync_jobs.gone import is_still_there, remove, settle_absent, superseded
from sync_jobs.pull import NotedWire, Progress, carry, newest_of
from sync_jobs.runs import BACKFILL, NO_BUDGET, Budget, RunReport, begin, finish

#: records looked through at a time
_BATCH = 500


async def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class _Past:
    """The way of a backfill: its cursor and keys stand with its generation."""

    desk: Desk
    connector: Connector
    wire: NotedWire
    generation_id: str
    is_other_due: Callable[[], Awaitable[bool]]
    origin: ClassVar[str] = "BACKFILL"

    async def ask(self, cursor: Cursor) -> Page:
        if isinstance(self.connector, Backfiller):
            return await self.connector.backfill(self.wire, cursor)
        return await self.connector.pull(self.wire, cursor)

    async def keep_place(self, tx: AsyncConnection, page: Page, kept: Kept) -> None:
        await generations.keep_page_of(tx, self.desk, self.generation_id, page, newest_of(page), kept.new)

    async def makes_room(self) -> bool:
        return await self.is_other_due()


async def run_slice(
    desk: Desk,
    connector: Connector,
    wire: NotedWire,
    generation: Generation,
    *,
    is_other_due: Callable[[], Awaitable[bool]] = _never,
    progress: Progress | None = None,
    budget: Budget = NO_BUDGET,
) -> tuple[RunReport, Generation]:
    """One slice of a generation that is RUNNING: to its end, to the end of the budget, or until ``is_other_due``.

    A partner's error ends the slice and stands in the report; the generation stays RUNNING and goes on from there.
    """
    report, _ = await begin(desk, connector, BACKFILL, budget)
    way = _Past(desk, connector, wire, generation.id, is_other_due)
    if generation.read_at is None:
        await carry(desk, connector, wire, way, _start(connector, generation), report, no_fence, progress)
    generation = await _again(desk, generation)
    if generation.read_at is not None and report.error is None:
        try:
            await _conclude(desk, connector, wire, generation, report)
        except PartnerError as error:
            report.ended_by(error)
    await finish(desk, report)
    await sequence_all(desk)
    return report, await _again(desk, generation)


async def accept_removals(
    desk: Desk, connector: Connector, wire: NotedWire, generation: Generation
) -> tuple[RunReport, Generation]:
    """A person saw what a generation held back: each record is asked for once more, and marked if it is not there."""
    report, _ = await begin(desk, connector, BACKFILL)
    rows = await generations.held_back_of(desk.store, generation.id)
    try:
        back = [row for row in rows if await is_still_there(desk, connector, wire, row, report, no_fence)]
        found = {row.id for row in back}
        gone = [row for row in rows if row.id not in found]
        await remove(desk, connector, gone, no_fence)
        async with desk.store.write() as tx:
            await generations.decide(tx, desk, generation.id, [row.id for row in gone], found)
    except PartnerError as error:
        report.error = error
    await finish(desk, report)
    await sequence_all(desk)
    return report, await _again(desk, generation)


def _start(connector: Connector, generation: Generation) -> Cursor:
    if isinstance(connector, Backfiller):
        return connector.backfill_cursor(generation.cursor, generation.since)
    if generation.cursor is not None:
        return connector.start_cursor(generation.cursor)
    return connector.start_cursor(None, generation.since)


async def _again(desk: Desk, generation: Generation) -> Generation:
    found = await generations.latest(desk.store, generation.instance)
    return found if found is not None and found.id == generation.id else generation


async def _conclude(
    desk: Desk, connector: Connector, wire: NotedWire, generation: Generation, report: RunReport
) -> None:
    """Compare what we hold with what the whole generation showed.

    A partner that cannot be asked again gives increments, not a list: that one of them is not there any more says
    nothing about its records. There the partner's own list alone tells what is gone.
    """
    found = {}
    if connector.can_fetch:
        seen = await generations.seen_keys(desk.store, generation.id)
        absent, held = await _absent(desk, connector, generation, seen)
        found = await settle_absent(desk, connector, wire, absent, held=held, accepted=(), run=report, fence=no_fence)
    async with desk.store.write() as tx:
        await generations.conclude(tx, desk, generation.id, found)


async def _absent(desk: Desk, connector: Connector, generation: Generation, seen: SeenKeys) -> tuple[list[AnyRow], int]:
    """Records of the generation's window that no page showed, and how many the window holds."""
    c = case_records.c
    absent: list[AnyRow] = []
    held, after = 0, ("", "")
    while True:
        query = (
            select(c.id, c.native_id, c.native_no)
            .where(_in_window(connector, generation), tuple_(c.native_id, c.id) > after)
            .order_by(c.native_id, c.id)
            .limit(_BATCH)
        )
        async with desk.store.read() as connection:
            rows = (await connection.execute(query)).all()
            doubled = await superseded(connection, rows)
        held += len(rows)
        absent += [row for row in rows if row.id in doubled or not seen.has(row.native_id, row.native_no)]
        if len(rows) < _BATCH:
            return absent, held
        after = (rows[-1].native_id, rows[-1].id)


def _in_window(connector: Connector, generation: Generation) -> ColumnElement[bool]:
    """Present records that were here before, with their own time inside the window and outside the overlap."""
    c = case_records.c
    edge = timedelta(seconds=connector.config.overlap_s)
    conditions = [
        c.instance == generation.instance, c.deleted_at_source.is_(None), c.first_seen_at < generation.started_at
    ]  # fmt: skip
    if generation.since is not None:
        conditions.append(c.native_updated_at >= generation.since + edge)
    if generation.newest_at is not None:
        conditions.append(c.native_updated_at <= generation.newest_at - edge)
    return and_(*conditions)
