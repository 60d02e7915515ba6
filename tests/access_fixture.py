"""The county of the plan, written once per kind of database and test process; whoever tests on it changes nothing."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hub.desk import Desk
from hub.store.engine import open_store

from .access_door import at_rest
from .access_kit import everybody, plan, write
from .databases import SQLITE, Database, SqliteDatabases
from .graphql_rows import desk_on

PLAN = plan()
EYES = everybody(PLAN)


async def _write(url: str) -> None:
    store = open_store(url)
    await write(desk_on(store), PLAN)
    await store.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def county(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database with the county in it."""
    with request.getfixturevalue(f"_{request.param}").migrated() as made:
        asyncio.run(_write(made.url))
        yield made


@pytest.fixture(scope="module")
def _written(_sqlite: SqliteDatabases) -> Iterator[Path]:
    """The county as a file, to be copied."""
    with _sqlite.migrated() as made:
        asyncio.run(_write(made.url))
        file = Path(made.url.removeprefix(SQLITE))
        with contextlib.closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        yield file


@pytest.fixture
def lone_county(_written: Path, _sqlite: SqliteDatabases) -> Iterator[Database]:
    """A county of this test's own: what a faulty hub writes is nobody else's."""
    with _sqlite.empty() as made:
        shutil.copyfile(_written, made.url.removeprefix(SQLITE))
        yield made


@pytest.fixture
async def desk(county: Database) -> AsyncIterator[Desk]:
    """A desk over it."""
    store = open_store(county.url)
    yield desk_on(store)
    await at_rest()
    await store.close()
