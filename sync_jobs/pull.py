"""Pull: carry a partner's records in, page by page, each page and its cursor in one transaction, then apply them.

A run that dies anywhere is simply run again: pages that were kept are not lost, pages that were not are asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import case, or_, update

from connectors.base import Connector
from hub.applying import BATCH, Fence, apply_pending, no_fence
from hub.desk import Desk
from hub.errors import PartnerError, TransientError
from hub.inbox import keep_page
from hub.model import Item, Page
from hub.sequencer import sequence_all
from hub.store.tables import connector_states
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
    noted = dict(wire.incidents)
    report, state = await begin(desk, connector, PULL, budget)
    cursor = connector.start_cursor(state.cursor if state is not None else None, since)
    try:
        report.ties |= await _apply(desk, connector, report, fence)
        await _pull_pages(desk, connector, wire, cursor, report, fence, progress)
    except PartnerError as error:
        report.ended_by(error)
    ties = report.ties | await _apply(desk, connector, report, fence)
    try:
        if ties and report.error is None:
            await _settle_ties(desk, connector, wire, sorted(ties), report, fence)
    except PartnerError as error:
        report.ended_by(error)
    for kind, times in wire.incidents.items():
        report.incidents[kind] += times - noted.get(kind, 0)
    report.incidents += type(report.incidents)()
    await finish(desk, report)
    await sequence_all(desk)
    return report


async def _pull_pages(
    desk: Desk, connector: Connector, wire: NotedWire, cursor: Mapping[str, Any], report: RunReport, fence: Fence,
    progress: Progress | None,
) -> None:  # fmt: skip
    waiting = 0
    while True:
        at = cursor
        page: Page = await with_patience(report, lambda: connector.pull(wire, at))  # noqa: B023
        kept = await _keep(desk, connector, report, page, fence)
        if page.receipt is not None:
            # after the commit, never before: what was acknowledged is not sent again
            done = page
            await with_patience(report, lambda: connector.acknowledge(wire, done))  # noqa: B023
        waiting += kept
        if waiting >= BATCH:
            report.ties |= await _apply(desk, connector, report, fence)
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
        cursor = page.cursor


async def _keep(desk: Desk, connector: Connector, report: RunReport, page: Page, fence: Fence) -> int:
    """A page's new items and its cursor, in one transaction."""
    instance = connector.config.name
    newest = max((item.updated_at for item in page.items if item.updated_at is not None), default=None)
    async with desk.store.write() as tx:
        await fence(tx)
        kept = await keep_page(
            tx, desk, instance=instance, run_id=report.id, origin="PULL", items=page.items, cursor=page.cursor
        )
        states = connector_states.c
        values: dict[str, Any] = {"cursor": dict(page.cursor)}
        if newest is not None:
            is_higher = or_(states.high_water_at.is_(None), states.high_water_at < newest)
            values["high_water_at"] = case((is_higher, newest), else_=states.high_water_at)
        await tx.execute(update(connector_states).where(states.instance == instance).values(**values))
    report.pages += 1
    report.pulled += kept.items
    report.new += kept.new
    report.ties |= kept.ties
    return kept.new


async def _apply(desk: Desk, connector: Connector, report: RunReport, fence: Fence) -> set[str]:
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
    await _apply(desk, connector, report, fence)


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
