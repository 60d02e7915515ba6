"""What the rotations of the master key and of the index share: one at a time, each step a moment of its own.

Changing which keys are in force waits until no write is left that began before it, and holds back those that come
meanwhile, for two seconds at most: then it lets them go and tries again.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import func, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.desk import Desk
from hub.errors import ConflictError
from hub.store.ids import new_id
from hub.store.leases import Lease, acquire, lock, release
from hub.store.tables import leases, rotations
from hub.store.tables.identity import store_identity
from hub.store.upsert import insert_or_ignore
from hub.store_identity import LOCK

T = TypeVar("T")
KEY, INDEX = "KEY", "INDEX"
LEASE = "rotation"
#: so long nobody else may go on with a rotation whose process was killed
LASTING = timedelta(seconds=20)
#: values of one transaction, and the gap that it leaves to other writers
BATCH, GAP_S = 500, 0.02
_TRIES = 60
LOCK_WAIT_MS, RETRY_S = 2000, 1.0
_LOCK_NOT_AVAILABLE = "55P03"

#: called with how many rows more are done, and of how many
Advance = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Rotation:
    """One change of a key."""

    id: str
    kind: str
    #: fingerprints of master keys, or slots of the index
    old: str
    new: str
    started_at: datetime
    finished_at: datetime | None
    #: values that were sealed or indexed anew
    changed: int


async def all_rotations(connection: AsyncConnection) -> list[Rotation]:
    """Every one that was begun, the newest first."""
    query = select(*(rotations.c[name] for name in Rotation.__slots__)).order_by(rotations.c.id.desc())
    return [Rotation(*row) for row in await connection.execute(query)]


async def held_until(connection: AsyncConnection, now: datetime) -> datetime | None:
    """Until when a process has the rotation for itself, at least; None where none does."""
    until: datetime | None = await connection.scalar(select(leases.c.expires_at).where(leases.c.name == LEASE))
    return until if until is not None and until > now else None


class Turn:
    """The right to rotate, for one process at a time."""

    def __init__(self, desk: Desk, lease: Lease) -> None:
        self.desk, self._lease = desk, lease
        self._extended_at = desk.clock()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction, refused once another process has the turn. Raises LeaseLostError."""
        async with self.desk.store.write() as tx:
            await lock(tx, self.desk, self._lease, LASTING)
            yield tx
        self._extended_at = self.desk.clock()

    async def breathe(self) -> None:
        """Leave a gap to other writers, and keep the turn while there was nothing to write. Raises LeaseLostError."""
        if self.desk.clock() - self._extended_at > LASTING / 4:
            async with self.write():
                pass
        await asyncio.sleep(GAP_S)

    async def change(self, act: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Change the keys in force: with no other write beside it, and none that began before and ends after it."""
        for left in range(_TRIES, 0, -1):
            try:
                async with self.write() as tx:
                    if tx.dialect.name == "postgresql":
                        # whoever waits for us waits no longer than this
                        await tx.execute(text(f"SET LOCAL lock_timeout = {LOCK_WAIT_MS}"))
                        await tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
                    return await act(tx)
            except DBAPIError as exc:
                if getattr(exc.orig, "sqlstate", "") != _LOCK_NOT_AVAILABLE or left == 1:
                    raise
            await asyncio.sleep(RETRY_S)
        raise AssertionError("a loop that returns or raises")

    async def begin(self, tx: AsyncConnection, kind: str, old: str, new: str) -> Rotation:
        """Note that it began, in the transaction that changes the keys."""
        made = Rotation(new_id("rot", self.desk.county), kind, old, new, self.desk.clock(), None, 0)
        values = {name: getattr(made, name) for name in Rotation.__slots__}
        await tx.execute(rotations.insert().values(county=self.desk.county, **values))
        return made

    async def count(self, tx: AsyncConnection, rotation: Rotation, changed: int) -> None:
        """Note so many more values that were made anew."""
        c = rotations.c
        await tx.execute(update(rotations).where(c.id == rotation.id).values(changed=c.changed + changed))

    async def finish(self, rotation: Rotation) -> Rotation:
        """Note that nothing of the old one is left."""
        c = rotations.c
        async with self.write() as tx:
            await tx.execute(update(rotations).where(c.id == rotation.id).values(finished_at=self.desk.clock()))
            query = select(*(c[name] for name in Rotation.__slots__)).where(c.id == rotation.id)
            finished = Rotation(*(await tx.execute(query)).one())
        await self.desk.store.overwrite_log()
        return finished


@asynccontextmanager
async def turn(desk: Desk, kind: str) -> AsyncIterator[tuple[Turn, Rotation | None]]:
    """The turn, and the unfinished rotation of this kind. Raises ConflictError where another process is at it."""
    holder = f"{socket.gethostname()}:{os.getpid()}:{os.urandom(4).hex()}"
    lease = await acquire(desk, LEASE, holder, LASTING)
    if lease is None:
        raise ConflictError(
            "a rotation is running already",
            hint=f"`dispute-hub rotate status` shows it. If it was killed: again in {LASTING.seconds} s.",
        )
    try:
        async with desk.store.read() as connection:
            unfinished = [one for one in await all_rotations(connection) if one.finished_at is None]
        if unfinished and unfinished[0].kind != kind:
            other = unfinished[0].kind.lower()
            raise ConflictError(f"a rotation of the {other} is unfinished", hint=f"First `dispute-hub rotate {other}`.")
        yield Turn(desk, lease), unfinished[0] if unfinished else None
    finally:
        await release(desk, lease)


async def set_identity(tx: AsyncConnection, values: Mapping[str, str]) -> None:
    """Let the store say this of itself."""
    rows: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in values.items()]
    await insert_or_ignore(tx, store_identity, rows, on=("name",), update_columns=("value",))


async def rows_of(desk: Desk, names: tuple[str, ...]) -> int:
    """How many rows these tables have together."""
    async with desk.store.read() as connection:
        return sum([
            int(await connection.scalar(select(func.count()).select_from(text(name))) or 0) for name in names
        ])  # fmt: skip
