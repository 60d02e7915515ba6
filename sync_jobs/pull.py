"""Pull: carry a partner's records in, page by page, each page and its cursor in one transaction, then apply them.

A run that dies anywhere is simply run again: pages that were kept are not lost, pages that were not are asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol

from sqlalchemy import Column, ColumnElement, case, literal, or_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.base import Connector
from hub.applying import BATCH, Fence, apply_pending, no_fence
from hub.desk import Desk
from hub.errors import PartnerError, TransientError
from hub.inbox import Kept, keep_page
from hub.model import Cursor, Item, Page
from hub.sequencer import sequence_all
from hub.store.tables import connector_states
from hub.store.tables.base import Instant
from sync_jobs.runs import (
    NO_BUDGET,
    PULL,
    RUN_CUT,
    Budget,
    RunReport,
    begin,
    finish,
    source_of,
    with_patience,
)

#: told the run's counts after each page
Progress = Callable[[RunReport], None]


class NotedWire(Protocol):
    """An open wire of any kind that keeps what was noted on it."""

    @property
    def incidents(self) -> Mapping[str, int]: ...


async def pull_instance(
    desk: Desk,
    connector: Connector,
    wire: NotedWire,
    *,
    since: datetime | None = None,
    fence: Fence = no_fence,
    progress: Progress | None = None,
    budget: Budget = NO_BUDGET,
) -> RunReport:
    """One run from the kept cursor (or ``since``) to the partner's present, or to the end of its budget.

    A partner's error ends the run and stands in the report; what was kept before it is applied all the same.
    Raises LeaseLostError when ``fence`` does, and whatever is wrong with our own store.
    """
    report, state = await begin(desk, connector, PULL, budget)
    cursor = connector.start_cursor(state.cursor if state is not None else None, since)
    await carry(desk, connector, wire, _Live(connector, wire), cursor, report, fence, progress)
    await finish(desk, report)
    await sequence_all(desk)
    return report


class Way(Protocol):
    """One way through a partner's pages: how the next is asked for, and where the way itself is kept."""

    @property
    def origin(self) -> str:
        """What kept pages are marked with."""
        ...

    async def ask(self, cursor: Cursor) -> Page:
        """One page. Raises PartnerError."""
        ...

    async def keep_place(self, tx: AsyncConnection, page: Page, kept: Kept) -> None:
        """Where to go on, in the transaction that keeps the page."""
        ...

    async def makes_room(self) -> bool:
        """Whether to stop behind this page though there is more, because something else waits."""
        ...


@dataclass(frozen=True, slots=True)
class _Live:
    """The way of every day: to the partner's present, its cursor beside the instance's health."""

    connector: Connector
    wire: NotedWire
    origin: ClassVar[str] = "PULL"

    async def ask(self, cursor: Cursor) -> Page:
        return await self.connector.pull(self.wire, cursor)

    async def keep_place(self, tx: AsyncConnection, page: Page, kept: Kept) -> None:
        states = connector_states.c
        newest = newest_of(page)
        values: dict[str, Any] = {"cursor": dict(page.cursor)}
        if newest is not None:
            values["high_water_at"] = greater_of(states.high_water_at, newest)
        instance = self.connector.config.name
        await tx.execute(update(connector_states).where(states.instance == instance).values(**values))

    async def makes_room(self) -> bool:
        return False


def greater_of(column: Column[Any], instant: datetime) -> ColumnElement[Any]:
    """The later of what the column holds and this instant."""
    # typed by hand: inside CASE the value would be bound as a bare datetime, whose zone SQLite drops
    value = literal(instant, Instant())
    return case((or_(column.is_(None), column < value), value), else_=column)


def newest_of(page: Page) -> datetime | None:
    """The greatest update time of a page's items."""
    return max((item.updated_at for item in page.items if item.updated_at is not None), default=None)


