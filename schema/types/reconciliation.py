"""Reconciliation: one comparison of a partner's own list with ours, with its differences key by key."""

from __future__ import annotations

import strawberry

from hub.reading.connectors import ReconciliationRow
from hub.reading.paging import window
from hub.reading.reconciliations import IN_ORDER, DifferenceRow
from hub.vocabulary import DifferenceKind, DifferenceResolution
from schema.connection import After, Before, Connection, First, Last, connection_of
from schema.context import Info
from schema.inputs import values_of
from schema.loaders import Differences
from schema.scalars import Instant, instant


@strawberry.type(description="One key 对账差异 on which the two lists disagreed, and what became of it.")
class Difference:
    native_id: str = strawberry.field(description="The partner's key.")
    native_no: str | None = strawberry.field(description="The partner's number, where it has one.")
    kind: DifferenceKind = strawberry.field(description="How the lists disagreed.")
    resolution: DifferenceResolution = strawberry.field(description="What became of it; OPEN waits for somebody.")


@strawberry.type(description="One comparison of the partner's own list with ours, key by key.")
class Reconciliation:
    id: strawberry.ID = strawberry.field(description="Of this comparison.")
    instance: str = strawberry.field(description="The configured partner.")
    started_at: Instant = strawberry.field(description="When it started.")
    finished_at: Instant | None = strawberry.field(description="When it ended; null while running.")
    window_start: Instant | None = strawberry.field(description="What it compared: from here.")
    window_end: Instant | None = strawberry.field(description="What it compared: to here.")
    expected: int = strawberry.field(description="Keys in the partner's list.")
    held: int = strawberry.field(description="Of these, held by the hub.")
    quarantined: int = strawberry.field(description="Of these, in quarantine.")
    repaired: int = strawberry.field(description="Fetched again and put right.")
    removed: int = strawberry.field(description="Found to be held by the partner no more.")
    held_back: int = strawberry.field(
        description="Gone there, too, but too many at once to be marked: a person decides."
    )

    @strawberry.field(description="The keys on which the lists disagreed, in the order they were found.")
    async def differences(
        self,
        info: Info,
        resolutions: list[DifferenceResolution] | None = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Difference]:
        loaders = info.context.loaders
        chosen = values_of(resolutions)
        only = None if chosen is None else tuple(sorted(set(chosen)))
        asked = window(IN_ORDER, first, after, last, before)
        key = Differences(str(self.id), only, asked)

        async def behind() -> bool:
            return asked.place is not None and await loaders.differences_behind.load(key)

        async def total() -> int:
            return await loaders.difference_totals.load(Differences(str(self.id), only))

        return connection_of(await loaders.differences.load(key), _difference, asked, behind, total)


def reconciliation(row: ReconciliationRow) -> Reconciliation:
    """The public comparison of a row."""
    return Reconciliation(
        id=strawberry.ID(row.id),
        instance=row.instance,
        started_at=Instant(row.started_at),
        finished_at=instant(row.finished_at),
        window_start=instant(row.window_start),
        window_end=instant(row.window_end),
        expected=row.expected,
        held=row.held,
        quarantined=row.quarantined,
        repaired=row.repaired,
        removed=row.removed,
        held_back=row.held_back,
    )


def _difference(row: DifferenceRow) -> Difference:
    return Difference(
        native_id=row.native_id,
        native_no=row.native_no or None,
        kind=DifferenceKind[row.difference],
        resolution=DifferenceResolution[row.resolution],
    )
