"""Leases: who may do a thing alone, until when. A lease, not a lock: a killed holder must not keep it for ever.

Every grant raises the token; a writer proves inside its own transaction that its token is still the newest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.errors import LeaseLostError
from hub.store.engine import Store
from hub.store.tables import leases


class _Place(Protocol):
    @property
    def store(self) -> Store: ...
    @property
    def county(self) -> str: ...
    @property
    def clock(self) -> Callable[[], datetime]: ...


@dataclass(frozen=True, slots=True)
class Lease:
    """A grant: valid while its token is the row's."""

    name: str
    token: int
    holder: str


async def acquire(place: _Place, name: str, holder: str, lasting: timedelta) -> Lease | None:
    """Take the lease if it is free, expired or already ours; None while another holds it."""
    try:
        async with place.store.write() as tx:
            row = (await tx.execute(select(leases).where(leases.c.name == name).with_for_update())).first()
            now = place.clock()
            if row is None:
                await tx.execute(insert(leases).values(name=name, token=1, holder=holder, expires_at=now + lasting))
                return Lease(name, 1, holder)
            if row.holder != holder and row.expires_at > now:
                return None
            token = row.token + 1
            await tx.execute(
                update(leases).where(leases.c.name == name).values(token=token, holder=holder, expires_at=now + lasting)
            )
            return Lease(name, token, holder)
    except IntegrityError:
        # another made the very first row between our look and our insert: it holds the lease
        return None


async def release(place: _Place, lease: Lease) -> None:
    """Give the lease back, so that the next need not wait until it runs out; nothing where it is lost already."""
    async with place.store.write() as tx:
        await tx.execute(
            update(leases)
            .where(leases.c.name == lease.name, leases.c.token == lease.token)
            .values(expires_at=place.clock())
        )


async def lock(tx: AsyncConnection, place: _Place, lease: Lease, lasting: timedelta) -> None:
    """Lock the lease row in this transaction, check the token and extend it. Raises LeaseLostError."""
    row = (
        await tx.execute(select(leases.c.token).where(leases.c.name == lease.name).with_for_update())
    ).scalar_one_or_none()
    if row != lease.token:
        raise LeaseLostError(f"the lease {lease.name} went to another")
    await tx.execute(update(leases).where(leases.c.name == lease.name).values(expires_at=place.clock() + lasting))
