"""What the other tests stand on: a database of one's own, migrated or empty, on both engines."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine

from .databases import Database


@pytest.mark.parametrize("run", [1, 2])
async def test_nothing_stays_from_one_test_to_the_next(database: Database, run: int) -> None:
    assert "alembic_version" in await tables_of(database)
    assert "left_behind" not in await tables_of(database)
    await execute(database, "CREATE TABLE left_behind (id integer)")


async def test_an_empty_database_has_no_table(empty_database: Database) -> None:
    assert await tables_of(empty_database) == []


async def tables_of(database: Database) -> list[str]:
    def names(connection: Connection) -> list[str]:
        return inspect(connection).get_table_names()

    engine = create_async_engine(database.url)
    async with engine.connect() as connection:
        found = await connection.run_sync(names)
    await engine.dispose()
    return found


async def execute(database: Database, sql: str) -> None:
    engine = create_async_engine(database.url)
    async with engine.begin() as connection:
        await connection.execute(text(sql))
    await engine.dispose()
