"""The engine: one way to open either database, and two ways to use it, ``read`` and ``write``.

SQLite runs WAL with ``synchronous=FULL``, ``secure_delete`` and recursive triggers; every write starts
``BEGIN IMMEDIATE``, so that a read-then-write never loses an update and waiters queue instead of failing. Whoever
writes much leaves gaps (``hub.store.turns``), and whoever waits looks often enough to find one.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
from sqlalchemy import event
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from hub.errors import ConfigurationError
from hub.store.turns import NoTurns, Turns

#: how long a SQLite writer waits for another before it fails
BUSY_TIMEOUT_MS = 30_000
#: how long a PostgreSQL session may sit inside a transaction saying nothing: a frozen process gives its locks back
IDLE_IN_TRANSACTION_MS = 120_000
#: SQLite's own waiting looks ever more seldom, at last every 100 ms, and so would miss a short gap: it begins anew
_LOOK_MS = 30


def _dumps(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def open_engine(url: str) -> AsyncEngine:
    """An engine for ``sqlite+aiosqlite:///…`` or ``postgresql+asyncpg://…``. Raises ConfigurationError."""
    try:
        parsed = make_url(url)
    except ArgumentError as exc:
        raise ConfigurationError("the database URL cannot be read", hint="e.g. sqlite+aiosqlite:///hub.db") from exc
    if parsed.drivername not in ("sqlite+aiosqlite", "postgresql+asyncpg"):
        raise ConfigurationError(
            f"no database driver {parsed.drivername}",
            hint="Use sqlite+aiosqlite:///<file> or postgresql+asyncpg://<user>@<host>/<database>.",
        )
    # statements are no secret, their parameters are: neither errors nor the driver's own log may quote them
    options: dict[str, Any] = {
        "json_serializer": _dumps, "json_deserializer": orjson.loads, "hide_parameters": True,
    }  # fmt: skip
    if parsed.drivername == "postgresql+asyncpg":
        session = {"idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_MS)}
        return create_async_engine(
            parsed,
            pool_size=8,
            max_overflow=8,
            pool_pre_ping=True,
            connect_args={"server_settings": session},
            **options,
        )
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)
    engine = create_async_engine(parsed, **options)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # the driver must not begin transactions of its own accord: we choose between BEGIN and BEGIN IMMEDIATE
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "recursive_triggers = ON",
        "secure_delete = ON",
        "cache_size = -16384",
        "temp_store = MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    if not connection.get_execution_options().get("hub_write", False):
        connection.exec_driver_sql("BEGIN")
        return
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {_LOOK_MS}")
    try:
        while True:
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                return
            except OperationalError as exc:
                code = getattr(exc.orig, "sqlite_errorcode", 0)
                if code & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")


class Store:
    """The open database. ``read`` never blocks a writer; ``write`` is one transaction, committed at its end."""

    def __init__(self, engine: AsyncEngine, turns: Turns | NoTurns | None = None) -> None:
        """``turns``: of a store on the same engine, whose writers are ours too."""
        self.engine = engine
        #: ``sqlite`` or ``postgresql``
        self.kind = engine.dialect.name
        #: whether everybody who writes waits for everybody else
        self.has_one_writer = self.kind == "sqlite"
        self._steady = engine if self.has_one_writer else engine.execution_options(isolation_level="REPEATABLE READ")
        self.turns = turns or (Turns() if self.has_one_writer else NoTurns())
        #: the first act of every write
        self.before_write: Callable[[AsyncConnection], Awaitable[None]] | None = None

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reading; whatever it began is rolled back."""
        async with self.engine.connect() as connection:
            yield connection
            await connection.rollback()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """Like ``read``, and all its statements see the database as of one moment: its first statement's."""
        # SQLite's WAL gives every transaction that anyhow
        async with self._steady.connect() as connection:
            yield connection
            await connection.rollback()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed when the block ends well, rolled back otherwise.

        Never inside another one of the same store: on SQLite it would wait for itself.
        """
        async with self.turns.mine() as turn, self.engine.connect() as connection:
            connection = await connection.execution_options(hub_write=True)
            async with connection.begin():
                turn.begun()
                if self.before_write is not None:
                    await self.before_write(connection)
                yield connection

    async def overwrite_log(self) -> None:
        """Leave nothing that was overwritten in SQLite's log either, as far as readers let it; else nothing.

        What PostgreSQL keeps of old rows goes with its VACUUM.
        """
        if not self.has_one_writer:
            return
        async with self.engine.connect() as connection:
            # beside SQLAlchemy, which would begin a transaction: inside one there is no checkpoint
            driver: Any = (await connection.get_raw_connection()).driver_connection
            for pragma in ("busy_timeout = 2000", "wal_checkpoint(TRUNCATE)", f"busy_timeout = {BUSY_TIMEOUT_MS}"):
                await (await driver.execute(f"PRAGMA {pragma}")).close()

    async def close(self) -> None:
        """Give all connections back."""
        await self.engine.dispose()


def open_store(url: str) -> Store:
    """Open a store; nothing is connected before its first use."""
    return Store(open_engine(url))
