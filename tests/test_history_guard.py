"""The database itself guards history: nothing is changed, deleted, replaced or truncated, at the newest schema."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from hub.access_log import Look, log_first
from hub.principal import LOCAL
from hub.store import guard
from hub.store.migrate import current, head, upgrade_to_head
from hub.store.tables import APPEND_ONLY, metadata
from hub.vocabulary import AccessKind

from .databases import Database
from .hub_kit import deliver, diverted, open_desk, row

TABLES = [table.name for table in APPEND_ONLY]


async def test_history_refuses_to_be_rewritten(database: Database) -> None:
    async with open_desk(database.url) as desk:
        await deliver(desk, [row(logs=[diverted()]), row("a2", fwlsh="Fa1")])
        from hub.sequencer import sequence_all

        assert await sequence_all(desk) > 0
        await log_first(desk, Look(LOCAL, AccessKind.READ))
        for table in APPEND_ONLY:
            async with desk.store.read() as connection:
                before = (await connection.execute(text(f"SELECT count(*) FROM {table.name}"))).scalar_one()
            assert before > 0, f"{table.name} is empty, so nothing was tried"
            key = next(iter(table.primary_key.columns)).name
            attempts = [f"UPDATE {table.name} SET county = 'x'", f"DELETE FROM {table.name}"]
            if database.kind == "sqlite":
                columns = ", ".join(column.name for column in table.columns)
                attempts.append(f"INSERT OR REPLACE INTO {table.name} ({columns}) SELECT {columns} FROM {table.name}")
                attempts.append(f"REPLACE INTO {table.name} ({columns}) SELECT {columns} FROM {table.name} LIMIT 1")
                attempts.append(
                    f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM {table.name} WHERE true "
                    f"ON CONFLICT ({key}) DO UPDATE SET county = 'x'"
                )
            else:
                attempts.append(f"TRUNCATE {table.name} CASCADE")
                attempts.append(f"SET LOCAL session_replication_role = replica; DELETE FROM {table.name}")
            for attempt in attempts:
                with pytest.raises(DBAPIError):
                    async with desk.store.write() as tx:
                        for statement in attempt.split("; "):
                            await tx.execute(text(statement))
            async with desk.store.read() as connection:
                after = (await connection.execute(text(f"SELECT count(*) FROM {table.name}"))).scalar_one()
            assert after == before


async def test_the_guards_stand_at_the_head_of_all_migrations(database: Database) -> None:
    async with open_desk(database.url) as desk, desk.store.read() as connection:
        assert await connection.run_sync(lambda sync: guard.missing(sync, TABLES)) == []


async def test_a_missing_guard_is_seen(database: Database) -> None:
    name = "handling_events_no_change" if database.kind == "postgresql" else "handling_events_no_update"
    async with open_desk(database.url) as desk:
        async with desk.store.write() as tx:
            on = " ON handling_events" if database.kind == "postgresql" else ""
            await tx.execute(text(f"DROP TRIGGER {name}{on}"))
        async with desk.store.read() as connection:
            assert await connection.run_sync(lambda sync: guard.missing(sync, TABLES)) == [name]


async def test_the_migrations_make_what_the_tables_say(database: Database) -> None:
    async with open_desk(database.url) as desk, desk.store.read() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync, opts={"compare_type": True}), metadata)
        )
        assert differences == []


async def test_migrating_twice_changes_nothing(empty_database: Database) -> None:
    assert await current(empty_database.url) is None
    await upgrade_to_head(empty_database.url)
    await upgrade_to_head(empty_database.url)
    assert await current(empty_database.url) == head()
