"""Writers of one process take turns in the order of asking, and leave gaps; a transaction's size follows its time."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from hub.store import engine, pace
from hub.store.engine import Store, open_store
from hub.store.pace import Pace
from hub.store.turns import STREAK_S

from .databases import SQLITE, Database


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    opened = open_store(database.url)
    yield opened
    await opened.close()


async def test_writers_of_a_process_come_in_the_order_of_asking(store: Store) -> None:
    order: list[int] = []

    async def write(number: int) -> None:
        async with store.write():
            order.append(number)
            await asyncio.sleep(0.01)

    tasks = []
    for number in range(8):
        tasks.append(asyncio.create_task(write(number)))
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert sorted(order) == list(range(8))
    if store.has_one_writer:
        assert order == sorted(order)


async def test_who_writes_without_end_lets_another_process_in(database: Database) -> None:
    """Another process is another connection that knows nothing of our turns and waits as SQLite waits."""
    if database.kind != "sqlite":
        return
    store, done = open_store(database.url), asyncio.Event()

    async def without_end() -> None:
        while not done.is_set():
            async with store.write():
                await asyncio.sleep(STREAK_S / 2)

    def other() -> float:
        with closing(sqlite3.connect(database.url.removeprefix(SQLITE), isolation_level=None, timeout=0)) as wire:
            wire.execute("PRAGMA busy_timeout = 0")
            started = time.monotonic()
            while True:
                try:
                    wire.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError:
                    time.sleep(0.01)
                else:
                    wire.execute("ROLLBACK")
                    return time.monotonic() - started

    writing = asyncio.create_task(without_end())
    await asyncio.sleep(0.05)
    waited = [await asyncio.to_thread(other) for _ in range(3)]
    done.set()
    await writing
    await store.close()
    assert max(waited) < 20 * STREAK_S


async def test_a_writer_waits_for_another_process_and_gives_up_in_the_end(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.kind != "sqlite":
        return
    store = open_store(database.url)
    with closing(sqlite3.connect(database.url.removeprefix(SQLITE), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(_write(store))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        other.execute("ROLLBACK")
        await waiting
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr(engine, "BUSY_TIMEOUT_MS", 200)
        with pytest.raises(OperationalError, match="database is locked"):
            await _write(store)
        # a reader is not in the way of anybody, and nobody in his
        async with store.read() as connection:
            assert (await connection.execute(text("SELECT count(*) FROM jobs"))).scalar_one() == 0
        other.execute("ROLLBACK")
    await _write(store)
    await store.close()


async def _write(store: Store) -> None:
    async with store.write() as tx:
        await tx.execute(text("DELETE FROM jobs"))


async def test_a_cancelled_writer_holds_nobody(store: Store) -> None:
    begun = asyncio.Event()

    async def slow() -> None:
        async with store.write():
            begun.set()
            await asyncio.sleep(60)

    tasks = [asyncio.create_task(slow()), asyncio.create_task(slow())]
    await begun.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(10):
        await _write(store)


async def test_a_transaction_takes_as_much_as_fits(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(pace.time, "monotonic", lambda: now[0])
    paced, sizes = Pace(store, 500), []
    for per_item in (0.0005,) * 5 + (0.05,) * 2 + (0.0,):
        sizes.append(paced.size)
        with paced.measured():
            now[0] += per_item * paced.size
    if store.has_one_writer:
        assert sizes == [64, 128, 256, 500, 500, 500, 16, 16]
        assert paced.size == 32
    else:
        assert sizes == [500] * 8
    assert Pace(store, 7).size == 7
