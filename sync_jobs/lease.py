"""Fencing: a store for the time of one claimed job, every write of which first proves that the claim still stands.

It lives here and not in ``hub/store`` because it knows what a job is; whoever is handed the store need not.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from hub.errors import LeaseLostError
from hub.store.engine import Store
from sync_jobs.queue import Claim, holds


class FencedStore(Store):
    """``write`` raises LeaseLostError before anything is written once another worker took the job over."""

    def __init__(self, store: Store, claim: Claim) -> None:
        super().__init__(store.engine, store.turns)
        self.before_write = store.before_write
        self._claim = claim

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction under the claim: while it runs, nobody can take the job over."""
        async with super().write() as connection:
            if not await holds(connection, self._claim.id, self._claim.token):
                raise LeaseLostError(f"job {self._claim.job} was taken over", hint="The other worker redoes it.")
            yield connection
