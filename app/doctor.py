"""The examination behind ``dispute-hub doctor``: each finding says OK, WARN or FAIL, and what to do."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import stat
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from app.certificates import check_own, ends_at
from app.hook_address import hook_address
from app.layout import strange_parts
from app.refusals import refusal, system_words
from app.staff_claims import claim_names
from app.staff_keys import published_keys
from connectors import registry
from hub import key_file
from hub.backup import DATA, KEYS
from hub.errors import HubError, TransientError
from hub.rotations import all_rotations, held_until
from hub.sealing import fingerprint_of
from hub.settings import Settings, load_settings, unknown_variables
from hub.store import guard, migrate
from hub.store.engine import Store, open_store
from hub.store.tables import APPEND_ONLY, backups
from hub.store.tables.identity import store_identity
from hub.store_identity import COUNTY, KEY

OK, WARN, FAIL = "OK", "WARN", "FAIL"
#: before its end a certificate is warned of
_CERTIFICATE_DAYS = 21
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
        findings.append(_no_settings(names))
    identity = await _identity(settings)
    findings += [*_key_file(settings.key_file, identity.get(KEY)), *_data_folder(settings.data_dir), *_disk(settings)]
    findings += [finding async for finding in _database(settings, identity.get(COUNTY))]
    for name in sorted(settings.instances):
        findings += _secret_file(settings, name)
    findings += [*_webhooks(settings), *_tls(settings)]
    findings += [finding async for finding in _sign_on(settings)]
    findings += await asyncio.gather(*(_instance(settings, name) for name in sorted(settings.instances)))
    return findings


def _no_settings(names: Sequence[str]) -> Finding:
    is_one = len(names) == 1
    return Finding(
        WARN, "environment", f"{', '.join(names)} {'is no setting' if is_one else 'are no settings'}",
        f"{'It does' if is_one else 'They do'} nothing: misspelt?",
    )  # fmt: skip


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


async def _identity(settings: Settings) -> Mapping[str, str]:
    """The county and the key that the database was made with; empty where it cannot be asked. Makes nothing."""
    if _missing_file(settings.store_url) is not None:
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


def _key_file(file: Path, sealed_with: str | None) -> Iterator[Finding]:
    """``sealed_with``: the fingerprint that the database remembers, None where it knows of no key."""
    what = "master key"
    if not file.exists():
        if sealed_with is None:
            yield Finding(WARN, what, f"{file} is not there yet", "`dispute-hub migrate` makes it.")
        else:
            yield Finding(
                FAIL, what, f"{file} is missing, and the database is sealed with it",
                "Put back your copy; no other key opens what is kept.",
            )  # fmt: skip
        return
    rights = _rights(file)
    if rights & 0o077:
        yield Finding(FAIL, what, f"{file} is open to others ({rights:o})", f"chmod 600 {file}")
    try:
        held = [fingerprint_of(key) for key in key_file.load(file)]
    except HubError as exc:
        yield Finding(FAIL, what, str(exc), exc.hint)
        return
    if sealed_with is not None and sealed_with not in held:
        yield Finding(
            FAIL, what, f"{file} is not the key this database was sealed with", "Put back the copy that belongs to it."
        )
    elif not rights & 0o077:
        yield Finding(OK, what, f"{file}; without a copy elsewhere everything sealed is lost with it")


def _rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _data_folder(folder: Path) -> Iterator[Finding]:
    """Names and addresses lie unsealed in the database: the folder is for the hub's user."""
    if not folder.exists():
        return
    rights = _rights(folder)
    if rights & 0o077:
        yield Finding(WARN, "data folder", f"{folder} is open to others ({rights:o})", f"chmod 700 {folder}")
    else:
        yield Finding(OK, "data folder", f"{folder}, for its owner alone")


def _secret_file(settings: Settings, name: str) -> Iterator[Finding]:
    one = settings.instances[name]
    for file in (one.secret_file, *one.webhook_secret_files):
        # one that is missing is told as the instance's failure
        if file is not None and file.exists() and (rights := _rights(file)) & 0o077:
            yield Finding(WARN, f"secret {name}", f"{file} is open to others ({rights:o})", f"chmod 600 {file}")


