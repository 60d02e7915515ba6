"""The public order: every committed event and link decision gets the next sequence, once, without gaps.

Commit order is not id order, so a sequence can only be given after commit. One holder of the lease does it in short
batches: the batch's transaction locks the lease row and checks its token, so a holder who slept past its lease writes
nothing. Each log row carries a chain hash over all rows before it; no append ever waits for this.
"""

from __future__ import annotations

import hashlib
import os
import socket
from datetime import timedelta

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.desk import Desk
from hub.errors import LeaseLostError
from hub.store.leases import Lease, acquire, lock, release
from hub.store.lookup import chunks
from hub.store.tables import public_log, unsequenced

LEASE = "sequencer"
LEASE_FOR = timedelta(seconds=30)
BATCH = 1000


async def sequence_all(desk: Desk, *, holder: str | None = None, batch: int = BATCH) -> int:
    """Give a sequence to everything that is committed and waits. Returns how many; 0 when another holds the lease."""
    name = holder or f"{socket.gethostname()}/{os.getpid()}"
    total = 0
    # whoever found the lease taken has gone away: what it left is ours, also what came in our last moment
    while await _is_anything_waiting(desk):
        lease = await acquire(desk, LEASE, name, LEASE_FOR)
        if lease is None:
            return total
        try:
            while (given := await _one_batch(desk, lease, batch)) == batch:
                total += given
        except LeaseLostError:
            return total
        total += given
        await release(desk, lease)
    return total


async def _is_anything_waiting(desk: Desk) -> bool:
    async with desk.store.read() as connection:
        return (await connection.execute(select(unsequenced.c.entry_id).limit(1))).first() is not None


async def _one_batch(desk: Desk, lease: Lease, batch: int) -> int:
    async with desk.store.write() as tx:
        await lock(tx, desk, lease, LEASE_FOR)
        waiting = (
            await tx.execute(
                select(unsequenced.c.entry_id, unsequenced.c.entry_kind, unsequenced.c.entry_hash)
                .order_by(unsequenced.c.entry_id)
                .limit(batch)
            )
        ).all()
        if not waiting:
            return 0
        sequence, chain = await _head(tx)
        now = desk.clock()
        rows = []
        for entry in waiting:
            sequence += 1
            chain = chain_hash(chain, sequence, entry.entry_id, entry.entry_hash)
            rows.append(
                {
                    "sequence": sequence, "county": desk.county, "entry_kind": entry.entry_kind,
                    "entry_id": entry.entry_id, "sequenced_at": now, "chain_hash": chain,
                }
            )  # fmt: skip
        await tx.execute(insert(public_log), rows)
        for part in chunks(row["entry_id"] for row in rows):
            await tx.execute(delete(unsequenced).where(unsequenced.c.entry_id.in_(part)))
        return len(rows)


def chain_hash(previous: str, sequence: int, entry_id: str, entry_hash: str) -> str:
    """The overall chain's next link."""
    return hashlib.sha256(f"{previous}\n{sequence}\n{entry_id}\n{entry_hash}".encode()).hexdigest()


async def _head(tx: AsyncConnection) -> tuple[int, str]:
    head = (
        await tx.execute(
            select(public_log.c.sequence, public_log.c.chain_hash).order_by(public_log.c.sequence.desc()).limit(1)
        )
    ).first()
    return (head.sequence, head.chain_hash) if head else (0, "")
