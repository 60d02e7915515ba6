"""The public order: every committed event and link decision gets the next sequence, once, without gaps.

Commit order is not id order, so a sequence can only be given after commit. One holder of the lease does it in short
batches: the batch's transaction locks the lease row and checks its token, so a holder who slept past its lease writes
nothing. Each log row carries a chain hash over all rows before it; no append ever waits for this.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import socket
from datetime import timedelta

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.desk import Desk
from hub.errors import LeaseLostError
from hub.store.leases import Lease, acquire, lock, release
from hub.store.lookup import chunks
from hub.store.tables import public_log, unsequenced
from hub.store.wakeups import announce_growth

LEASE = "sequencer"
LEASE_FOR = timedelta(seconds=30)
BATCH = 1000


#: a holder that died keeps the lease for its time; who waits longer than that leaves the rest to the next
_PATIENCE_S = LEASE_FOR.total_seconds() + 15
_calls = itertools.count()


async def sequence_all(desk: Desk, *, holder: str | None = None, batch: int = BATCH) -> int:
    """Give a sequence to everything that is committed now and waits. Returns how many were given here.

    Whoever holds the lease is waited for, and what commits later is its own caller's business: one that only finishes
    a small piece of work is not held up by others who go on for long.
    """
    name = holder or f"{socket.gethostname()}/{os.getpid()}/{next(_calls)}"
    last = await _last_waiting(desk)
    total, pause, waited = 0, 0.02, 0.0
    while last is not None and await _is_waiting(desk, last):
        lease = await acquire(desk, LEASE, name, LEASE_FOR)
        if lease is None:
            if waited > _PATIENCE_S:
                return total
            await asyncio.sleep(pause)
            waited, pause = waited + pause, min(pause * 2, 0.5)
            continue
        try:
            while await _is_waiting(desk, last):
                total += await _one_batch(desk, lease, batch)
        except LeaseLostError:
            continue
        await release(desk, lease)
    return total


async def _last_waiting(desk: Desk) -> str | None:
    async with desk.store.read() as connection:
        found: str | None = (await connection.execute(select(func.max(unsequenced.c.entry_id)))).scalar_one()
        return found


async def _is_waiting(desk: Desk, up_to: str) -> bool:
    """Whether anything waits that was there when the caller came. Batches take the smallest ids first."""
    async with desk.store.read() as connection:
        query = select(unsequenced.c.entry_id).where(unsequenced.c.entry_id <= up_to).limit(1)
        return (await connection.execute(query)).first() is not None


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
        await announce_growth(tx)
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