def _webhooks(settings: Settings) -> Iterator[Finding]:
    """Where they are taken. What is signed is not the address, so a secret of two instances fits both."""
    names: dict[str, list[str]] = {}
    for name in sorted(settings.instances):
        try:
            told = hook_address(settings, name)
            for secret in settings.instances[name].read_webhook_secrets(name):
                names.setdefault(secret, []).append(name)
        except HubError:
            # told as the instance's failure
            continue
        if told is not None and told.secrets:
            yield Finding(OK, f"webhooks {name}", str(told))
    for shared in {tuple(sorted(set(found))) for found in names.values() if len(set(found)) > 1}:
        yield Finding(
            WARN,
            "webhooks",
            f"{' and '.join(shared)} have a secret in common",
            "Agree on one secret for each instance.",
        )


async def _sign_on(settings: Settings) -> AsyncIterator[Finding]:
    """The sign-on service, where one is set: asked for its keys, which are everybody's to read."""
    what, issuer = "sign-on service", settings.oidc_issuer
    if not issuer:
        return
    try:
        claim_names(settings)
        names = sorted({kid for kid, _ in await published_keys(settings)})
    except TransientError as exc:
        yield Finding(WARN, what, f"{issuer} gives no keys: {exc.message}", "Check the route: nobody new comes in.")
    except HubError as exc:
        yield Finding(FAIL, what, exc.message, exc.hint)
    except ValueError:
        yield Finding(
            FAIL,
            what,
            f"what answers is not {issuer}",
            "Compare [hub] oidc_issuer, letter by letter, or oidc_jwks_url.",
        )
    else:
        if names:
            yield Finding(OK, what, f"{issuer} signs with {len(names)} key{'s' if len(names) > 1 else ''}")
        else:
            yield Finding(
                FAIL, what, f"{issuer} has no key for {', '.join(settings.oidc_algorithms)}", "Set oidc_algorithms."
            )


def _tls(settings: Settings) -> Iterator[Finding]:
    """The certificate, where the hub itself speaks HTTPS."""
    certificate, key = settings.tls_cert_file, settings.tls_key_file
    if certificate is None or key is None:
        return
    try:
        check_own(certificate, key)
    except HubError as exc:
        yield Finding(FAIL, "certificate", exc.message, exc.hint)
        return
    ends = ends_at(certificate)
    days = (ends - datetime.now(UTC)).days
    told = f"{certificate} ends on {ends:%Y-%m-%d}"
    level = OK if days >= _CERTIFICATE_DAYS else WARN if days >= 0 else FAIL
    yield Finding(level, "certificate", told, "" if level is OK else "Renew it, then start `serve` anew.")


