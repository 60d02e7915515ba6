"""Wake-ups: a worker that waits for work hears at once that some came; polling alone would do, only later.

PostgreSQL tells every process (LISTEN/NOTIFY); with SQLite the bell rings inside this process only. A lost wake-up
costs one polling interval, never a job.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from hub.jobs import CHANNEL
from hub.store.engine import Store

#: how long a waiting worker sleeps at most: another process's job in SQLite is seen after this long
POLL_S = {"sqlite": 1.0, "postgresql": 5.0}


class Wakeup:
    """One bell per process and store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._bell = asyncio.Event()

    def ring(self) -> None:
        """Wake whoever waits in this process."""
        self._bell.set()

    async def wait(self, at_most_s: float | None = None) -> None:
        """Return when the bell rang or the time is over."""
        limit = POLL_S[self._store.kind] if at_most_s is None else at_most_s
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._bell.wait(), limit)
        self._bell.clear()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Hear what other processes announce, where the database can carry it. Costs one connection."""
        if self._store.kind != "postgresql":
            yield
            return
        async with self._store.engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            await driver.add_listener(CHANNEL, self._on_notify)
            try:
                yield
            finally:
                # a connection that broke meanwhile has nothing left to unlisten
                if not driver.is_closed():
                    await driver.remove_listener(CHANNEL, self._on_notify)

    def _on_notify(self, *_: object) -> None:
        self._bell.set()
