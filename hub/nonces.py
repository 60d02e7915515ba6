"""Nonces of webhooks: each is taken once, so that a copied webhook is refused however genuine it is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.desk import Desk
from hub.store.tables import webhook_nonces
from hub.store.upsert import dialect_insert

#: a webhook counts for 300 s before and after our clock, so 600 s would do; a day survives a clock that is set back
KEPT = timedelta(days=1)


async def take(tx: AsyncConnection, desk: Desk, instance: str, nonces: Iterable[str]) -> set[str]:
    """Those of them that nobody took before; they are taken when this transaction commits."""
    now = desk.clock()
    rows = [{"instance": instance, "nonce": nonce, "county": desk.county, "seen_at": now} for nonce in set(nonces)]
    taken = dialect_insert(tx, webhook_nonces).values(rows).on_conflict_do_nothing()
    return set((await tx.execute(taken.returning(webhook_nonces.c.nonce))).scalars())


async def forget_old(desk: Desk) -> int:
    """Drop those that no webhook can come with again; returns how many."""
    async with desk.store.write() as tx:
        gone = await tx.execute(delete(webhook_nonces).where(webhook_nonces.c.seen_at < desk.clock() - KEPT))
        return gone.rowcount
