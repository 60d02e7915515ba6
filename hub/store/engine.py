"""The engine: one way to open either database, and two ways to use it, ``read`` and ``write``.

SQLite runs WAL with ``synchronous=FULL``, ``secure_delete`` and recursive triggers; every write starts
``BEGIN IMMEDIATE``, so that a read-then-write never loses an update and waiters queue instead of failing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

import orjson
from sqlalchemy import event
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from hub.errors import ConfigurationError

#: how long a SQLite writer waits for another before it fails
BUSY_TIMEOUT_MS = 30_000


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
        return create_async_engine(parsed, pool_size=8, max_overflow=8, pool_pre_ping=True, **options)
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
    writes = connection.get_execution_options().get("hub_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


class Store:
    """The open database. ``read`` never blocks a writer; ``write`` is one transaction, committed at its end."""

    def __init__(self, engine: AsyncEngine, writing: asyncio.Lock | None = None) -> None:
        self.engine = engine
        #: ``sqlite`` or ``postgresql``
        self.kind = engine.dialect.name
        #: held while this process writes to SQLite, whose own waiters ask again and again: whoever asks at the right
        #: moment goes first, and a busy lane kept another one waiting until it failed. Here they stand in line
        self.writing = writing or asyncio.Lock()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reading; whatever it began is rolled back."""
        async with self.engine.connect() as connection:
            yield connection
            await connection.rollback()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed when the block ends well, rolled back otherwise."""
        async with self._in_line(), self.engine.connect() as connection:
            connection = await connection.execution_options(hub_write=True)
            async with connection.begin():
                yield connection

    def _in_line(self) -> AbstractAsyncContextManager[None]:
        return self.writing if self.kind == "sqlite" else nullcontext()

    async def close(self) -> None:
        """Give all connections back."""
        await self.engine.dispose()


def open_store(url: str) -> Store:
    """Open a store; nothing is connected before its first use."""
    return Store(open_engine(url))