async def carry(
    desk: Desk, connector: Connector, wire: NotedWire, way: Way, cursor: Cursor, report: RunReport, fence: Fence,
    progress: Progress | None,
) -> None:  # fmt: skip
    """Pages from the cursor on, each kept, then applied, ties settled; how it went stands in the report."""
    noted = dict(wire.incidents)
    try:
        report.ties |= await apply_kept(desk, connector, report, fence)
        await _carry_pages(desk, connector, wire, way, cursor, report, fence, progress)
    except PartnerError as error:
        report.ended_by(error)
    ties = report.ties | await apply_kept(desk, connector, report, fence)
    try:
        if ties and report.error is None:
            await _settle_ties(desk, connector, wire, sorted(ties), report, fence)
    except PartnerError as error:
        report.ended_by(error)
    for kind, times in wire.incidents.items():
        report.incidents[kind] += times - noted.get(kind, 0)
    report.incidents += type(report.incidents)()


async def _carry_pages(
    desk: Desk, connector: Connector, wire: NotedWire, way: Way, cursor: Cursor, report: RunReport, fence: Fence,
    progress: Progress | None,
) -> None:  # fmt: skip
    waiting = 0
    while True:
        at = cursor
        page: Page = await with_patience(report, lambda: way.ask(at))  # noqa: B023
        kept = await _keep(desk, connector, report, page, fence, way)
        if page.receipt is not None:
            # after the commit, never before: what was acknowledged is not sent again
            done = page
            await with_patience(report, lambda: connector.acknowledge(wire, done))  # noqa: B023
        waiting += kept
        if waiting >= BATCH:
            report.ties |= await apply_kept(desk, connector, report, fence)
            waiting = 0
        if progress is not None:
            progress(report)
        if not page.more:
            return
        if page.cursor == at and not kept:
            raise TransientError(
                "the partner's pages do not move on", kind="NO_PROGRESS",
                hint="The same page came twice; the connector or the partner's paging is at fault.",
            )  # fmt: skip
        if report.is_spent:
            report.is_cut = True
            report.incidents[RUN_CUT] += 1
            return
        if await way.makes_room():
            report.is_cut = True
            return
        cursor = page.cursor


async def _keep(desk: Desk, connector: Connector, report: RunReport, page: Page, fence: Fence, way: Way) -> int:
    """A page's new items and its cursor, in one transaction."""
    async with desk.store.write() as tx:
        await fence(tx)
        kept = await keep_page(
            tx, desk, instance=connector.config.name, run_id=report.id, origin=way.origin, items=page.items,
            cursor=page.cursor,
        )  # fmt: skip
        await way.keep_place(tx, page, kept)
    newest = newest_of(page)
    if newest is not None and (report.newest_at is None or report.newest_at < newest):
        report.newest_at = newest
    report.pages += 1
    report.pulled += kept.items
    report.new += kept.new
    report.ties |= kept.ties
    return kept.new


async def apply_kept(desk: Desk, connector: Connector, report: RunReport, fence: Fence) -> set[str]:
    """Apply what is kept and waits; returns the native ids whose newest version a fetch must settle."""
    applied = await apply_pending(desk, source_of(connector), connector, fence=fence)
    report.applied += applied.items
    report.quarantined += applied.quarantined
    return applied.ties


async def _settle_ties(
    desk: Desk, connector: Connector, wire: NotedWire, native_ids: Sequence[str], report: RunReport, fence: Fence
) -> None:
    """Two contents under one stamp: the partner's present answer for the record is the newest."""
    for native_id in native_ids:
        items = await with_patience(report, lambda: connector.fetch(wire, [native_id]))  # noqa: B023
        await keep_fetched(desk, connector, report, items, fence)
    await apply_kept(desk, connector, report, fence)


async def keep_fetched(desk: Desk, connector: Connector, report: RunReport, items: Sequence[Item], fence: Fence) -> int:
    """Keep re-read records; each is the newest of its stamp. Returns how many versions were new."""
    if not items:
        return 0
    async with desk.store.write() as tx:
        await fence(tx)
        kept = await keep_page(
            tx, desk, instance=connector.config.name, run_id=report.id, origin="FETCH", items=items, settles_ties=True
        )
    report.new += kept.new
    return kept.new
