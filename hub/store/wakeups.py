"""Wake-ups: hints that the public log has grown. They may be lost or come for nothing; the log itself is the truth.

PostgreSQL carries them from the sequencer's transaction to every process that listens; on SQLite whoever waits looks
often enough.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from hub.store.engine import Store

_CHANNEL = "hub_public_log"
#: how long a growth may stay unseen: where nobody wakes us, and where a wake-up was lost
LOOK_EVERY_S, LOOK_AT_LEAST_EVERY_S = 0.5, 2.0


async def announce_growth(tx: AsyncConnection) -> None:
    """Wake whoever waits, once this transaction is committed. Only the sequencer's: PostgreSQL lets such commits pass
    one by one.
    """
    if tx.dialect.name == "postgresql":
        await tx.execute(select(func.pg_notify(_CHANNEL, "")))


class Wakeups:
    """Somebody's way to wait for growth."""

    def __init__(self, look_every_s: float) -> None:
        self._look_every_s = look_every_s
        self._woken = asyncio.Event()
        self._is_lost = False

    def wake(self) -> None:
        """The log may have grown."""
        self._woken.set()

    def lose(self) -> None:
        """Nobody wakes us any more."""
        self._is_lost = True
        self._woken.set()

    async def wait(self) -> None:
        """Until woken, and at most until it is time to look without having been woken. Raises ConnectionResetError once
        nobody wakes us any more: listen anew.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._look_every_s):
                await self._woken.wait()
        self._woken.clear()
        if self._is_lost:
            raise ConnectionResetError("the database has gone away")


@asynccontextmanager
async def listening(store: Store) -> AsyncIterator[Wakeups]:
    """Wake-ups for as long as the block runs. Raises SQLAlchemyError and OSError where the database is out of reach."""
    if store.kind != "postgresql":
        yield Wakeups(LOOK_EVERY_S)
        return
    import asyncpg  # type: ignore[import-untyped]

    wakeups = Wakeups(LOOK_AT_LEAST_EVERY_S)
    # a connection of its own: one of the pool's would go back to it listening
    engine = create_async_engine(store.engine.url, poolclass=NullPool, hide_parameters=True)
    try:
        async with engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            driver.add_termination_listener(lambda *_: wakeups.lose())
            try:
                await driver.add_listener(_CHANNEL, lambda *_: wakeups.wake())
            except (asyncpg.PostgresError, asyncpg.InterfaceError):
                # a pooler or a standby that takes no LISTEN: looking does it too
                wakeups = Wakeups(LOOK_EVERY_S)
            yield wakeups
    finally:
        await engine.dispose()