def _disk(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    told = f"{free / (1 << 30):.1f} GB free in {folder}"
    yield Finding(OK, "disk", told) if free > _LEAST_DISK else Finding(WARN, "disk", told, "Make room.")


async def _database(settings: Settings, county: str | None) -> AsyncIterator[Finding]:
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
        if county not in (None, settings.county):
            yield Finding(
                FAIL, "county", f"the database belongs to {county}, the settings say {settings.county}",
                "Check [hub] county and database_url: every county has its own database.",
            )  # fmt: skip
        store = open_store(url)
        try:
            async for finding in _inside(store):
                yield finding
            async for finding in _rotated(store, settings):
                yield finding
            async for finding in _saved(store, settings):
                yield finding
        finally:
            await store.close()
    except (SQLAlchemyError, OSError, HubError) as exc:
        why, todo = (str(exc), exc.hint) if isinstance(exc, HubError) else refusal(exc)
        yield Finding(FAIL, "database", f"refuses: {why}", todo)
    except ImportError as exc:
        yield Finding(FAIL, "database", f"{exc.name} is not installed", "pip install 'dispute-hub[postgres]'")


def _missing_file(url: str) -> Path | None:
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


def _held(file: Path) -> set[str]:
    """The fingerprints of the keys in the file; empty where it cannot be read, which is told elsewhere."""
    try:
        return {fingerprint_of(key) for key in key_file.load(file)}
    except HubError:
        return set()


async def _rotated(store: Store, settings: Settings) -> AsyncIterator[Finding]:
    """Whether a change of keys is unfinished, or left something behind."""
    what, held = "rotation", _held(settings.key_file)
    async with store.read() as connection:
        found = await all_rotations(connection)
        until = await held_until(connection, datetime.now(UTC))
        key = await connection.scalar(select(store_identity.c.value).where(store_identity.c.name == KEY))
    for one in found:
        name = one.kind.lower()
        if one.finished_at is None:
            yield Finding(
                WARN, what, f"of the {name}, begun {one.started_at:%Y-%m-%d %H:%M} UTC, "
                + ("is running" if until else "is unfinished"),
                "It ends by itself." if until else f"`dispute-hub rotate {name}` goes on with it.",
            )  # fmt: skip
            if one.kind == "KEY" and held and one.old not in held:
                yield Finding(
                    FAIL, what, f"{settings.key_file} lacks {one.old}, which some values still want",
                    "Add the line of its copy to the file.",
                )  # fmt: skip
    if key not in held:
        return
    retired = {one.old for one in found if one.kind == "KEY" and one.finished_at is not None} - {key}
    if left := sorted(retired & held):
        yield Finding(
            WARN, what, f"{settings.key_file} still holds {', '.join(left)}, which opens nothing any more",
            "Copy the file from the machine where the rotation ran, or take out that line.",
        )  # fmt: skip
    if waiting := sorted(held - retired - {key} - {one.old for one in found}):
        yield Finding(
            WARN, what, f"{', '.join(waiting)} lies in {settings.key_file} and is not in force yet",
            "`dispute-hub rotate key` puts it in force.",
        )  # fmt: skip


async def _saved(store: Store, settings: Settings) -> AsyncIterator[Finding]:
    """Whether there is a copy of each master key still wanted, and a backup of late, as far as this database knows."""
    c = backups.c
    async with store.read() as connection:
        key = await connection.scalar(select(store_identity.c.value).where(store_identity.c.name == KEY))
        at = select(c.key_fingerprint, func.max(c.at).label("at")).where(c.kind == KEYS).group_by(c.key_fingerprint)
        copied = {row.key_fingerprint: row.at for row in await connection.execute(at)}
        saved = await connection.scalar(select(func.max(c.at)).where(c.kind == DATA))
        retired = {one.old for one in await all_rotations(connection) if one.finished_at is not None}
    held = _held(settings.key_file)
    wanted = set() if key is None else {key} | (held - retired if key in held else set())
    if missing := sorted(wanted - copied.keys()):
        yield Finding(
            WARN, "key copy", f"no copy of the master key {', '.join(missing)} is known",
            "`dispute-hub backup keys FOLDER` on another disk: without the key no backup is worth anything.",
        )  # fmt: skip
    elif wanted:
        oldest = min(copied[one] for one in wanted)
        yield Finding(OK, "key copy", f"of {oldest:%Y-%m-%d}; whether it is still there only you can see")
    days = settings.backup_within_days
    if not days:
        return
    if saved is None or datetime.now(UTC) - saved > timedelta(days=days):
        told = f"the last one is of {saved:%Y-%m-%d}" if saved else "none was made"
        yield Finding(WARN, "backup", told, "`dispute-hub backup make FOLDER`, daily; see docs/operator.md.")
    else:
        yield Finding(OK, "backup", f"of {saved:%Y-%m-%d %H:%M} UTC")


async def _instance(settings: Settings, name: str) -> Finding:
    """Known connector, readable secret, an address that takes connections. Asks the partner nothing."""
    one, what = settings.instances[name], f"instance {name}"
    try:
        registry.connector_class(one.connector)
        one.read_secret(name)
        one.read_webhook_secrets(name)
    except HubError as exc:
        return Finding(FAIL, what, str(exc), exc.hint)
    if one.folder is not None:
        if not one.folder.is_dir():
            return Finding(WARN, what, f"{one.folder} is not there", "Mount the shared folder, or correct `folder`.")
        return Finding(OK, what, f"{one.folder} can be entered")
    if not one.base_url:
        return Finding(FAIL, what, "has no base_url and no folder", f"Set one of them in [instances.{name}].")
    if one.proxy:
        return Finding(OK, what, f"{one.base_url} through {one.proxy}", f"Try `dispute-hub connectors check {name}`.")
    parts = urlsplit(one.base_url)
    try:
        await _connect(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
    except OSError as exc:
        return Finding(WARN, what, f"{one.base_url} does not answer: {system_words(exc)}", "Check the route.")
    return Finding(OK, what, f"{one.base_url} takes connections")


async def _connect(host: str, port: int) -> None:
    _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 5)
    writer.close()
