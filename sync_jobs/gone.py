"""Gone: what we hold and a partner's list no longer shows is asked for once more, then marked; never many at once.

A partner that lost its own index answers with empty lists and empty fetches, and looks like one that deleted
everything. So above a threshold nothing is marked: all of it is held back until a person has seen it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import blake2b

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.base import Connector
from hub.applying import Fence, apply_pending
from hub.desk import Desk
from hub.removal import remove_record_in
from hub.store.lookup import AnyRow, chunks
from hub.store.tables import case_records
from hub.store.turn import take_turn
from sync_jobs.differences import GONE, HELD_BACK, REMOVED, Difference
from sync_jobs.pull import NotedWire, keep_fetched
from sync_jobs.runs import RunReport, source_of, with_patience

#: so many removals at once need nobody's consent
ALWAYS = 10
#: … nor does this part of what was compared, where that is more
PART = 0.02


def key_mark(native_id: str, native_no: str) -> int:
    """A key as 64 bits: a partner's whole list in little memory."""
    return int.from_bytes(blake2b(f"{native_id}\n{native_no}".encode(), digest_size=8).digest(), "big")


def most(held: int) -> int:
    """How many of so many records may be marked as gone at once without a person."""
    return max(ALWAYS, int(held * PART))


async def settle_absent(
    desk: Desk,
    connector: Connector,
    wire: NotedWire,
    absent: Sequence[AnyRow],
    *,
    held: int,
    accepted: Collection[tuple[str, str]],
    run: RunReport,
    fence: Fence,
) -> dict[str, Difference]:
    """Decide about records that were not shown (rows with id, native_id, native_no), of ``held`` that were compared.

    Each is asked for where the wire can; the ones still there are taken in and are no difference. Of the others
    those in ``accepted`` are marked, and the rest together, or held back together. By record id.
    """
    limit = most(held)
    agreed: list[AnyRow] = []
    gone: list[AnyRow] = []
    for row in absent:
        is_accepted = (row.native_id, row.native_no) in accepted
        # once too many are gone to be marked, asking for the rest changes nothing
        is_worth_asking = connector.can_fetch and (is_accepted or len(gone) <= limit)
        if is_worth_asking and await is_still_there(desk, connector, wire, row, run, fence):
            continue
        (agreed if is_accepted else gone).append(row)
    is_held_back = len(gone) > limit
    await remove(desk, connector, agreed if is_held_back else [*agreed, *gone], fence)
    found = {row.id: Difference(row.native_id, row.native_no, GONE, REMOVED) for row in [*agreed, *gone]}
    if is_held_back:
        for row in gone:
            found[row.id].resolution = HELD_BACK
    return found


async def is_still_there(
    desk: Desk, connector: Connector, wire: NotedWire, row: AnyRow, run: RunReport, fence: Fence
) -> bool:
    """Ask for one record once more and take in what comes; whether it is among that."""
    items = await with_patience(run, lambda: connector.fetch(wire, [row.native_id]))
    # it may have moved, or got its number, while we read the list
    await keep_fetched(desk, connector, run, items, fence)
    applied = await apply_pending(desk, source_of(connector), connector, fence=fence)
    run.applied += applied.items
    run.quarantined += applied.quarantined
    listed = {(item.native_id, item.native_no) for item in items}
    async with desk.store.read() as connection:
        now = (await connection.execute(select(case_records).where(case_records.c.id == row.id))).one()
        return (now.native_id, now.native_no) in listed and now.id not in await superseded(connection, [now])


async def remove(desk: Desk, connector: Connector, rows: Sequence[AnyRow], fence: Fence) -> None:
    """Mark exactly these records as gone at their source."""
    for row in rows:
        async with desk.store.write() as tx:
            await fence(tx)
            await take_turn(tx, desk.county)
            await remove_record_in(tx, desk, source_of(connector), row.id)


async def superseded(connection: AsyncConnection, rows: Sequence[AnyRow]) -> Collection[str]:
    """Of these records the unnumbered ones beside a newer one of their id: a list shows one row under that key."""
    older, newer = case_records.alias("older"), case_records.alias("newer")
    found: set[str] = set()
    for part in chunks(row.id for row in rows if not row.native_no):
        query = (
            select(older.c.id)
            .join(newer, (newer.c.instance == older.c.instance) & (newer.c.native_id == older.c.native_id))
            .where(older.c.id.in_(part), newer.c.native_no == "", newer.c.id != older.c.id)
            .where(newer.c.deleted_at_source.is_(None), newer.c.order_key > older.c.order_key)
        )
        found.update((await connection.execute(query)).scalars())
    return found
