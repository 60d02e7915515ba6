"""The examination behind ``dispute-hub doctor``: each finding says OK, WARN or FAIL, and what to do."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from connectors import registry
from hub.errors import HubError
from hub.settings import Settings, load_settings, unknown_variables
from hub.store import guard, migrate
from hub.store.engine import Store, open_store
from hub.store.tables import APPEND_ONLY

OK, WARN, FAIL = "OK", "WARN", "FAIL"
_OURS = ("hub", "connectors", "schema", "sync_jobs", "app")
_LEAST_DISK = 2 << 30
_WANTED_PRAGMAS = {"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "recursive_triggers": "1",
                   "secure_delete": "1"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination."""

    level: str
    what: str
    found: str
    todo: str = ""


async def examine(find: Callable[[], Path | None]) -> list[Finding]:
    """Everything, as far as it can be looked at. Never raises for what it finds."""
    findings = [*_packages(), _clock()]
    try:
        file = find()
        settings = load_settings(file)
    except HubError as exc:
        return [*findings, Finding(FAIL, "settings", str(exc), exc.hint)]
    findings.append(Finding(OK, "settings", str(file) if file else "no file, defaults and environment"))
    if names := unknown_variables():
        findings.append(Finding(WARN, "environment", f"{', '.join(names)} name no setting", "They do nothing."))
    findings += [*_key_file(settings), *_disk(settings)]
    findings += [finding async for finding in _database(settings)]
    findings += await asyncio.gather(*(_instance(settings, name) for name in sorted(settings.instances)))
    return findings


def _packages() -> Iterator[Finding]:
    """PyPI has packages of our names; installing one silently replaces ours."""
    home = Path(__file__).parent.parent
    strange = []
    for name in _OURS:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None or not Path(spec.origin).is_relative_to(home):
            strange.append(name)
    if strange:
        yield Finding(
            FAIL, "packages", f"{', '.join(strange)} are not ours",
            "Another distribution replaced them; install dispute-hub into an environment of its own.",
        )  # fmt: skip
    else:
        yield Finding(OK, "packages", "all are ours")


def _clock() -> Finding:
    now = datetime.now(UTC)
    if now.year < 2025:
        return Finding(WARN, "clock", f"{now:%Y-%m-%d %H:%M} UTC", "The machine's clock is behind; set it (NTP).")
    return Finding(OK, "clock", f"{now:%Y-%m-%d %H:%M:%S} UTC; partners allow 300 s of difference")


def _key_file(settings: Settings) -> Iterator[Finding]:
    file = settings.key_file
    if not file.exists():
        yield Finding(WARN, "master key", f"{file} is not there yet", "`dispute-hub migrate` makes it.")
        return
    rights = stat.S_IMODE(file.stat().st_mode)
    if rights & 0o077:
        yield Finding(FAIL, "master key", f"{file} is open to others ({rights:o})", f"chmod 600 {file}")
    else:
        yield Finding(OK, "master key", f"{file}; without a copy elsewhere everything sealed is lost with it")


def _disk(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    told = f"{free / (1 << 30):.1f} GB free in {folder}"
    yield Finding(OK, "disk", told) if free > _LEAST_DISK else Finding(WARN, "disk", told, "Make room.")


async def _database(settings: Settings) -> AsyncIterator[Finding]:
    url = settings.store_url
    if (gone := _missing_file(url)) is not None:
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
        store = open_store(url)
        try:
            async for finding in _inside(store):
                yield finding
        finally:
            await store.close()
    except (SQLAlchemyError, OSError, HubError) as exc:
        cause = type(getattr(exc, "orig", None) or exc).__name__
        yield Finding(FAIL, "database", f"does not answer ({cause})", "Check [hub] database_url and the server.")
    except ImportError as exc:
        yield Finding(FAIL, "database", f"{exc.name} is not installed", "pip install 'dispute-hub[postgres]'")


def _missing_file(url: str) -> Path | None:
    """SQLite's file, where it is missing: looking at it would make it."""
    file = Path(url.split("///", 1)[-1])
    return file if url.startswith("sqlite") and not file.exists() else None


async def _inside(store: Store) -> AsyncIterator[Finding]:
    async with store.read() as connection:
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


async def _instance(settings: Settings, name: str) -> Finding:
    """Known connector, readable secret, an address that takes connections. Asks the partner nothing."""
    one, what = settings.instances[name], f"instance {name}"
    try:
        registry.connector_class(one.connector)
        one.read_secret(name)
    except HubError as exc:
        return Finding(FAIL, what, str(exc), exc.hint)
    if not one.base_url:
        return Finding(FAIL, what, "has no base_url", f"Set it in [instances.{name}].")
    if one.proxy:
        return Finding(OK, what, f"{one.base_url} through {one.proxy}", f"Try `dispute-hub connectors check {name}`.")
    parts = urlsplit(one.base_url)
    try:
        await _connect(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
    except (OSError, TimeoutError) as exc:
        return Finding(WARN, what, f"{one.base_url} does not answer ({type(exc).__name__})", "Check the route.")
    return Finding(OK, what, f"{one.base_url} takes connections")


async def _connect(host: str, port: int) -> None:
    _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 5)
    writer.close()
