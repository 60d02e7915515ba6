"""The doctor looks at the database: that it is there, as this release made it, and keeps what it must."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from app.doctor.finding import FAIL, OK, Finding
from app.doctor.keys import rotated, saved
from app.layout import strange_parts
from app.refusals import refusal
from hub.errors import HubError
from hub.settings import Settings
from hub.store import guard, migrate
from hub.store.engine import Store, open_store
from hub.store.tables import APPEND_ONLY
from hub.store.tables.identity import store_identity

_WANTED_PRAGMAS = {"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "recursive_triggers": "1",
                   "secure_delete": "1"}  # fmt: skip


async def identity_of(settings: Settings) -> Mapping[str, str]:
    """The county and the key that the database was made with; empty where it cannot be asked. Makes nothing."""
    if missing_file(settings.store_url) is not None:
        return {}
    try:
        store = open_store(settings.store_url)
        try:
            async with store.read() as connection:
                return {row.name: row.value for row in await connection.execute(select(store_identity))}
        finally:
            await store.close()
    except (SQLAlchemyError, OSError, HubError, ImportError):
        # whatever is wrong with it is found again, and told, where the database is examined
        return {}


async def database_findings(settings: Settings, county: str | None) -> AsyncIterator[Finding]:
    url = settings.store_url
    if (gone := missing_file(url)) is not None:
        yield Finding(FAIL, "database", f"{gone} is not there", "Run `dispute-hub migrate`.")
        return
    try:
        found, wanted = await migrate.current(url), migrate.head()
        if found != wanted:
            yield Finding(
                FAIL, "migrations", f"at {found or 'nothing'}, needed is {wanted}", "Run `dispute-hub migrate`."
            )
            return
        yield Finding(OK, "migrations", f"at {found}")
        if county not in (None, settings.county):
            yield Finding(
                FAIL, "county", f"the database belongs to {county}, the settings say {settings.county}",
                "Check [hub] county and database_url: every county has its own database.",
            )  # fmt: skip
        store = open_store(url)
        try:
            async for finding in _inside(store):
                yield finding
            async for finding in rotated(store, settings):
                yield finding
            async for finding in saved(store, settings):
                yield finding
        finally:
            await store.close()
    except (SQLAlchemyError, OSError, HubError) as exc:
        why, todo = (str(exc), exc.hint) if isinstance(exc, HubError) else refusal(exc)
        yield Finding(FAIL, "database", f"refuses: {why}", todo)
    except ImportError as exc:
        yield Finding(FAIL, "database", f"{exc.name} is not installed", "pip install 'dispute-hub[postgres]'")


def missing_file(url: str) -> Path | None:
    """SQLite's file, where it is missing: looking at it would make it."""
    file = Path(url.split("///", 1)[-1])
    return file if url.startswith("sqlite") and not file.exists() else None


async def _inside(store: Store) -> AsyncIterator[Finding]:
    async with store.read() as connection:
        if strange := await strange_parts(connection):
            yield Finding(
                FAIL, "tables", f"not as this release made them: {', '.join(strange[:5])}",
                "Another release made this database: restore a backup of this one, or start with a new database.",
            )  # fmt: skip
        gone = await connection.run_sync(guard.missing, [table.name for table in APPEND_ONLY])
        if gone:
            yield Finding(FAIL, "history guard", f"missing: {', '.join(gone)}", "Restore a backup, or reinstall them.")
        else:
            yield Finding(OK, "history guard", "the database refuses to rewrite history")
        if store.kind == "sqlite":
            wrong = {
                name: value
                for name, wanted in _WANTED_PRAGMAS.items()
                if (value := str(await connection.scalar(text(f"PRAGMA {name}"))).lower()) != wanted
            }
            version = await connection.scalar(text("SELECT sqlite_version()"))
            if wrong:
                told = ", ".join(f"{name} is {value}" for name, value in wrong.items())
                yield Finding(FAIL, "SQLite", told, "The file system may not carry WAL: no network drives.")
            else:
                yield Finding(OK, "SQLite", f"{version}, WAL, every commit on the disk")
        else:
            version_num = int(str(await connection.scalar(text("SHOW server_version_num"))))
            level = OK if version_num >= 150_000 else FAIL
            todo = "" if level == OK else "PostgreSQL 15 or newer is needed."
            yield Finding(level, "PostgreSQL", str(version_num // 10_000), todo)
