"""What the other tests stand on: a database of one's own, migrated or empty, on both engines, and where it lies."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from hub.store import engine as engine_module
from hub.store.engine import open_store

from . import quick_folder
from .databases import Database


@pytest.mark.parametrize("run", [1, 2])
async def test_nothing_stays_from_one_test_to_the_next(database: Database, run: int) -> None:
    assert "alembic_version" in await tables_of(database)
    assert "left_behind" not in await tables_of(database)
    await execute(database, "CREATE TABLE left_behind (id integer)")


async def test_an_empty_database_has_no_table(empty_database: Database) -> None:
    assert await tables_of(empty_database) == []


async def test_writers_of_one_process_stand_in_line(database: Database) -> None:
    store = open_store(database.url)
    order: list[str] = []

    async def write(who: str, times: int) -> None:
        for _ in range(times):
            async with store.write() as tx:
                await tx.execute(text("SELECT 1"))
                order.append(who)
                # a transaction that works while it holds the database, as applying a batch does
                time.sleep(0.01)

    try:
        await asyncio.gather(write("greedy", 20), write("modest", 5))
    finally:
        await store.close()
    if database.kind == "sqlite":
        assert order[:10] == ["greedy", "modest"] * 5
    assert order.count("modest") == 5


async def test_who_freezes_inside_a_transaction_gives_its_locks_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.kind == "sqlite":
        pytest.skip("SQLite knows no sessions: there the writer's own process must end")
    await execute(database, "CREATE TABLE held (id integer)")
    monkeypatch.setattr(engine_module, "IDLE_IN_TRANSACTION_MS", 300)
    frozen = open_store(database.url)
    awake = open_store(database.url)
    try:
        with pytest.raises(DBAPIError):
            async with frozen.write() as tx:
                await tx.execute(text("LOCK TABLE held IN EXCLUSIVE MODE"))
                # sleeps with the lock until another has it
                async with asyncio.timeout(30), awake.write() as other:
                    await other.execute(text("LOCK TABLE held IN EXCLUSIVE MODE"))
                await tx.execute(text("SELECT 1"))
    finally:
        await frozen.close()
        await awake.close()


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


def test_what_a_killed_run_left_behind_goes_and_what_another_run_uses_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = "import os, signal; from pathlib import Path; from tests import quick_folder as q\n"
    killed += f"q._parent = lambda: Path({str(tmp_path)!r})\n"
    killed += "with q.quick_folder() as folder: (folder / 'file').touch(); os.kill(os.getpid(), signal.SIGKILL)"
    subprocess.run([sys.executable, "-c", killed], check=False, cwd=Path(__file__).parent.parent)
    (left,) = tmp_path.iterdir()
    assert (left / "file").exists()
    monkeypatch.setattr(quick_folder, "_parent", lambda: tmp_path)
    with quick_folder.quick_folder() as mine:
        assert not left.exists()
        with quick_folder.quick_folder() as other:
            assert mine.is_dir() and other.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_a_machine_without_room_in_memory_uses_its_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_folder, "MEMORY", tmp_path / "no such folder")
    with quick_folder.quick_folder() as folder:
        assert folder.parent != tmp_path
