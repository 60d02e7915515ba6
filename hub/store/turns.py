"""Turns of the writers on a database that has only one at a time.

Within a process they come in the order of asking. SQLite knows no queue between processes: who waits there looks now
and then whether it is free, so a process that writes without end leaves a gap after every half second of writing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

#: so long may a process write before it leaves a gap
STREAK_S = 0.5
#: longer than a waiting process goes without looking (``engine._LOOK_MS``)
GAP_S = 0.05


class Turns:
    """One writer of this process after the other, with gaps for those of other processes."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        #: seconds written since the last gap, and when that ended
        self._written_s = 0.0
        self._ended_at = float("-inf")
        self._begun_at: float | None = None

    @asynccontextmanager
    async def mine(self) -> AsyncIterator[Turns]:
        """The block is the only writer of this process."""
        async with self._lock:
            if time.monotonic() - self._ended_at >= GAP_S:
                self._written_s = 0.0
            elif self._written_s >= STREAK_S:
                await asyncio.sleep(GAP_S)
                self._written_s = 0.0
            self._begun_at = None
            try:
                yield self
            finally:
                self._ended_at = time.monotonic()
                if self._begun_at is not None:
                    self._written_s += self._ended_at - self._begun_at

    def begun(self) -> None:
        """The database is ours; what came before was waiting for others."""
        self._begun_at = time.monotonic()


class NoTurns:
    """Where writers do not wait for each other."""

    @asynccontextmanager
    async def mine(self) -> AsyncIterator[NoTurns]:
        """Nothing to wait for."""
        yield self

    def begun(self) -> None:
        """Nobody counts."""
