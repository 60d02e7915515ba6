"""A database that takes no entry of the access log, for tests of what is shown then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text

from hub.desk import Desk


@asynccontextmanager
async def no_log(desk: Desk) -> AsyncIterator[None]:
    """The database takes no entry."""
    async with desk.store.write() as tx:
        await tx.execute(text("ALTER TABLE access_log RENAME TO put_away"))
    yield
    async with desk.store.write() as tx:
        await tx.execute(text("ALTER TABLE put_away RENAME TO access_log"))
